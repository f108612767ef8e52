/* A pattern and a value, parted by the first line end: no crash, no hang, whatever they are. */
#include "model/label_pattern.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *value = strchr(text, '\n');
	struct err err;
	bool match;

	if (value != NULL) {
		*value++ = 0;
		label_pattern_match(text, value, &match, &err);
	}
	free(text);
	return 0;
}
