/* A template and, in the next lines, what a trait holds besides: it expands or it is refused, and
 * the check says the same. */
#include "model/template.h"

#include "base/err.h"
#include "base/strlist.h"
#include "model/regex.h"
#include "model/template_inside.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static void expand(const char *text, char *value)
{
	static char other[] = "alice@example.com";
	char *values[TEMPLATE_VALUES + 1];
	const pv_Identity_TraitsEntry entries[] = {
		{ TEXT("logins"), true, { 2, values } },
		{ TEXT("email"), true, { 1, values } },
		{ TEXT("many"), true, { TEMPLATE_VALUES + 1, values } },
	};
	const struct traits traits = { entries, 3 };
	struct strlist out = { 0 };
	struct err err;
	int checked = template_check(text, &err);

	values[0] = value;
	for (size_t i = 1; i <= TEMPLATE_VALUES; i++)
		values[i] = other;
	if (template_expand(text, &traits, &out, &err) == 0)
		assert(checked == 0);
	strlist_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *value = text;
	struct template_matcher matcher;
	struct err err;

	strsep(&value, "\n");
	expand(text, value != NULL ? value : TEXT("team-red"));
	if (template_matcher_parse(text, &matcher, &err) == 0) {
		assert(template_is_matcher(text));
		regex_free(matcher.take_regex);
	}
	free(text);
	return 0;
}
