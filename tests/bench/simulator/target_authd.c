#include "tests/bench/simulator/target.h"

#include "tests/bench/simulator/identity.h"
#include "tests/bench/simulator/role.h"

#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "cache/cache.h"
#include "loop/timer.h"
#include "proto/auth.service.h"

#include "proto/auth.pb.h"

#include <string.h>

#define ROLES       "/roles/"
#define TTL_MS      (10 * 60 * 1000)
#define RETRY_MS    5000
#define ANNOUNCE_MS 60000 /* how long an announcement may take */

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

static void on_announced(void *ctx, const void *response, const struct err *err)
{
	struct member *m = ctx;

	(void)response;
	if (err == NULL)
		herd_kept_alive(m);
	timer_once(m->timer, rand_jitter(err != NULL ? RETRY_MS : TTL_MS / 2));
}

static void announce(void *owner)
{
	struct member *m = owner;
	char *id = m->identity->id;
	const pv_AnnounceRequest request = {
		.has_node = true,
		.node = { .kind = (char *)(uintptr_t) "node",
		          .version = (char *)(uintptr_t) "v2",
		          .has_metadata = true,
		          .metadata = { .name = id },
		          .has_spec = true,
		          .spec = { .addr = (char *)(uintptr_t) "192.0.2.1:3022",
		                    .hostname = id,
		                    .version = (char *)(uintptr_t)POSTERN_VERSION } },
		.ttl = TTL_MS,
	};
	struct err err;

	if (rpc_unary_start(m->client, AUTH_ANNOUNCE, &request, ANNOUNCE_MS, on_announced, m, NULL,
	                    &err) != 0)
		timer_once(m->timer, rand_jitter(RETRY_MS));
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	if (now != NULL && str_starts(key, ROLES))
		herd_saw(ctx, key + strlen(ROLES));
}

static void on_state(void *ctx, const struct err *err)
{
	herd_live(ctx, err == NULL);
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

	m->timer = timer_new(conf.loop, announce, m);
	if (m->timer == NULL)
		return err_set_nomem(err);
	timer_once(m->timer, 0);
	return cache_new(&conf, &m->cache, err);
}

static void stop(struct member *m)
{
	cache_free(m->cache);
	m->cache = NULL;
	timer_free(m->timer);
	m->timer = NULL;
}

const struct target *target_authd(void)
{
	static const struct target target = { .name = "authd",
		                              .server_name = "authd",
		                              .puts = &pv_Auth_service,
		                              .watches = &pv_Auth_service,
		                              .keep_alive_s = TTL_MS / 2 / 1000,
		                              .put = put,
		                              .start = start,
		                              .stop = stop };

	return &target;
}
