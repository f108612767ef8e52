/* tsh clusters - the login's own cluster, and those that let its people in. */
#include "tsh/api.h"
#include "tsh/cmd.h"
#include "tsh/refresh.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "model/listing.h"
#include "wire/fields.h"

#include "proto/cluster.fields.h"

#include <stdlib.h>
#include <string.h>

static int cluster_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_RemoteCluster *c = &r->of.remote_cluster;

	if (r->which_of != pv_Resource_remote_cluster_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no cluster");
	cells[0] = strdup(c->metadata.name != NULL ? c->metadata.name : "");
	cells[1] = strdup(str_empty(c->status.connection) ? "offline" : c->status.connection);
	cells[2] = listing_labels(c->metadata.labels, c->metadata.labels_count);
	return cells[2] != NULL ? 0 : err_set_nomem(err);
}

static const struct listing_table cluster_table = {
	.titles = { "Cluster Name", "Status", "Labels", NULL },
	.row = cluster_row,
};

/* It is where we have just been. */
static int add_own(struct listing *listing, const struct profile *p, struct err *err)
{
	pv_Resource own = { .which_of = pv_Resource_remote_cluster_tag };
	pv_RemoteCluster *c = &own.of.remote_cluster;
	int rc = fields_set_str(&c->metadata.name, p->data.cluster, err);

	c->has_metadata = c->has_status = true;
	if (rc == 0)
		rc = fields_set_str(&c->status.connection, "online", err);
	if (rc == 0)
		rc = listing_add(listing, &own, err);
	fields_release(&pv_RemoteCluster_table, c);
	return rc;
}

int cmd_clusters(struct tsh *t, int argc, char **argv, struct err *err)
{
	const struct api_query query = { .kind = "remote_cluster" };
	struct profile p = { 0 };
	struct api api = { 0 };
	struct listing *listing = NULL;
	enum listing_format format = LISTING_TEXT;
	const char *format_name = NULL;
	const struct args_option options[] = {
		{ "format", 'f', ARGS_TEXT, &format_name },
		{ 0 },
	};
	int rc = cmd_parse(t, options, &argc, argv, err);

	if (rc == 0)
		rc = listing_format_parse(format_name, &format, err);
	if (rc == 0)
		rc = cmd_open_own_profile(t, &p, err);
	if (rc == 0 && (listing = listing_new(format, &cluster_table)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = refresh_authorities(&api, &p, err);
	if (rc == 0)
		rc = add_own(listing, &p, err);
	if (rc == 0)
		rc = api_list(&api, &query, listing_add, listing, err);
	if (rc == 0)
		rc = listing_print(listing, stdout, err);
	api_close(&api);
	listing_free(listing);
	profile_deinit(&p);
	return rc;
}
