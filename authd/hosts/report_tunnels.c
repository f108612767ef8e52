/*
 * report_tunnels - a proxy says which agents have a tunnel to it: one record each, under its own
 * host id and the agent's, which goes by itself when the proxy falls silent.
 *
 * All that one report says is one write.
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/hosts/calls.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "model/identity.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "store/keyspace.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdio.h>
#include <stdlib.h>

#define REPORTED_MAX 500
#define TTL_MIN      1000
#define TTL_MAX      (3600 * 1000)
#define NAME_SIZE    80

struct report {
	struct pending pending;
	size_t count;
	struct keyspace_op *ops;
	struct reported {
		char key[RESOURCE_KEY_SIZE];
		struct buf bytes;
	} * items;
};

static void report_free(struct report *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; r->items != NULL && i < r->count; i++)
		buf_deinit(&r->items[i].bytes);
	free(r->items);
	free(r->ops);
	free(r);
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	struct report *r = arg;

	(void)revision;
	pending_end(&r->pending, &(pv_Empty){ 0 }, err);
	report_free(r);
}

static int encode(struct authd *a, const char *proxy, const pv_ReportedTunnel *in, char *name,
                  struct reported *out, struct err *err)
{
	const pv_TunnelConnection record = {
		.has_metadata = true,
		.metadata = { .name = name },
		.has_spec = true,
		.spec = {
			.cluster_name = in->cluster_name,
			.proxy_name = (char *)(uintptr_t)proxy,
			.agent_id = in->agent_id,
			.last_heartbeat = clock_wall_ms(a->clock),
			.type = (char *)(uintptr_t)(str_eq(in->cluster_name, a->conf.cluster_name)
		                                            ? "node"
		                                            : "proxy"),
		},
	};
	pv_Resource r = { .which_of = pv_Resource_tunnel_connection_tag };
	int rc = fields_clone(&pv_TunnelConnection_table, &record, &r.of.tunnel_connection, err);

	if (rc == 0)
		rc = resource_validate(&r, err);
	if (rc == 0)
		rc = resource_bytes(a, out->key, &r, &out->bytes, err);
	resource_deinit(&r);
	return rc;
}

static int fill_one(struct authd *a, const char *proxy, const pv_ReportedTunnel *in, int64_t until,
                    struct reported *out, struct keyspace_op *op, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find("tunnel_connection");
	char name[NAME_SIZE];

	if (str_empty(in->agent_id) || !resource_is_uuid(in->agent_id))
		return err_set(err, ERR_INVALID, "an agent's id is no UUID");
	snprintf(name, sizeof(name), "%s-%s", proxy, in->agent_id);
	if (resource_key(out->key, kind, NULL, name, err) != 0)
		return err->code;
	if (in->lost) {
		*op = keyspace_op_delete(out->key);
		op->condition = KEYSPACE_IF_ANY;
		return 0;
	}
	if (encode(a, proxy, in, name, out, err) != 0)
		return err->code;
	*op = keyspace_op_put(out->key, out->bytes.data, out->bytes.len, until);
	return 0;
}

static int64_t bounded(int64_t ttl)
{
	if (ttl < TTL_MIN)
		return TTL_MIN;
	return ttl > TTL_MAX ? TTL_MAX : ttl;
}

static int fill(struct report *r, struct rpc_call *call, struct err *err)
{
	const pv_ReportTunnelsRequest *in = rpc_call_request(call);
	struct authd *a = authd_of(call);
	int64_t until = clock_wall_ms(a->clock) + bounded(in->ttl);

	if (in->tunnels_count == 0 || in->tunnels_count > REPORTED_MAX)
		return err_set(err, ERR_INVALID, "a report is of 1 to %d tunnels", REPORTED_MAX);
	r->items = calloc(in->tunnels_count, sizeof(*r->items));
	r->ops = calloc(in->tunnels_count, sizeof(*r->ops));
	if (r->items == NULL || r->ops == NULL)
		return err_set_nomem(err);
	for (; r->count < in->tunnels_count; r->count++)
		if (fill_one(a, caller_of(call)->identity.host_id, &in->tunnels[r->count], until,
		             &r->items[r->count], &r->ops[r->count], err) != 0)
			return err->code;
	return 0;
}

void handle_report_tunnels(struct rpc_call *call)
{
	struct report *r = calloc(1, sizeof(*r));
	struct err err;
	int rc;

	rc = r != NULL ? fill(r, call, &err) : err_set_nomem(&err);
	if (rc == 0)
		rc = keyspace_write(authd_of(call)->keyspace, r->ops, r->count, on_written, r,
		                    &err);
	if (rc == 0) {
		pending_begin(&r->pending, call);
		return;
	}
	rpc_call_fail(call, &err);
	report_free(r);
}
