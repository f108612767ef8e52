/* tctl tokens - add, ls, rm. */
#include "tctl/cmd.h"
#include "tctl/output.h"
#include "tctl/remove.h"
#include "tctl/text_file.h"
#include "tctl/tokens.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/strlist.h"
#include "conf/args.h"

#include <string.h>

#define VALUE_MAX 4096

/* The first line of the file: a value in a command line would be in everybody's `ps`. */
static int read_value(const char *file, struct buf *out, struct err *err)
{
	int rc = text_file_read(file, VALUE_MAX, out, err);

	if (rc == 0 && out->len > 0)
		out->data[strcspn((char *)out->data, "\r\n")] = 0;
	if (rc == 0 && *buf_str(out) == 0)
		rc = err_set(err, ERR_INVALID, "'%s' holds no token", file);
	return rc;
}

int cmd_tokens_add(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct strlist types = { 0 };
	const char *ttl_text = NULL;
	const char *value_file = NULL;
	struct buf value = { 0 };
	pv_CreateTokenRequest request = { 0 };
	const struct args_option options[] = {
		{ "type", 0, ARGS_LIST, &types },
		{ "ttl", 0, ARGS_TEXT, &ttl_text },
		{ "reusable", 0, ARGS_FLAG, &request.reusable },
		{ "value-file", 0, ARGS_TEXT, &value_file },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl_text, &request.ttl, err);
	if (rc == 0 && types.count == 0)
		rc = err_set(err, ERR_INVALID, "for what? (--type=node)");
	if (rc == 0 && value_file != NULL)
		rc = read_value(value_file, &value, err);
	if (rc == 0) {
		request.roles = types.items;
		request.roles_count = (pb_size_t)types.count;
		request.value = (char *)value.data;
		rc = tokens_create(t, &request, output_token, err);
	}
	buf_wipe(&value);
	strlist_deinit(&types);
	return rc;
}

int cmd_tokens_ls(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"token" };
	int rc = cmd_parse(t, NULL, 0, 0, &argc, argv, err);

	return rc == 0 ? output_list(t, &query, err) : rc;
}

int cmd_tokens_rm(struct tctl *t, int argc, char **argv, struct err *err)
{
	int rc = cmd_parse(t, NULL, 1, CMD_ANY, &argc, argv, err);

	return rc == 0 ? remove_names(t, "token", argc, argv, err) : rc;
}
