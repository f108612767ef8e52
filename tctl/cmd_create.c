/* tctl create, validate - the resources of files: into the cluster, or only looked at. */
#include "tctl/apply.h"
#include "tctl/cmd.h"
#include "tctl/resource_file.h"

#include "base/err.h"
#include "conf/args.h"

static void say_how(struct err *err)
{
	const struct err why = *err;

	err_set(err, why.code, "%s (-f replaces it)", why.msg);
}

int cmd_create(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct resource_file file = { 0 };
	struct apply how = { 0 };
	const struct args_option options[] = {
		{ "force", 'f', ARGS_FLAG, &how.replace },
		{ "accept-unenforced", 0, ARGS_FLAG, &how.accept_unenforced },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = resource_file_read(argv[0], how.accept_unenforced, &file, err);
	if (rc == 0)
		rc = apply_resources(t, file.items, file.count, &how, err);
	if (rc == 0)
		apply_print_notes(&file);
	else if (rc == ERR_EXISTS)
		say_how(err);
	resource_file_deinit(&file);
	return rc;
}

int cmd_validate(struct tctl *t, int argc, char **argv, struct err *err)
{
	bool as_file = true; /* said for those who are used to -f */
	bool accept_unenforced = false;
	const struct args_option options[] = {
		{ "file", 'f', ARGS_FLAG, &as_file },
		{ "accept-unenforced", 0, ARGS_FLAG, &accept_unenforced },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 1, CMD_ANY, &argc, argv, err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		struct resource_file file = { 0 };

		rc = resource_file_read(argv[i], accept_unenforced, &file, err);
		if (rc == 0) {
			apply_print_notes(&file);
			fprintf(t->out, "%s: %zu %s in order\n", argv[i], file.count,
			        file.count == 1 ? "resource is" : "resources are");
		}
		resource_file_deinit(&file);
	}
	return rc;
}
