/* A template against fixed traits: it expands or it is refused, and both say the same. */
#include "model/template.h"

#include "base/err.h"
#include "base/strlist.h"

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
	struct err err;

	if (template_check(text, &err) != 0 && template_expand(text, &traits, &out, &err) == 0)
		abort();
	strlist_deinit(&out);
	free(text);
	return 0;
}
