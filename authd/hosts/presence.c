/*
 * presence - hosts say that they are there: a record under the host's own id, which expires when
 * the host falls silent.
 *
 * When nothing but time has changed, only the expiry is written.
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/hosts/calls.h"

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
};

static void announce_free(struct announce *a)
{
	resource_deinit(&a->resource);
	buf_deinit(&a->bytes);
	free(a);
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	const pv_Empty nothing = pv_Empty_init_zero;
	struct announce *a = arg;

	(void)revision;
	pending_end(&a->pending, &nothing, err);
	announce_free(a);
}

/* What a host of each system role announces itself as. */
static pb_size_t kind_for(const struct peer *peer)
{
	if (peer_is_host(peer, "Proxy"))
		return pv_Resource_proxy_tag;
	return peer_is_host(peer, "Node") ? pv_Resource_node_tag : 0;
}

static int check_own(const struct peer *peer, const pv_Node *node, struct err *err)
{
	const char *name = node->metadata.name;

	if (name != NULL && strcmp(name, peer->identity.host_id) == 0)
		return 0;
	return err_set(err, ERR_DENIED, "host '%s' may not announce itself as '%s'",
	               peer->identity.host_id, name != NULL ? name : "");
}

/* The record as it is stored: valid, of the caller's own kind, and with no expiry in its bytes. */
static int fill(struct announce *a, const struct peer *peer, const pv_Node *node, struct err *err)
{
	pv_Metadata *meta;

	a->resource.which_of = kind_for(peer);
	if (a->resource.which_of == 0)
		return err_set(err, ERR_DENIED,
		               "hosts of system role %s do not announce themselves",
		               peer->identity.system_role);
	if (check_own(peer, node, err) != 0 ||
	    fields_clone(&pv_Node_table, node, &a->resource.of.node, err) != 0 ||
	    fields_set_str(&a->resource.of.node.kind, NULL, err) != 0)
		return err->code;
	meta = resource_metadata(&a->resource);
	meta->expires = 0;
	if (fields_set_str(&meta->revision, NULL, err) != 0 ||
	    resource_validate(&a->resource, err) != 0)
		return err->code;
	return resource_key_of(a->key, &a->resource, err);
}

static bool is_unchanged(const struct keyspace_item *old, const struct buf *bytes)
{
	return old->len == bytes->len && memcmp(old->value, bytes->data, old->len) == 0;
}

static int write_record(struct announce *a, struct authd *authd, int64_t ttl, struct err *err)
{
	int64_t expires = authd_now(authd) + ttl;
	struct keyspace_item old = { 0 };
	struct keyspace_op op;
	struct err ignored;

	if (resource_bytes(authd, a->key, &a->resource, &a->bytes, err) != 0)
		return err->code;
	op = keyspace_op_put(a->key, a->bytes.data, a->bytes.len, expires);
	if (keyspace_get(authd->keyspace, a->key, &old, &ignored) == 0 &&
	    is_unchanged(&old, &a->bytes))
		op = keyspace_op_extend(a->key, expires);
	keyspace_item_deinit(&old);
	return keyspace_write(authd->keyspace, &op, 1, on_written, a, err);
}

static int64_t bounded_ttl(const struct authd *authd, int64_t asked)
{
	if (asked <= 0 || asked > authd->conf.node_ttl)
		return authd->conf.node_ttl;
	return asked < TTL_MIN ? TTL_MIN : asked;
}

void handle_announce(struct rpc_call *call)
{
	const pv_AnnounceRequest *request = rpc_call_request(call);
	struct announce *a = calloc(1, sizeof(*a));
	struct authd *authd = authd_of(call);
	struct err err;
	int rc;

	if (a == NULL)
		rc = err_set_nomem(&err);
	else
		rc = fill(a, caller_of(call), &request->node, &err);
	if (rc == 0)
		rc = write_record(a, authd, bounded_ttl(authd, request->ttl), &err);
	if (rc == 0) {
		pending_begin(&a->pending, call);
		return;
	}
	rpc_call_fail(call, &err);
	if (a != NULL)
		announce_free(a);
}
