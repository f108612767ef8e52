/* The user's roles over there in a line, parted by blanks, then the map: a remote name and a local
 * one, a line each. Mapped or refused, and what the check lets pass is no bad replacement later. */
#include "model/role_map.h"

#include "base/err.h"
#include "base/strlist.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 4
#define ROLES   4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text;
	char *line = strsep(&rest, "\n"), *roles[ROLES], *local[ENTRIES];
	pv_RoleMapping map[ENTRIES];
	size_t roles_count = 0, count = 0;
	struct strlist out = { 0 };
	struct err err;
	char *user;
	int rc;

	while (roles_count < ROLES && line != NULL && *line != 0)
		roles[roles_count++] = strsep(&line, " ");
	for (; count < ENTRIES && rest != NULL; count++) {
		map[count] = (pv_RoleMapping){ strsep(&rest, "\n"), 0, &local[count] };
		local[count] = strsep(&rest, "\n");
		map[count].local_count = local[count] != NULL;
	}
	if (role_map_check("map", map, count, &err) == 0) {
		rc = role_map_apply(map, count, roles, roles_count, &out, &err);
		assert(rc != ERR_INVALID);
		assert(rc != 0 || out.count > 0);
	}
	user = role_map_user(text, "root.example.com");
	assert(user != NULL && strncmp(user, "remote-", 7) == 0);
	free(user);
	strlist_deinit(&out);
	free(text);
	return 0;
}
