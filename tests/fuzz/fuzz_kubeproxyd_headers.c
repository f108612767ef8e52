/* Lines "name: value": nothing that is not a client's to say goes on, nobody becomes who they may
 * not be. */
#include "kubeproxyd/request/headers.h"

#include "base/err.h"
#include "kubeproxyd/request/impersonation.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t cut(char *text, struct http1_header *out, size_t max)
{
	char *rest = text, *line;
	size_t n = 0;

	while (n < max && (line = strsep(&rest, "\n")) != NULL) {
		char *value = strchr(line, ':');

		if (value == NULL)
			continue;
		*value++ = 0;
		out[n++] = (struct http1_header){ line, value };
	}
	return n;
}

static void choose(const struct http1_header *headers, size_t count)
{
	static char jane[] = "jane", devs[] = "devs", ops[] = "ops";
	static char *users[] = { jane }, *groups[] = { devs, ops };
	const struct strlist may_users = { users, 1, 1 }, may_groups = { groups, 2, 2 };
	struct impersonation i;
	struct err err;

	if (impersonation_choose(&i, headers, count, &may_users, &may_groups, &err) != 0) {
		assert(err.code == ERR_DENIED);
		return;
	}
	assert(strcmp(i.user, jane) == 0 && i.groups.count >= 1 && i.groups.count <= 2);
	for (size_t k = 0; k < i.groups.count; k++)
		assert(strlist_has(&may_groups, i.groups.items[k]));
	impersonation_deinit(&i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1_header headers[HEADERS_MAX + 4];
	struct headers to = { .count = 0 };
	char *text = strndup((const char *)data, size);
	struct err err;
	size_t count;

	if (text == NULL)
		return 0;
	count = cut(text, headers, HEADERS_MAX + 4);
	choose(headers, count);
	if (headers_take_request(&to, headers, count, &err) == 0)
		for (size_t i = 0; i < to.count; i++)
			assert(strncasecmp(to.items[i].name, "impersonate-", 12) != 0 &&
			       strcasecmp(to.items[i].name, "authorization") != 0 &&
			       strcasecmp(to.items[i].name, "transfer-encoding") != 0);
	headers_deinit(&to);
	free(text);
	return 0;
}
