/*
 * cache_world - a cache, an authd of one watch that says what a test wants, and what the cache's
 * owner was told.
 */
#ifndef TESTS_UNIT_CACHE_WORLD_H
#define TESTS_UNIT_CACHE_WORLD_H

#include "cache/cache.h"

#include "base/str.h"
#include "file/file.h"
#include "loop/listen.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "rpc/server.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/streams.h"

#include <stdio.h>

/* An authd of one watch, and what the cache made of it. */
struct world {
	uv_loop_t *loop;
	char dir[64];
	char sock[96];
	char addr[112];
	char copy[96];
	struct rpc_server *server;
	struct listen *listen;
	struct rpc_client *client;
	bool stopped;
	bool client_closed;

	struct rpc_call *watch; /* the one that is open */
	int watches;
	int64_t after;       /* what the last one asked to resume behind */
	char asked[64];      /* its kinds */
	struct cache *cache; /* NULL: none */
	char told[512];      /* "+dev:one -ops ", since the last look */
	int live;
	int lost;
	char why[200];
	char left_out[64];
	size_t max_bytes; /* of the next cache */
};

/* --- authd ------------------------------------------------------------------------------------ */

static inline void on_canceled(struct rpc_call *call)
{
	struct world *w = rpc_call_server_ctx(call);

	if (w->watch == call)
		w->watch = NULL;
}

static inline void on_watch(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .canceled = on_canceled };
	struct world *w = rpc_call_server_ctx(call);
	const pv_WatchRequest *request = rpc_call_request(call);
	size_t used = 0;

	rpc_call_set_events(call, &events, w);
	w->watch = call;
	w->watches++;
	w->after = request->after_revision;
	*w->asked = 0;
	for (pb_size_t i = 0; i < request->kinds_count; i++)
		used += (size_t)snprintf(w->asked + used, sizeof(w->asked) - used, "%s ",
		                         request->kinds[i].kind);
}

static inline int allow(struct rpc_call *call, const struct rpc_method *m, struct err *err)
{
	(void)call;
	(void)m;
	(void)err;
	return 0;
}

static inline void on_accept(void *owner, struct stream *take_stream)
{
	struct err err = { 0 };

	assert_int_equal(
	        rpc_server_attach(((struct world *)owner)->server, take_stream, NULL, &err), 0);
}

static inline void authd_comes(struct world *w)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct listen_limits limits = { 0 };
	static const struct rpc_method methods[] = { { .call = AUTH_WATCH, .handle = on_watch } };
	const struct rpc_server_conf conf = { .loop = w->loop,
		                              .main = { &pv_Auth_service, methods, 1 },
		                              .ctx = w,
		                              .authorize = allow };
	struct err err = { 0 };

	w->server = rpc_server_new(&conf, &err);
	assert_non_null(w->server);
	w->listen = listen_new(w->loop, &limits, &handler, w);
	if (listen_add(w->listen, w->addr, &err) != 0)
		fail_msg("%s", err.msg);
}

static inline void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

static inline void authd_goes(struct world *w)
{
	listen_free(w->listen);
	w->stopped = false;
	rpc_server_stop(w->server, 0, on_stopped);
	turn_until(w->loop, w->stopped);
	unlink(w->sock);
}

static inline void send_event(struct world *w, const pv_WatchEvent *event)
{
	struct err err = { 0 };

	assert_non_null(w->watch);
	if (rpc_call_send(w->watch, event, &err) != 0)
		fail_msg("%s", err.msg);
}

static inline void send_init(struct world *w, bool snapshot, int64_t revision)
{
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_INIT,
	                                .snapshot = snapshot,
	                                .revision = revision });
}

static inline void send_role(struct world *w, const char *name, const char *text, int64_t revision)
{
	pv_WatchEvent event = { .type = pv_WatchEvent_Type_PUT,
		                .has_resource = true,
		                .revision = revision };
	pv_Role *role = &event.resource.of.role;

	event.resource.which_of = pv_Resource_role_tag;
	role->kind = (char *)(uintptr_t) "role";
	role->has_metadata = true;
	role->metadata.name = (char *)(uintptr_t)name;
	role->metadata.description = (char *)(uintptr_t)text;
	send_event(w, &event);
}

static inline void send_delete(struct world *w, const char *kind, const char *name,
                               int64_t revision)
{
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_DELETE,
	                                .kind = (char *)(uintptr_t)kind,
	                                .name = (char *)(uintptr_t)name,
	                                .revision = revision });
}

static inline void send_synced(struct world *w, int64_t revision)
{
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_SYNCED, .revision = revision });
}

static inline void break_off(struct world *w)
{
	const struct err over = { ERR_UNAVAILABLE, "over" };
	struct rpc_call *call = w->watch;

	w->watch = NULL;
	rpc_call_fail(call, &over);
}

/* --- the cache and its owner -------------------------------------------------------------------
 */

static inline void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	struct world *w = ctx;
	size_t used = strlen(w->told);

	assert_true(str_starts(key, "/roles/"));
	if (now != NULL)
		snprintf(w->told + used, sizeof(w->told) - used, "+%s:%s ", key + 7,
		         now->of.role.metadata.description);
	else
		snprintf(w->told + used, sizeof(w->told) - used, "-%s ", key + 7);
}

static inline void on_state(void *ctx, const struct err *err)
{
	struct world *w = ctx;

	if (err == NULL)
		w->live++;
	else
		w->lost++;
	if (err != NULL)
		str_copy(w->why, sizeof(w->why), err->msg);
}

static inline void on_left_out(void *ctx, const char *kind, const char *reason)
{
	struct world *w = ctx;

	snprintf(w->left_out, sizeof(w->left_out), "%s: %s", kind, reason);
}

static inline void cache_begins(struct world *w)
{
	static const char *const kinds[] = { "role", "lock", NULL };
	const struct cache_conf conf = { .loop = w->loop,
		                         .client = w->client,
		                         .kinds = kinds,
		                         .path = w->copy,
		                         .max_bytes = w->max_bytes,
		                         .ctx = w,
		                         .changed = on_changed,
		                         .state = on_state,
		                         .left_out = on_left_out };
	struct err err = { 0 };

	assert_int_equal(cache_new(&conf, &w->cache, &err), 0);
}

static inline void cache_ends(struct world *w)
{
	cache_free(w->cache);
	w->cache = NULL;
}

/* What the owner was told since the last time; once the stream so far has come. */
static inline void was_told(struct world *w, const char *expected)
{
	turn_until(w->loop, strlen(w->told) >= strlen(expected));
	assert_string_equal(w->told, expected);
	*w->told = 0;
}

static inline struct world *begin(uv_loop_t *loop)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = { 0 };

	assert_non_null(w);
	w->loop = loop;
	strcpy(w->dir, "/tmp/test_cache.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->sock, sizeof(w->sock), "%s/sock", w->dir);
	snprintf(w->addr, sizeof(w->addr), "unix:%s", w->sock);
	snprintf(w->copy, sizeof(w->copy), "%s/copy", w->dir);
	const char *const addrs[] = { w->addr, NULL };
	const struct rpc_client_conf conf = { .loop = loop,
		                              .service = &pv_Auth_service,
		                              .addrs = addrs };

	authd_comes(w);
	w->client = rpc_client_new(&conf, &err);
	assert_non_null(w->client);
	return w;
}

static inline void on_client_closed(void *ctx)
{
	((struct world *)ctx)->client_closed = true;
}

static inline void end(struct world *w)
{
	cache_ends(w);
	rpc_client_close(w->client, on_client_closed, w);
	turn_until(w->loop, w->client_closed);
	authd_goes(w);
	unlink(w->copy);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
}

static inline void go_live(struct world *w)
{
	cache_begins(w);
	turn_until(w->loop, w->watch != NULL);
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	send_role(w, "ops", "one", 0);
	send_synced(w, 10);
	turn_until(w->loop, w->live == 1);
	*w->told = 0;
}

/* A cache that is live with dev:one and ops:one at revision 10. */
static inline struct world *begin_live(uv_loop_t *loop)
{
	struct world *w = begin(loop);

	go_live(w);
	return w;
}

static inline const char *description(const struct world *w, const char *key)
{
	const pv_Resource *r = cache_get(w->cache, key);

	return r != NULL ? r->of.role.metadata.description : NULL;
}

#endif
