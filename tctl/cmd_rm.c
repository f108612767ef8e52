/* tctl rm - remove resources by kind and name. */
#include "tctl/cmd.h"
#include "tctl/ref.h"
#include "tctl/remove.h"

#include "base/err.h"
#include "conf/args.h"
#include "model/resource.h"

int cmd_rm(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct ref ref;
	int rc = cmd_parse(t, NULL, 1, CMD_ANY, &argc, argv, err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		rc = ref_parse_one(argv[i], &ref, err);
		if (rc == 0)
			rc = remove_one(t, ref.kind->name, ref.sub_kind, ref.name, err);
	}
	return rc;
}
