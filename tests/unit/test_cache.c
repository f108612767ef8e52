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
};

/* --- authd ------------------------------------------------------------------------------------ */

static void on_canceled(struct rpc_call *call)
{
	struct world *w = rpc_call_server_ctx(call);

	if (w->watch == call)
		w->watch = NULL;
}

static void on_watch(struct rpc_call *call)
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

static int allow(struct rpc_call *call, const struct rpc_method *m, struct err *err)
{
	(void)call;
	(void)m;
	(void)err;
	return 0;
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct err err = { 0 };

	assert_int_equal(
	        rpc_server_attach(((struct world *)owner)->server, take_stream, NULL, &err), 0);
}

static void authd_comes(struct world *w)
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

static void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

static void authd_goes(struct world *w)
{
	listen_free(w->listen);
	w->stopped = false;
	rpc_server_stop(w->server, 0, on_stopped);
	turn_until(w->loop, w->stopped);
	unlink(w->sock);
}

static void send_event(struct world *w, const pv_WatchEvent *event)
{
	struct err err = { 0 };

	assert_non_null(w->watch);
	if (rpc_call_send(w->watch, event, &err) != 0)
		fail_msg("%s", err.msg);
}

static void send_init(struct world *w, bool snapshot, int64_t revision)
{
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_INIT,
	                                .snapshot = snapshot,
	                                .revision = revision });
}

static void send_role(struct world *w, const char *name, const char *text, int64_t revision)
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

static void send_delete(struct world *w, const char *kind, const char *name, int64_t revision)
{
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_DELETE,
	                                .kind = (char *)(uintptr_t)kind,
	                                .name = (char *)(uintptr_t)name,
	                                .revision = revision });
}

static void send_synced(struct world *w, int64_t revision)
{
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_SYNCED, .revision = revision });
}

static void break_off(struct world *w)
{
	const struct err over = { ERR_UNAVAILABLE, "over" };
	struct rpc_call *call = w->watch;

	w->watch = NULL;
	rpc_call_fail(call, &over);
}

/* --- the cache and its owner -------------------------------------------------------------------
 */

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
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

static void on_state(void *ctx, const struct err *err)
{
	struct world *w = ctx;

	if (err == NULL)
		w->live++;
	else
		w->lost++;
}

static void cache_begins(struct world *w)
{
	static const char *const kinds[] = { "role", "lock", NULL };
	const struct cache_conf conf = { .loop = w->loop,
		                         .client = w->client,
		                         .kinds = kinds,
		                         .path = w->copy,
		                         .ctx = w,
		                         .changed = on_changed,
		                         .state = on_state };
	struct err err = { 0 };

	assert_int_equal(cache_new(&conf, &w->cache, &err), 0);
}

static void cache_ends(struct world *w)
{
	cache_free(w->cache);
	w->cache = NULL;
}

/* What the owner was told since the last time; once the stream so far has come. */
static void was_told(struct world *w, const char *expected)
{
	turn_until(w->loop, strlen(w->told) >= strlen(expected));
	assert_string_equal(w->told, expected);
	*w->told = 0;
}

static struct world *begin(uv_loop_t *loop)
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

static void on_client_closed(void *ctx)
{
	((struct world *)ctx)->client_closed = true;
}

static void end(struct world *w)
{
	cache_ends(w);
	rpc_client_close(w->client, on_client_closed, w);
	turn_until(w->loop, w->client_closed);
	authd_goes(w);
	unlink(w->copy);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
}

/* A cache that is live with dev:one and ops:one at revision 10. */
static struct world *begin_live(uv_loop_t *loop)
{
	struct world *w = begin(loop);

	cache_begins(w);
	turn_until(loop, w->watch != NULL);
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	send_role(w, "ops", "one", 0);
	send_synced(w, 10);
	turn_until(loop, w->live == 1);
	*w->told = 0;
	return w;
}

static const char *description(const struct world *w, const char *key)
{
	const pv_Resource *r = cache_get(w->cache, key);

	return r != NULL ? r->of.role.metadata.description : NULL;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void a_snapshot_is_seen_whole_or_not_at_all(void **state)
{
	struct world *w = begin(*state);

	cache_begins(w);
	turn_until(w->loop, w->watch != NULL);
	assert_int_equal(w->after, 0);
	assert_string_equal(w->asked, "role lock ");
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	for (int i = 0; i < 20; i++)
		uv_run(w->loop, UV_RUN_NOWAIT);
	assert_false(cache_filled(w->cache) || cache_live(w->cache));
	assert_null(cache_get(w->cache, "/roles/dev"));
	send_synced(w, 10);
	was_told(w, "+dev:one ");
	assert_true(cache_filled(w->cache) && cache_live(w->cache));
	assert_int_equal(cache_revision(w->cache), 10);
	assert_string_equal(description(w, "/roles/dev"), "one");
	end(w);
}

static void changes_are_told_and_what_stays_the_same_is_not(void **state)
{
	struct world *w = begin_live(*state);

	send_role(w, "dev", "one", 11);
	send_role(w, "dev", "two", 12);
	send_delete(w, "role", "absent", 13);
	send_delete(w, "role", "ops", 14);
	was_told(w, "+dev:two -ops ");
	assert_null(cache_get(w->cache, "/roles/ops"));
	assert_int_equal(cache_revision(w->cache), 14);
	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_HEARTBEAT, .revision = 20 });
	turn_until(w->loop, cache_revision(w->cache) == 20);
	end(w);
}

static void kinds_and_events_of_a_newer_authd_are_skipped(void **state)
{
	struct world *w = begin_live(*state);

	send_event(w, &(pv_WatchEvent){ .type = pv_WatchEvent_Type_PUT,
	                                .has_resource = true,
	                                .revision = 11 });
	send_event(w, &(pv_WatchEvent){ .type = (pv_WatchEvent_Type)99, .revision = 12 });
	send_delete(w, "teapot", "dev", 13);
	send_role(w, "dev", "two", 14);
	was_told(w, "+dev:two ");
	assert_int_equal(cache_revision(w->cache), 14);
	assert_int_equal(w->lost, 0);
	end(w);
}

static void a_lost_watch_resumes_behind_its_revision(void **state)
{
	struct world *w = begin_live(*state);

	break_off(w);
	turn_until(w->loop, w->lost == 1);
	assert_false(cache_live(w->cache));
	assert_string_equal(description(w, "/roles/dev"), "one");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 10);
	send_init(w, false, 12);
	send_role(w, "dev", "two", 13);
	was_told(w, "+dev:two ");
	assert_true(cache_live(w->cache));
	end(w);
}

static void a_second_snapshot_tells_the_differences_alone(void **state)
{
	struct world *w = begin_live(*state);

	break_off(w);
	turn_until(w->loop, w->watches == 2);
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	send_role(w, "new", "one", 0);
	send_delete(w, "role", "new", 0);
	send_role(w, "other", "one", 0);
	assert_string_equal(w->told, "");
	send_synced(w, 30);
	was_told(w, "+other:one -ops ");
	end(w);
}

static void a_watch_that_makes_no_sense_begins_anew_with_a_snapshot(void **state)
{
	struct world *w = begin_live(*state);

	send_synced(w, 11); /* no snapshot was begun */
	turn_until(w->loop, w->lost == 1);
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 0);
	assert_string_equal(description(w, "/roles/dev"), "one");
	send_role(w, "dev", "two", 11); /* not INIT */
	turn_until(w->loop, w->lost == 2);
	turn_until(w->loop, w->watches == 3);
	send_init(w, true, 0);
	send_synced(w, 12);
	turn_until(w->loop, w->live == 2);
	assert_null(cache_get(w->cache, "/roles/dev"));
	end(w);
}

static void the_copy_on_disk_serves_while_authd_is_away(void **state)
{
	struct world *w = begin_live(*state);

	cache_ends(w);
	turn_until(w->loop, w->watch == NULL);
	cache_begins(w);
	assert_int_equal(strlen(w->told), strlen("+dev:one +ops:one "));
	*w->told = 0;
	assert_true(cache_filled(w->cache));
	assert_false(cache_live(w->cache));
	assert_string_equal(description(w, "/roles/ops"), "one");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 10);
	end(w);
}

static void a_damaged_copy_is_thrown_away(void **state)
{
	struct world *w = begin_live(*state);
	struct buf bytes = { 0 };
	struct err err = { 0 };

	cache_ends(w);
	turn_until(w->loop, w->watch == NULL);
	assert_int_equal(file_read(w->copy, 65536, &bytes, &err), 0);
	bytes.data[bytes.len / 2] ^= 1;
	assert_int_equal(file_replace(w->copy, bytes.data, bytes.len, 0600, &err), 0);
	cache_begins(w);
	assert_false(cache_filled(w->cache));
	assert_string_equal(w->told, "");
	turn_until(w->loop, w->watches == 2);
	assert_int_equal(w->after, 0);
	buf_deinit(&bytes);
	end(w);
}

static void roles_are_looked_up_by_name(void **state)
{
	struct world *w = begin_live(*state);
	pv_Role role = pv_Role_init_zero;
	struct err err = { 0 };
	size_t at = 0;
	int count = 0;

	assert_int_equal(cache_lookup_role(w->cache, "ops", &role, &err), 0);
	assert_string_equal(role.metadata.name, "ops");
	fields_release(&pv_Role_table, &role);
	assert_int_equal(cache_lookup_role(w->cache, "nobody", &role, &err), ERR_NOT_FOUND);
	while (cache_next(w->cache, "/roles/", &at) != NULL)
		count++;
	assert_int_equal(count, 2);
	at = 0;
	assert_null(cache_next(w->cache, "/locks/", &at));
	end(w);
}

static void it_can_be_freed_at_every_turn_of_the_loop(void **state)
{
	for (int turns = 0; turns < 25; turns++) {
		struct world *w = begin(*state);

		cache_begins(w);
		for (int i = 0; i < turns; i++) {
			uv_run(w->loop, UV_RUN_NOWAIT);
			if (w->watch != NULL && w->live == 0 && i > 10) {
				send_init(w, true, 0);
				send_role(w, "dev", "one", 0);
				send_synced(w, i);
			}
		}
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_snapshot_is_seen_whole_or_not_at_all),
		loop_test(changes_are_told_and_what_stays_the_same_is_not),
		loop_test(kinds_and_events_of_a_newer_authd_are_skipped),
		loop_test(a_lost_watch_resumes_behind_its_revision),
		loop_test(a_second_snapshot_tells_the_differences_alone),
		loop_test(a_watch_that_makes_no_sense_begins_anew_with_a_snapshot),
		loop_test(the_copy_on_disk_serves_while_authd_is_away),
		loop_test(a_damaged_copy_is_thrown_away),
		loop_test(roles_are_looked_up_by_name),
		loop_test(it_can_be_freed_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}
