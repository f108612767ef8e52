/*
 * announce - hosts say what they are: a record under the host's own id.
 *
 * It is written when it differs from what is stored; the same once more only keeps its lease.
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/hosts/calls.h"
#include "authd/hosts/host_record.h"
#include "authd/hosts/presence.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define TTL_MIN 1000

struct announce {
	struct pending pending;
	pv_Resource resource;
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes;
	pv_AnnounceResponse answer;
};

static void announce_free(struct announce *a)
{
	resource_deinit(&a->resource);
	buf_deinit(&a->bytes);
	free(a);
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	struct announce *a = arg;

	(void)revision;
	pending_end(&a->pending, &a->answer, err);
	announce_free(a);
}

static int64_t bounded_ttl(const struct authd *authd, int64_t asked)
{
	if (asked <= 0 || asked > authd->conf.node_ttl)
		return authd->conf.node_ttl;
	return asked < TTL_MIN ? TTL_MIN : asked;
}

/* The record as it is stored: valid, of the caller's own kind, and with no expiry of its own: its
 * lease ends it. */
static int fill(struct announce *a, const struct peer *peer, const pv_Node *node, int64_t ttl,
                struct err *err)
{
	pv_Metadata *meta;

	if (host_record_key(peer, node->metadata.name, a->key, &a->resource.which_of, err) != 0 ||
	    fields_clone(&pv_Node_table, node, &a->resource.of.node, err) != 0 ||
	    fields_set_str(&a->resource.of.node.kind, NULL, err) != 0)
		return err->code;
	a->resource.of.node.spec.ttl = a->answer.ttl = ttl;
	meta = resource_metadata(&a->resource);
	meta->expires = 0;
	if (fields_set_str(&meta->revision, NULL, err) != 0)
		return err->code;
	return resource_validate(&a->resource, err);
}

static bool is_stored(struct authd *authd, const struct announce *a)
{
	struct keyspace_item old = { 0 };
	struct err ignored;
	bool same = keyspace_get(authd->keyspace, a->key, &old, &ignored) == 0 &&
	            old.expires == 0 && old.len == a->bytes.len &&
	            memcmp(old.value, a->bytes.data, old.len) == 0;

	keyspace_item_deinit(&old);
	return same;
}

static int write_record(struct announce *a, struct authd *authd, struct err *err)
{
	const struct keyspace_op op = keyspace_op_put(a->key, a->bytes.data, a->bytes.len, 0);

	return keyspace_write(authd->keyspace, &op, 1, on_written, a, err);
}

/* Writes the record, or finds that there is nothing to write; *out_waits tells which. */
static int announce_start(struct announce *a, struct rpc_call *call, bool *out_waits,
                          struct err *err)
{
	const pv_AnnounceRequest *request = rpc_call_request(call);
	struct authd *authd = authd_of(call);
	int64_t ttl = bounded_ttl(authd, request->ttl);

	if (fill(a, caller_of(call), &request->node, ttl, err) != 0 ||
	    resource_bytes(authd, a->key, &a->resource, &a->bytes, err) != 0)
		return err->code;
	*out_waits = !is_stored(authd, a) || !presence_keep(authd->presence, a->key, &ttl);
	return *out_waits ? write_record(a, authd, err) : 0;
}

void handle_announce(struct rpc_call *call)
{
	struct announce *a = calloc(1, sizeof(*a));
	bool waits = false;
	struct err err;
	int rc;

	rc = a != NULL ? announce_start(a, call, &waits, &err) : err_set_nomem(&err);
	if (rc == 0 && waits) {
		pending_begin(&a->pending, call);
		return;
	}
	if (rc == 0)
		rpc_call_reply(call, &a->answer);
	else
		rpc_call_fail(call, &err);
	if (a != NULL)
		announce_free(a);
}
