#include "tests/bench/simulator/target.h"

#include "tests/bench/simulator/role.h"
#include "tests/bench/simulator/watcher.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/method.h"
#include "wire/fields.h"

#include "proto/etcd.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define ROLES        "/roles/"
#define BEHIND_ROLES "/roles0" /* the first key behind all that begin with it */

static const struct rpc_signature kv_calls[] = {
	{ "Put", RPC_UNARY, &pv_EtcdPutRequest_table, &pv_EtcdPutResponse_table },
};

static const struct rpc_signature watch_calls[] = {
	{ "Watch", RPC_BIDI, &pv_EtcdWatchRequest_table, &pv_EtcdWatchResponse_table },
};

static const struct rpc_service kv = { "etcdserverpb.KV", kv_calls, 1 };
static const struct rpc_service watch = { "etcdserverpb.Watch", watch_calls, 1 };

static int set_key(pb_bytes_array_t **field, const char *name, struct err *err)
{
	char *key = str_printf(ROLES "%s", name);
	int rc = key != NULL ? fields_set_bytes(field, key, strlen(key), err) : err_set_nomem(err);

	free(key);
	return rc;
}

/* The same bytes that authd stores. */
static int set_value(pb_bytes_array_t **field, const char *name, unsigned number, struct err *err)
{
	struct buf bytes = { 0 };
	struct role role;
	int rc;

	role_fill(&role, name, number);
	rc = fields_encode(&pv_Resource_table, &role.resource, &bytes, err);
	if (rc == 0)
		rc = fields_set_bytes(field, bytes.data, bytes.len, err);
	buf_deinit(&bytes);
	return rc;
}

static int put(struct rpc_client *client, const char *name, unsigned number, rpc_unary_cb cb,
               void *ctx, struct err *err)
{
	pv_EtcdPutRequest request = { 0 };
	int rc = set_key(&request.key, name, err);

	if (rc == 0)
		rc = set_value(&request.value, name, number, err);
	if (rc == 0)
		rc = rpc_unary_start(client, 0, &request, 0, cb, ctx, NULL, err);
	fields_release(&pv_EtcdPutRequest_table, &request);
	return rc;
}

/* --- a watcher ------------------------------------------------------------------------------- */

static void on_message(struct member *m, const void *message)
{
	const pv_EtcdWatchResponse *answer = message;

	if (answer->created)
		herd_live(m, true);
	for (size_t i = 0; i < answer->events_count; i++) {
		const pb_bytes_array_t *key = answer->events[i].kv.key;
		char name[256];

		if (key == NULL || key->size < strlen(ROLES) || key->size >= sizeof(name))
			continue;
		memcpy(name, key->bytes, key->size);
		name[key->size] = 0;
		herd_saw(m, name + strlen(ROLES));
	}
}

static int send_request(struct rpc_stream *s, struct err *err)
{
	pv_EtcdWatchRequest request = { .has_create_request = true };
	int rc = fields_set_bytes(&request.create_request.key, ROLES, strlen(ROLES), err);

	if (rc == 0)
		rc = fields_set_bytes(&request.create_request.range_end, BEHIND_ROLES,
		                      strlen(BEHIND_ROLES), err);
	if (rc == 0)
		rc = rpc_stream_send(s, &request, err);
	fields_release(&pv_EtcdWatchRequest_table, &request);
	return rc;
}

static int open_watch(struct member *m, const struct rpc_stream_events *events,
                      struct rpc_stream **out, struct err *err)
{
	struct err ignored;

	if (rpc_stream_start(m->client, 0, NULL, 0, events, m, out, err) != 0)
		return err->code;
	if (send_request(*out, &ignored) != 0)
		rpc_stream_cancel(*out);
	return 0;
}

static int start(struct member *m, struct err *err)
{
	static const struct watcher_way way = { open_watch, on_message };

	return watcher_start(m, &way, err);
}

const struct target *target_etcd(void)
{
	static const struct target target = { .name = "etcd",
		                              .puts = &kv,
		                              .watches = &watch,
		                              .put = put,
		                              .start = start,
		                              .stop = watcher_stop };

	return &target;
}
