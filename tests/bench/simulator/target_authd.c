#include "tests/bench/simulator/target.h"

#include "tests/bench/simulator/identity.h"
#include "tests/bench/simulator/role.h"
#include "tests/bench/simulator/watcher.h"

#include "base/err.h"
#include "base/clock.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/heartbeat.h"
#include "model/resource.h"
#include "proto/auth.service.h"
#include "wire/fields.h"

#include "proto/auth.pb.h"

#include <string.h>

#define ROLES  "/roles/"
#define TTL_MS 60000 /* noded's own choice */

static int put(struct rpc_client *client, const char *name, unsigned number, rpc_unary_cb cb,
               void *ctx, struct err *err)
{
	pv_PutResourceRequest request = { .has_resource = true, .replace = true };
	struct role role;

	role_fill(&role, name, number);
	request.resource = role.resource;
	return rpc_unary_start(client, AUTH_PUT_RESOURCE, &request, 0, cb, ctx, NULL, err);
}

/* --- a node ---------------------------------------------------------------------------------- */

static int set_all(const char *const values[], char **const fields[], size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (fields_set_str(fields[i], values[i], err) != 0)
			return err->code;
	return 0;
}

static int record(void *ctx, pv_Node *out, struct err *err)
{
	const struct member *m = ctx;
	const char *const values[] = { "node",           "v2",
		                       m->identity->id,  m->identity->id,
		                       "192.0.2.1:3022", POSTERN_VERSION };
	char **const fields[] = { &out->kind,          &out->version,   &out->metadata.name,
		                  &out->spec.hostname, &out->spec.addr, &out->spec.version };

	out->has_metadata = out->has_spec = true;
	return set_all(values, fields, sizeof(values) / sizeof(*values), err);
}

static void on_announced(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err; /* the heart goes on trying */
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	if (now != NULL && str_starts(key, ROLES))
		herd_saw(ctx, key + strlen(ROLES));
}

static void on_state(void *ctx, const struct err *err)
{
	struct member *m = ctx;

	herd_live(m, err == NULL);
	if (err == NULL)
		heartbeat_kick(m->heartbeat);
}

static int start(struct member *m, struct err *err)
{
	static const char *const kinds[] = { "role", "lock", "cert_authority", "session", NULL };
	const struct cache_conf conf = {
		.loop = herd_loop(m->herd),
		.client = m->client,
		.kinds = kinds,
		.ctx = m,
		.changed = on_changed,
		.state = on_state,
	};

	const struct heartbeat_conf heart = {
		.loop = conf.loop,
		.clock = clock_system(),
		.client = m->client,
		.ttl_ms = TTL_MS,
		.ctx = m,
		.record = record,
		.on_announced = on_announced,
	};

	if (heartbeat_open(&heart, &m->heartbeat, err) != 0)
		return err->code;
	return cache_new(&conf, &m->cache, err);
}

static void stop(struct member *m)
{
	cache_free(m->cache);
	m->cache = NULL;
	heartbeat_close(m->heartbeat);
	m->heartbeat = NULL;
}

/* --- one that only watches ------------------------------------------------------------------- */

static void on_message(struct member *m, const void *message)
{
	const pv_WatchEvent *event = message;

	if (event->type == pv_WatchEvent_Type_SYNCED)
		herd_live(m, true);
	if (event->type == pv_WatchEvent_Type_PUT)
		herd_saw(m, resource_name(&event->resource));
}

static int open_watch(struct member *m, const struct rpc_stream_events *events,
                      struct rpc_stream **out, struct err *err)
{
	pv_WatchKind kind = { .kind = (char *)(uintptr_t) "role" };
	const pv_WatchRequest request = { .kinds = &kind, .kinds_count = 1 };

	return rpc_stream_start(m->client, AUTH_WATCH, &request, 0, events, m, out, err);
}

static int start_watch(struct member *m, struct err *err)
{
	static const struct watcher_way way = { open_watch, on_message };

	return watcher_start(m, &way, err);
}

const struct target *target_authd_watch(void)
{
	static const struct target target = { .name = "authd-watch",
		                              .server_name = "authd",
		                              .puts = &pv_Auth_service,
		                              .watches = &pv_Auth_service,
		                              .put = put,
		                              .start = start_watch,
		                              .stop = watcher_stop };

	return &target;
}

const struct target *target_authd(void)
{
	static const struct target target = { .name = "authd",
		                              .server_name = "authd",
		                              .puts = &pv_Auth_service,
		                              .watches = &pv_Auth_service,
		                              .put = put,
		                              .start = start,
		                              .stop = stop };

	return &target;
}
