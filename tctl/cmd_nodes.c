/* tctl nodes - add, ls. */
#include "tctl/cmd.h"
#include "tctl/output.h"
#include "tctl/tokens.h"

#include "base/err.h"
#include "base/strlist.h"
#include "conf/args.h"

#include <stdlib.h>
#include <string.h>

int cmd_nodes_add(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct strlist roles = { 0 };
	const char *ttl_text = NULL;
	pv_CreateTokenRequest request = { 0 };
	const struct args_option options[] = {
		{ "roles", 0, ARGS_LIST, &roles },
		{ "ttl", 0, ARGS_TEXT, &ttl_text },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl_text, &request.ttl, err);
	if (rc == 0 && roles.count == 0)
		rc = strlist_add(&roles, "Node", err);
	if (rc == 0) {
		request.roles = roles.items;
		request.roles_count = (pb_size_t)roles.count;
		rc = tokens_create(t, &request, output_join, err);
	}
	strlist_deinit(&roles);
	return rc;
}

/* "key=value" words; the words are cut in two and borrowed. */
static int fill_labels(pv_ListResourcesRequest_LabelsEntry *labels, int count, char **words,
                       struct err *err)
{
	for (int i = 0; i < count; i++) {
		char *equals = strchr(words[i], '=');

		if (equals == NULL)
			return err_set(err, ERR_INVALID, "'%s' is not a label (key=value)",
			               words[i]);
		*equals = 0;
		labels[i].key = words[i];
		labels[i].value = equals + 1;
	}
	return 0;
}

int cmd_nodes_ls(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"node" };
	const char *search = NULL;
	const struct args_option options[] = {
		{ "search", 0, ARGS_TEXT, &search },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 0, CMD_ANY, &argc, argv, err);

	if (rc != 0)
		return rc;
	query.search = (char *)search;
	query.labels = calloc((size_t)argc + 1, sizeof(*query.labels));
	query.labels_count = (pb_size_t)argc;
	rc = query.labels != NULL ? fill_labels(query.labels, argc, argv, err) : err_set_nomem(err);
	if (rc == 0)
		rc = output_list(t, &query, err);
	free(query.labels);
	return rc;
}
