#include "daemon/heartbeat.h"

#include "base/clock.h"
#include "base/str.h"
#include "loop/listen.h"
#include "proto/auth.fields.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "tests/unit/streams.h"

#include <stdio.h>

#define TTL_MS 450 /* of the loop's own time: beats come every 150 ms */

/* A daemon with a record, and an authd that listens to it. */
struct world {
	uv_loop_t *loop;
	struct clock_fake clock;
	char dir[64];
	char path[96];
	char addr[112];
	struct rpc_server *server;
	struct listen *listen;
	bool stopped;

	int announcements;
	int keep_alives;
	int streams;
	char label[16];     /* in the last record */
	bool unknown;       /* answer so to keep-alives */
	bool silent;        /* answer none */
	struct err refusal; /* answer this to announcements */

	struct rpc_client *client;
	struct heartbeat *heart;
	const char *value; /* what the record says now */
	int known;
	int failures;
	struct err failure;
};

/* --- authd ------------------------------------------------------------------------------------ */

static void on_announce(struct rpc_call *call)
{
	struct world *w = rpc_call_server_ctx(call);
	const pv_AnnounceRequest *request = rpc_call_request(call);
	const pv_AnnounceResponse answer = { .ttl = request->ttl };

	w->announcements++;
	if (w->refusal.code != 0) {
		rpc_call_fail(call, &w->refusal);
		return;
	}
	w->unknown = false;
	str_copy(w->label, sizeof(w->label), request->node.metadata.labels[0].value);
	rpc_call_reply(call, &answer);
}

static void on_keep_alive(struct rpc_call *call, const void *message)
{
	const pv_KeepAliveRequest *request = message;
	struct world *w = rpc_call_server_ctx(call);
	const pv_KeepAliveResponse answer = { .known = !w->unknown, .ttl = TTL_MS };
	struct err err;

	assert_string_equal(request->name, "web-1");
	w->keep_alives++;
	if (!w->silent)
		assert_int_equal(rpc_call_send(call, &answer, &err), 0);
}

static void handle_keep_alive(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .message = on_keep_alive,
		                                       .end = rpc_call_finish };

	((struct world *)rpc_call_server_ctx(call))->streams++;
	rpc_call_set_events(call, &events, NULL);
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
	struct err err;

	assert_int_equal(
	        rpc_server_attach(((struct world *)owner)->server, take_stream, NULL, &err), 0);
}

static void authd_comes(struct world *w)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct rpc_method methods[] = {
		{ .call = AUTH_ANNOUNCE, .handle = on_announce },
		{ .call = AUTH_KEEP_ALIVE, .handle = handle_keep_alive },
	};
	const struct rpc_server_conf conf = { .loop = w->loop,
		                              .main = { &pv_Auth_service, methods, 2 },
		                              .ctx = w,
		                              .authorize = allow };
	struct err err;

	w->stopped = false;
	w->server = rpc_server_new(&conf, &err);
	assert_non_null(w->server);
	w->listen = listen_new(w->loop, NULL, &handler, w);
	assert_int_equal(listen_add(w->listen, w->addr, &err), 0);
}

static void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

static void authd_goes(struct world *w)
{
	listen_free(w->listen);
	rpc_server_stop(w->server, 0, on_stopped);
	turn_until(w->loop, w->stopped);
	unlink(w->path);
}

/* --- the daemon ------------------------------------------------------------------------------- */

static int fill(void *ctx, pv_Node *out, struct err *err)
{
	const struct world *w = ctx;
	pv_Metadata_LabelsEntry label = { (char *)(uintptr_t) "env", (char *)(uintptr_t)w->value };
	const pv_Node record = {
		.has_metadata = true,
		.metadata = { .name = (char *)(uintptr_t) "web-1",
		              .labels = &label,
		              .labels_count = 1 },
	};

	return fields_clone(&pv_Node_table, &record, out, err);
}

static void on_announced(void *ctx, const struct err *err)
{
	struct world *w = ctx;

	w->known += err == NULL;
	w->failures += err != NULL;
	if (err != NULL)
		w->failure = *err;
}

static void on_state(void *ctx, const struct err *err)
{
	struct world *w = ctx;

	if (err == NULL && w->heart != NULL)
		heartbeat_kick(w->heart);
}

static struct world *begin(uv_loop_t *loop)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->loop = loop;
	w->value = "prod";
	strcpy(w->dir, "/tmp/test_heartbeat.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/sock", w->dir);
	snprintf(w->addr, sizeof(w->addr), "unix:%s", w->path);
	clock_fake_init(&w->clock, 1700000000000);
	authd_comes(w);
	return w;
}

static void start(struct world *w)
{
	const char *const addrs[] = { w->addr, NULL };
	const struct rpc_client_conf client = { .loop = w->loop,
		                                .service = &pv_Auth_service,
		                                .addrs = addrs,
		                                .backoff_min_ms = 20,
		                                .backoff_max_ms = 40,
		                                .ctx = w,
		                                .on_state = on_state };
	struct heartbeat_conf conf = { .loop = w->loop,
		                       .clock = &w->clock.clock,
		                       .ttl_ms = TTL_MS,
		                       .ctx = w,
		                       .record = fill,
		                       .on_announced = on_announced };
	struct err err;

	w->client = conf.client = rpc_client_new(&client, &err);
	assert_non_null(w->client);
	assert_int_equal(heartbeat_open(&conf, &w->heart, &err), 0);
}

static void end(struct world *w)
{
	heartbeat_close(w->heart);
	rpc_client_close(w->client, NULL, NULL);
	authd_goes(w);
	uv_run(w->loop, UV_RUN_DEFAULT);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_record_is_announced_once_and_kept_alive_on_one_stream(void **state)
{
	struct world *w = begin(*state);

	start(w);
	turn_until(w->loop, w->keep_alives == 3);
	assert_int_equal(w->announcements, 1);
	assert_int_equal(w->streams, 1);
	assert_int_equal(w->known, 1);
	assert_string_equal(w->label, "prod");
	end(w);
}

static void a_change_is_announced_at_once(void **state)
{
	struct world *w = begin(*state);

	start(w);
	turn_until(w->loop, w->known == 1);
	w->value = "test";
	heartbeat_changed(w->heart);
	turn_until(w->loop, str_eq(w->label, "test"));
	assert_int_equal(w->announcements, 2);
	end(w);
}

static void a_change_while_it_announces_is_announced_behind_it(void **state)
{
	struct world *w = begin(*state);

	start(w);
	turn_until(w->loop, w->announcements == 1);
	w->value = "test";
	heartbeat_changed(w->heart);
	turn_until(w->loop, str_eq(w->label, "test"));
	assert_int_equal(w->announcements, 2);
	end(w);
}

static void one_that_authd_does_not_know_is_announced_anew(void **state)
{
	struct world *w = begin(*state);

	start(w);
	turn_until(w->loop, w->known == 1);
	w->unknown = true;
	turn_until(w->loop, w->announcements == 2);
	assert_int_equal(w->keep_alives, 1);
	turn_until(w->loop, w->keep_alives == 2); /* and then kept alive as before */
	assert_int_equal(w->announcements, 2);
	end(w);
}

static void it_is_announced_again_after_a_long_time(void **state)
{
	struct world *w = begin(*state);

	start(w);
	turn_until(w->loop, w->keep_alives == 1);
	clock_fake_advance(&w->clock, 12 * 60 * 1000);
	turn_until(w->loop, w->announcements == 2);
	end(w);
}

static void a_refusal_is_told_and_tried_again(void **state)
{
	struct world *w = begin(*state);

	err_set(&w->refusal, ERR_DENIED, "not you");
	start(w);
	turn_until(w->loop, w->failures == 2);
	assert_string_equal(w->failure.msg, "not you");
	w->refusal.code = 0;
	turn_until(w->loop, w->known == 1);
	end(w);
}

static void an_authd_that_restarts_hears_that_the_daemon_is_still_there(void **state)
{
	struct world *w = begin(*state);

	start(w);
	turn_until(w->loop, w->keep_alives == 1);
	authd_goes(w);
	authd_comes(w);
	turn_until(w->loop, w->keep_alives == 2);
	assert_int_equal(w->streams, 2);
	assert_int_equal(w->announcements, 1); /* the record has outlived it */
	end(w);
}

static void a_stream_without_answers_is_given_up(void **state)
{
	struct world *w = begin(*state);

	w->silent = true;
	start(w);
	turn_until(w->loop, w->streams == 2);
	w->silent = false;
	turn_until(w->loop, w->keep_alives >= 4);
	assert_int_equal(w->announcements, 1);
	end(w);
}

static void it_can_be_closed_at_every_turn(void **state)
{
	for (int turns = 0; turns < 25; turns++) {
		struct world *w = begin(*state);

		start(w);
		for (int i = 0; i < turns; i++)
			uv_run(w->loop, UV_RUN_NOWAIT);
		end(w);
	}
}

static void it_can_be_closed_with_a_stream_open(void **state)
{
	struct world *w = begin(*state);

	w->silent = true;
	start(w);
	turn_until(w->loop, w->keep_alives == 1);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_record_is_announced_once_and_kept_alive_on_one_stream),
		loop_test(a_change_is_announced_at_once),
		loop_test(a_change_while_it_announces_is_announced_behind_it),
		loop_test(one_that_authd_does_not_know_is_announced_anew),
		loop_test(it_is_announced_again_after_a_long_time),
		loop_test(a_refusal_is_told_and_tried_again),
		loop_test(an_authd_that_restarts_hears_that_the_daemon_is_still_there),
		loop_test(a_stream_without_answers_is_given_up),
		loop_test(it_can_be_closed_at_every_turn),
		loop_test(it_can_be_closed_with_a_stream_open),
	};

	return unit_run(tests);
}
