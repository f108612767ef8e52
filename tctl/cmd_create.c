/* tctl create - make the resources of a file; nothing is made when one of them is not valid. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/resource_file.h"
#include "tctl/text_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "conf/yaml.h"
#include "model/resource.h"

static int load(const char *file, struct resource_file *out, struct err *err)
{
	struct buf text = { 0 };
	int rc = text_file_read(file, YAML_SIZE_MAX, &text, err);

	if (rc == 0)
		rc = resource_file_parse(str_eq(file, "-") ? "standard input" : file,
		                         buf_str(&text), text.len, out, err);
	buf_wipe(&text);
	return rc;
}

static int exists_already(const pv_Resource *r, struct err *err)
{
	return err_set(err, ERR_EXISTS, "create %s '%s': already exists (-f replaces it)",
	               resource_kind_of(r)->name, resource_name(r));
}

/* Looks before anything is made, so that the usual mistake leaves nothing half done. Tokens are
 * not kept under the value that is their name here. */
static int check_absent(struct tctl *t, pv_Resource *r, struct err *err)
{
	const pv_GetResourceRequest request = {
		.kind = (char *)resource_kind_of(r)->name,
		.sub_kind = *resource_sub_kind(r),
		.name = (char *)resource_name(r),
	};
	struct err answer;
	int rc;

	if (r->which_of == pv_Resource_token_tag)
		return 0;
	rc = api_call(t, AUTH_GET_RESOURCE, &request, NULL, &answer);
	if (rc == 0)
		return exists_already(r, err);
	return rc == ERR_NOT_FOUND ? 0 : err_copy(err, &answer);
}

static int put(struct tctl *t, const pv_Resource *r, bool replace, struct err *err)
{
	/* A shallow copy: the request only borrows. */
	const pv_PutResourceRequest request = {
		.has_resource = true,
		.resource = *r,
		.replace = replace,
	};

	return api_call(t, AUTH_PUT_RESOURCE, &request, NULL, err);
}

static int create(struct tctl *t, const pv_Resource *r, bool force, struct err *err)
{
	const char *kind = resource_kind_of(r)->name;
	const char *done = "created";
	int rc = put(t, r, false, err);

	if (rc == ERR_EXISTS && !force)
		return exists_already(r, err);
	if (rc == ERR_EXISTS) {
		done = "updated";
		rc = put(t, r, true, err);
	}
	if (rc != 0)
		return err_wrap(err, "create %s '%s'", kind, resource_name(r));
	if (r->which_of == pv_Resource_token_tag)
		fprintf(t->out, "token has been %s\n", done);
	else
		fprintf(t->out, "%s \"%s\" has been %s\n", kind, resource_name(r), done);
	return 0;
}

int cmd_create(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct resource_file file = { 0 };
	bool force = false;
	const struct args_option options[] = {
		{ "force", 'f', ARGS_FLAG, &force },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = load(argv[0], &file, err);
	for (size_t i = 0; rc == 0 && !force && i < file.count; i++)
		rc = check_absent(t, &file.items[i], err);
	for (size_t i = 0; rc == 0 && i < file.count; i++)
		rc = create(t, &file.items[i], force, err);
	resource_file_deinit(&file);
	return rc;
}
