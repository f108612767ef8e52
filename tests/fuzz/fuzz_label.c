/* A pattern and a value, parted by the first line end: no crash, no hang, and what is compiled once
 * judges as what is compiled for the occasion. */
#include "model/label_pattern.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void judge(const struct label_pattern *p, const char *text, const char *value)
{
	bool match = false, once = false;
	struct err err;
	int rc = label_pattern_test(p, value, &match, &err);

	assert(strcmp(label_pattern_text(p), text) == 0);
	assert(label_pattern_match(text, value, &once, &err) == rc);
	assert(match == once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *value = text;
	struct label_pattern *p = NULL;
	struct err err;
	bool ignored;
	int rc;

	strsep(&value, "\n");
	rc = label_pattern_new(&p, text, &err);
	assert(label_pattern_check(text, &err) == rc);
	if (rc == 0 && value != NULL)
		judge(p, text, value);
	else if (rc != 0)
		assert(label_pattern_match(text, "", &ignored, &err) == rc);
	label_pattern_free(p);
	free(text);
	return 0;
}
