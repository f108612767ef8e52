/* tsh ls - the nodes that the user's roles let see. */
#include "tsh/api.h"
#include "tsh/cmd.h"
#include "tsh/refresh.h"

#include "base/err.h"
#include "conf/args.h"
#include "model/listing.h"

#include <stdlib.h>
#include <string.h>

static char *copy(const char *s)
{
	return strdup(s != NULL ? s : "");
}

static int node_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_Node *node = &r->of.node;

	if (r->which_of != pv_Resource_node_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no node");
	cells[0] = copy(node->spec.hostname);
	cells[1] = copy(node->metadata.name);
	cells[2] = node->spec.use_tunnel ? strdup("<- Tunnel") : copy(node->spec.addr);
	cells[3] = listing_labels(node->metadata.labels, node->metadata.labels_count);
	return cells[3] != NULL ? 0 : err_set_nomem(err);
}

static const struct listing_table node_table = {
	.titles = { "Node Name", "Node ID", "Address", "Labels", NULL },
	.row = node_row,
};

int cmd_ls(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	struct api api = { 0 };
	struct listing *listing = NULL;
	struct api_query query = { .kind = "node" };
	enum listing_format format = LISTING_TEXT;
	const char *format_name = NULL;
	const struct args_option options[] = {
		{ "search", 0, ARGS_TEXT, &query.search },
		{ "format", 'f', ARGS_TEXT, &format_name },
		{ 0 },
	};
	int rc = cmd_parse(t, options, &argc, argv, err);

	query.labels = argv;
	query.label_count = argc;
	if (rc == 0)
		rc = listing_format_parse(format_name, &format, err);
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0 && (listing = listing_new(format, &node_table)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = api_list(&api, &query, listing_add, listing, err);
	if (rc == 0)
		rc = refresh_authorities(&api, &p, err);
	if (rc == 0)
		rc = listing_print(listing, stdout, err);
	api_close(&api);
	listing_free(listing);
	profile_deinit(&p);
	return rc;
}
