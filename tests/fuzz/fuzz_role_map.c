/* A remote name, a local one and a remote role, a line each: mapped or refused, and what the check
 * lets pass is no bad replacement later. */
#include "model/role_map.h"

#include "base/err.h"
#include "base/strlist.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text;
	char *remote = strsep(&rest, "\n"), *local = strsep(&rest, "\n");
	pv_RoleMapping map = { remote, 1, &local };
	struct strlist out = { 0 };
	struct err err;
	int rc;

	if (local != NULL && rest != NULL && role_map_check("map", &map, 1, &err) == 0) {
		rc = role_map_apply(&map, 1, &rest, 1, &out, &err);
		if (rc == ERR_INVALID)
			abort();
	}
	strlist_deinit(&out);
	free(text);
	return 0;
}
