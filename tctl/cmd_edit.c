/*
 * tctl edit - a resource in the administrator's editor, put back unless somebody else was faster.
 *
 * Whatever goes wrong after the editor, the edited text stays in its file, which the message names.
 */
#include "tctl/api.h"
#include "tctl/apply.h"
#include "tctl/cmd.h"
#include "tctl/editor.h"
#include "tctl/ref.h"
#include "tctl/resource_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "conf/yaml.h"
#include "file/file.h"
#include "model/resource.h"
#include "wire/fields.h"

#include <string.h>
#include <unistd.h>

/* The revision goes with it whatever the editor did: it is what was looked at. */
static int take_over(struct resource_file *file, const pv_Resource *old, struct err *err)
{
	pv_Resource *new = &file->items[0];

	if (file->count != 1)
		return err_set(err, ERR_INVALID, "one resource was to be edited, and there are %zu",
		               file->count);
	if (new->which_of != old->which_of || strcmp(resource_name(new), resource_name(old)) != 0 ||
	    strcmp(resource_sub_kind_of(new), resource_sub_kind_of(old)) != 0)
		return err_set(err, ERR_INVALID,
		               "kind and name stay as they are (tctl create makes another)");
	return fields_set_str(&resource_metadata(new)->revision,
	                      resource_metadata_of(old)->revision, err);
}

static int put_back(struct tctl *t, const char *path, const pv_Resource *old, struct apply *how,
                    struct err *err)
{
	struct resource_file file = { 0 };
	int rc = resource_file_read(path, how->accept_unenforced, &file, err);

	if (rc == 0)
		rc = take_over(&file, old, err);
	if (rc == 0)
		rc = apply_resources(t, file.items, file.count, how, err);
	if (rc == 0)
		apply_print_notes(&file);
	resource_file_deinit(&file);
	return rc;
}

static bool is_as_it_was(const char *path, const struct buf *text)
{
	struct buf now = { 0 };
	struct err ignored;
	bool same = file_read(path, YAML_SIZE_MAX, &now, &ignored) == 0 && now.len == text->len &&
	            memcmp(now.data, text->data, now.len) == 0;

	buf_deinit(&now);
	return same;
}

static int edit(struct tctl *t, const pv_Resource *r, struct apply *how, struct err *err)
{
	char path[EDITOR_PATH_SIZE];
	struct buf text = { 0 };
	int rc = fields_to_yaml(resource_kind_of(r)->table, &r->of, 0, &text, err);

	if (rc == 0)
		rc = editor_open(path, text.data, text.len, err);
	if (rc != 0)
		goto out;
	api_close(t); /* who knows how long this takes */
	rc = editor_run(path, err);
	if (rc == 0 && is_as_it_was(path, &text))
		fprintf(t->out, "%s \"%s\" was not edited\n", resource_kind_of(r)->name,
		        resource_name(r));
	else if (rc == 0)
		rc = put_back(t, path, r, how, err);
	if (rc == 0)
		unlink(path);
	else {
		const struct err why = *err;

		err_set(err, why.code, "%s; your text is in '%s'", why.msg, path);
	}
out:
	buf_deinit(&text);
	return rc;
}

int cmd_edit(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct apply how = { .replace = true };
	const struct args_option options[] = {
		{ "accept-unenforced", 0, ARGS_FLAG, &how.accept_unenforced },
		{ 0 },
	};
	pv_GetResourceRequest request = { 0 };
	struct ref ref;
	pv_Resource r;
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = ref_parse_one(argv[0], &ref, err);
	if (rc != 0)
		return rc;
	request.kind = (char *)ref.kind->name;
	request.sub_kind = (char *)ref.sub_kind;
	request.name = (char *)ref.name;
	if (api_call(t, AUTH_GET_RESOURCE, &request, &r, err) != 0)
		return err->code;
	rc = edit(t, &r, &how, err);
	resource_deinit(&r);
	return rc;
}
