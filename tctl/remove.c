#include "tctl/remove.h"

#include "tctl/api.h"
#include "tctl/cmd.h"

#include "base/err.h"
#include "model/resource.h"

#include <string.h>

int remove_one(struct tctl *t, const char *kind, const char *sub_kind, const char *name,
               struct err *err)
{
	const pv_DeleteResourceRequest request = {
		.kind = (char *)kind,
		.sub_kind = (char *)sub_kind,
		.name = (char *)name,
	};

	if (api_call(t, AUTH_DELETE_RESOURCE, &request, NULL, err) != 0)
		return err_wrap(err, "remove %s '%s'", kind, name);
	fprintf(t->out, "%s \"%s\" has been %s\n", kind, name,
	        resource_kind_find(kind)->singleton != NULL ? "reset to its defaults" : "deleted");
	return 0;
}

int remove_names(struct tctl *t, const char *kind, int count, char **words, struct err *err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < count; i++) {
		char *rest = words[i];
		char *name;

		while (rc == 0 && (name = strsep(&rest, ",")) != NULL)
			if (*name != 0)
				rc = remove_one(t, kind, NULL, name, err);
	}
	return rc;
}
