#include "authd/trust/leaves.h"

#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "loop/timer.h"
#include "model/trust.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/cluster.fields.h"

#include <stdint.h>
#include <stdlib.h>

#define PREFIX "/remote_clusters/"

struct leaves {
	struct authd *authd;
	struct map *counts; /* cluster -> connections, as a number */
	struct timer *beat;
};

/* --- the record ------------------------------------------------------------------------------ */

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	(void)arg;
	(void)revision;
	if (err != NULL && err->code != ERR_CONFLICT && err->code != ERR_NOT_FOUND)
		log_warn("status of a leaf not noted", kv("error", err->msg));
}

static int set_status(pv_RemoteCluster *c, bool online, int64_t now, struct err *err)
{
	c->has_status = true;
	if (online)
		c->status.last_heartbeat = now;
	return fields_set_str(&c->status.connection, online ? "online" : "offline", err);
}

static int put(struct authd *a, pv_Resource *r, struct err *err)
{
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	struct keyspace_op op;
	int64_t revision;
	int rc = str_to_i64(resource_metadata_of(r)->revision, 1, INT64_MAX, &revision, err);

	if (rc == 0)
		rc = resource_key_of(key, r, err);
	if (rc == 0)
		rc = resource_bytes(a, key, r, &bytes, err);
	if (rc == 0) {
		op = keyspace_op_update_at(key, (uint64_t)revision, bytes.data, bytes.len,
		                           resource_metadata(r)->expires);
		rc = keyspace_write(a->keyspace, &op, 1, on_written, NULL, err);
	}
	buf_deinit(&bytes);
	return rc;
}

static void note(struct leaves *l, const char *cluster, bool online)
{
	pv_Resource r = pv_Resource_init_zero;
	struct authd *a = l->authd;
	struct err err;
	int rc = resource_load(a, resource_kind_find("remote_cluster"), NULL, cluster, &r, &err);

	if (rc == 0)
		rc = set_status(&r.of.remote_cluster, online, authd_now(a), &err);
	if (rc == 0)
		rc = put(a, &r, &err);
	if (rc != 0 && rc != ERR_NOT_FOUND)
		log_warn("status of a leaf not noted", kv("cluster", cluster),
		         kv("error", err.msg));
	resource_deinit(&r);
}

/* --- connections ----------------------------------------------------------------------------- */

/* The leaf that a connection is of; NULL: of none. */
static const char *leaf_of(const struct rpc_conn *conn)
{
	const struct peer *peer = rpc_conn_data(conn) != NULL ? caller_of_conn(conn) : NULL;

	if (peer == NULL || peer->kind != PEER_REMOTE ||
	    !str_eq(peer->identity.system_role, TRUST_LEAF))
		return NULL;
	return peer->identity.cluster;
}

static struct leaves *leaves_of(const struct rpc_conn *conn)
{
	struct authd *a = rpc_server_ctx(rpc_conn_server(conn));

	return a->leaves;
}

int leaves_conn_opened(struct rpc_conn *conn, struct err *err)
{
	struct leaves *l = leaves_of(conn);
	const char *cluster;
	uintptr_t count;

	if (caller_opened(conn, err) != 0)
		return err->code;
	cluster = leaf_of(conn);
	if (l == NULL || cluster == NULL)
		return 0;
	count = (uintptr_t)map_get(l->counts, cluster);
	if (map_put(l->counts, cluster, (void *)(count + 1), NULL) == 0 && count == 0)
		note(l, cluster, true);
	return 0;
}

void leaves_conn_closed(struct rpc_conn *conn)
{
	struct leaves *l = leaves_of(conn);
	const char *cluster = leaf_of(conn);
	uintptr_t count;

	if (l != NULL && cluster != NULL) {
		count = (uintptr_t)map_remove(l->counts, cluster);
		if (count > 1)
			(void)map_put(l->counts, cluster, (void *)(count - 1), NULL);
		else if (count == 1)
			note(l, cluster, false);
	}
	caller_closed(conn);
}

/* --- time ------------------------------------------------------------------------------------ */

static int look(void *arg, const struct keyspace_item *item)
{
	const char *cluster = item->key + sizeof(PREFIX) - 1;
	struct leaves *l = arg;
	pv_Resource r;
	struct err ignored;

	if (resource_of_item(item, &r, &ignored) != 0)
		return 0;
	if (map_get(l->counts, cluster) != NULL)
		note(l, cluster, true);
	else if (str_eq(r.of.remote_cluster.status.connection, "online") &&
	         authd_now(l->authd) - r.of.remote_cluster.status.last_heartbeat > LEAVES_GONE_MS)
		note(l, cluster, false);
	resource_deinit(&r);
	return 0;
}

static void on_beat(void *owner)
{
	const struct keyspace_query all = { .prefix = PREFIX };
	struct leaves *l = owner;
	struct err err;

	if (keyspace_each(l->authd->keyspace, &all, look, l, NULL, &err) != 0)
		log_warn("status of leaves not noted", kv("error", err.msg));
}

int leaves_open(struct authd *a, struct leaves **out, struct err *err)
{
	struct leaves *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set_nomem(err);
	l->authd = a;
	l->counts = map_new();
	l->beat = timer_new(a->loop, on_beat, l);
	if (l->counts == NULL || l->beat == NULL) {
		leaves_close(l);
		return err_set_nomem(err);
	}
	timer_every(l->beat, LEAVES_BEAT_MS);
	*out = l;
	return 0;
}

void leaves_close(struct leaves *l)
{
	if (l == NULL)
		return;
	timer_free(l->beat);
	map_free(l->counts);
	free(l);
}
