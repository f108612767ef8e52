/* A template against fixed traits: it expands or it is refused, and both say the same. */
#include "model/template.h"

#include "base/err.h"
#include "base/strlist.h"
#include "model/regex.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static char *values[] = { TEXT("alice@example.com"), TEXT("team-red") };
static const pv_Identity_TraitsEntry entries[] = {
	{ TEXT("logins"), true, { 2, values } },
	{ TEXT("email"), true, { 1, values } },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct traits traits = { entries, 2 };
	char *text = strndup((const char *)data, size);
	struct strlist out = { 0 };
	struct template_matcher matcher;
	struct err err;
	int checked = template_check(text, &err);
	int expanded = template_expand(text, &traits, &out, &err);

	if (checked != 0 && expanded == 0)
		abort();
	if (template_matcher_parse(text, &matcher, &err) == 0) {
		if (!template_is_matcher(text))
			abort();
		regex_free(matcher.take_regex);
	}
	strlist_deinit(&out);
	free(text);
	return 0;
}
