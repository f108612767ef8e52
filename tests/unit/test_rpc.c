#include "rpc/client.h"
#include "rpc/server.h"

#include "tests/unit/echo.h"

/* What a call of the client has come to. */
struct seen {
	struct rpc_client *client;
	int client_closed;
	struct rpc_stream *stream;
	int messages;
	int64_t last;
	int writable;
	int closed;
	int code;
	char why[ERR_MSG_SIZE];
	int pause_at;  /* pauses itself at this message, */
	int cancel_at; /* cancels itself at this one, */
	int close_at;  /* closes the whole client at this one */
};

static void note_end(struct seen *seen, const struct err *err)
{
	seen->closed++;
	seen->stream = NULL;
	seen->code = err != NULL ? err->code : 0;
	snprintf(seen->why, sizeof(seen->why), "%s", err != NULL ? err->msg : "");
}

static void on_unary(void *ctx, const void *response, const struct err *err)
{
	assert_int_equal(response == NULL, err != NULL);
	note_end(ctx, err);
}

static void on_chunk(struct rpc_stream *s, const void *message)
{
	struct seen *seen = rpc_stream_data(s);

	assert_int_equal(((const pv_RecordingChunk *)message)->offset, seen->messages);
	seen->messages++;
	if (seen->messages == seen->pause_at)
		rpc_stream_pause(s, true);
	if (seen->messages == seen->cancel_at)
		rpc_stream_cancel(s);
	if (seen->messages == seen->close_at)
		rpc_client_close(seen->client, echo_count_call, &seen->client_closed);
}

static void on_ack(struct rpc_stream *s, const void *message)
{
	struct seen *seen = rpc_stream_data(s);

	seen->messages++;
	seen->last = ((const pv_RecordingAck *)message)->offset;
}

static void on_writable(struct rpc_stream *s)
{
	((struct seen *)rpc_stream_data(s))->writable++;
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	note_end(rpc_stream_data(s), err);
}

static const struct rpc_stream_events chunk_events = { on_chunk, NULL, on_closed };
static const struct rpc_stream_events ack_events = { on_ack, on_writable, on_closed };

static void start_say(struct rpc_client *c, struct seen *seen, const char *text,
                      unsigned timeout_ms)
{
	char copy[64];
	pv_KillSessionRequest request = { copy };
	struct err err;

	snprintf(copy, sizeof(copy), "%s", text);
	assert_int_equal(rpc_unary_start(c, ECHO_SAY, &request, timeout_ms, on_unary, seen,
	                                 &seen->stream, &err),
	                 0);
	assert_int_equal(seen->closed, 0);
}

static void start_count(struct rpc_client *c, struct seen *seen, int64_t count, bool follow)
{
	pv_GetRecordingRequest request = pv_GetRecordingRequest_init_zero;
	struct err err;

	request.offset = count;
	request.follow = follow;
	assert_int_equal(rpc_stream_start(c, ECHO_COUNT, &request, 0, &chunk_events, seen,
	                                  &seen->stream, &err),
	                 0);
}

static void start_stream(struct rpc_client *c, struct seen *seen, unsigned call)
{
	struct err err;

	assert_int_equal(rpc_stream_start(c, call, NULL, 0, &ack_events, seen, &seen->stream, &err),
	                 0);
}

static int send_chunk(struct seen *seen, int64_t offset, size_t size)
{
	static const uint8_t bytes[32768];
	pv_RecordingChunk chunk = pv_RecordingChunk_init_zero;
	struct err err;
	int rc;

	chunk.offset = offset;
	assert_int_equal(fields_set_bytes(&chunk.data, bytes, size, &err), 0);
	rc = rpc_stream_send(seen->stream, &chunk, &err);
	fields_release(&pv_RecordingChunk_table, &chunk);
	return rc;
}

static void a_unary_call_is_answered(void **state)
{
	struct echo e = { 0 };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	c = echo_client(&e);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "hello", &err), 0);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "", &err), 0);
	assert_int_equal(e.opened, 1);
	assert_int_equal(e.peer, RPC_PEER_LOCAL);
	assert_int_equal(e.done, 2);
	assert_int_equal(e.result.code, 0);
	assert_true(rpc_client_ready(c));
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void errors_arrive_with_code_and_message(void **state)
{
	struct echo e = { 0 };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	c = echo_client(&e);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "fail", &err), ERR_NOT_FOUND);
	assert_string_equal(err.msg, "no such session 'f\xc3\xa4il'");
	assert_int_equal(e.result.code, ERR_NOT_FOUND);
	assert_int_equal(echo_say_wait(c, ECHO_SECRET, "x", &err), ERR_DENIED);
	assert_string_equal(err.msg, "nobody may");
	assert_int_equal(echo_say_wait(c, ECHO_ABSENT, "x", &err), ERR_UNSUPPORTED);
	assert_int_equal(e.done, 3);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void without_an_authorize_hook_nothing_is_allowed(void **state)
{
	struct echo e = { .loop = *state };
	struct rpc_server_conf conf = echo_conf(&e);
	struct rpc_client *c;
	struct err err;

	conf.authorize = NULL;
	echo_start_with(&e, *state, &conf);
	c = echo_client(&e);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "x", &err), ERR_DENIED);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void a_stream_of_many_arrives_whole_and_in_order(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_count(c, &seen, 100000, false);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, 0);
	assert_int_equal(seen.messages, 100000);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void who_does_not_read_holds_the_sender_back(void **state)
{
	struct echo e = { 0 };
	struct seen slow = { .pause_at = 3 };
	struct rpc_client *c;
	struct err err;
	int64_t stuck = -1;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_count(c, &slow, 200000, false);
	for (int quiet = 0; quiet < 200; quiet++) {
		if (stuck != e.sent)
			quiet = 0;
		stuck = e.sent;
		uv_run(*state, UV_RUN_NOWAIT);
	}
	assert_int_equal(slow.messages, 3);
	assert_in_range(stuck, 1000, 150000); /* a window and some buffers, not everything */
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "others go on", &err), 0);
	rpc_stream_pause(slow.stream, false);
	turn_until(*state, slow.closed > 0);
	assert_int_equal(slow.code, 0);
	assert_int_equal(slow.messages, 200000);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void a_client_stream_is_summed_up(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_stream(c, &seen, ECHO_SUM);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send_chunk(&seen, i, 32768), 0); /* also before it is connected */
	assert_int_equal(rpc_stream_end(seen.stream, &err), 0);
	assert_int_equal(send_chunk(&seen, 0, 1), ERR_CANCELED);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, 0);
	assert_int_equal(seen.last, 100 * 32768);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void a_paused_handler_holds_the_client_back(void **state)
{
	struct echo e = { .pause_at_once = true };
	struct seen seen = { 0 };
	struct rpc_client *c;
	struct err err;
	int count = 0;
	int quiet;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_stream(c, &seen, ECHO_SUM);
	turn_until(*state, rpc_stream_writable(seen.stream));
	for (quiet = 0; quiet < 200; quiet++) {
		for (; rpc_stream_writable(seen.stream) && count < 1000; count++, quiet = 0)
			assert_int_equal(send_chunk(&seen, count, 32768), 0);
		uv_run(*state, UV_RUN_NOWAIT);
	}
	assert_in_range(count, 20, 200);
	assert_int_equal(e.sum, 0);
	rpc_call_pause(e.held, false);
	for (; count < 1000; uv_run(*state, UV_RUN_NOWAIT))
		for (; rpc_stream_writable(seen.stream) && count < 1000; count++)
			assert_int_equal(send_chunk(&seen, count, 32768), 0);
	assert_int_equal(rpc_stream_end(seen.stream, &err), 0);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.last, INT64_C(1000) * 32768);
	assert_true(seen.writable > 1);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void both_sides_talk_at_once(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_stream(c, &seen, ECHO_TALK);
	for (int i = 1; i <= 10; i++) {
		assert_int_equal(send_chunk(&seen, i, 10), 0);
		turn_until(*state, seen.messages == i);
		assert_int_equal(seen.last, i);
	}
	assert_int_equal(rpc_stream_end(seen.stream, &err), 0);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, 0);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void deadlines_end_a_call_on_both_sides(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_say(c, &seen, "never", 50);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, ERR_TIMEOUT);
	turn_until(*state, e.canceled == 1);
	echo_client_close(&e, c);
	echo_stop(&e);
	assert_int_equal(seen.closed, 1);
}

/* Whatever the turn in which the client gives up, it hears of it once and nothing leaks. */
static void a_call_can_be_canceled_at_each_turn_of_the_loop(void **state)
{
	struct echo e = { 0 };
	int turn;

	echo_start(&e, *state);
	for (turn = 0; turn < 40; turn++) {
		struct seen seen = { 0 };
		struct rpc_client *c = echo_client(&e);

		start_say(c, &seen, "never", 0);
		for (int i = 0; i < turn; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		assert_int_equal(seen.closed, 0);
		rpc_stream_cancel(seen.stream);
		assert_int_equal(seen.closed, 0);
		turn_until(*state, seen.closed > 0);
		assert_int_equal(seen.code, ERR_CANCELED);
		echo_client_close(&e, c);
		assert_int_equal(seen.closed, 1);
	}
	turn_until(*state, e.held == NULL);
	assert_true(e.canceled > 10);
	echo_stop(&e);
}

static void a_client_can_be_closed_at_each_turn_of_the_loop(void **state)
{
	struct echo e = { 0 };

	echo_start(&e, *state);
	for (int turn = 0; turn < 40; turn++) {
		struct seen say = { 0 };
		struct seen count = { 0 };
		struct rpc_client *c = echo_client(&e);

		start_say(c, &say, "never", 0);
		start_count(c, &count, 5000, true);
		for (int i = 0; i < turn; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		echo_client_close(&e, c);
		assert_int_equal(say.closed, 1);
		assert_int_equal(say.code, ERR_CANCELED);
		assert_int_equal(count.closed, 1);
	}
	echo_stop(&e);
}

static void a_stream_can_be_ended_from_within_its_own_message(void **state)
{
	struct echo e = { 0 };
	struct seen cancels = { .cancel_at = 5 };
	struct seen closes = { .close_at = 7 };
	struct rpc_client *c;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_count(c, &cancels, 1000, true);
	turn_until(*state, cancels.closed > 0);
	assert_int_equal(cancels.messages, 5);
	assert_int_equal(cancels.code, ERR_CANCELED);
	closes.client = c;
	start_count(c, &closes, 1000, true);
	turn_until(*state, closes.closed > 0 && closes.client_closed > 0);
	assert_int_equal(closes.messages, 7);
	assert_int_equal(closes.code, ERR_CANCELED);
	echo_stop(&e);
	assert_int_equal(e.canceled, 2);
}

static void no_server_is_told_at_once_and_clearly(void **state)
{
	static const char *const addrs[] = { "unix:/nowhere/sock", NULL };
	struct rpc_client_conf conf = { .loop = *state, .service = &echo_service, .addrs = addrs };
	struct echo e = { .loop = *state };
	struct err err;
	struct rpc_client *c = rpc_client_new(&conf, &err);

	assert_int_equal(echo_say_wait(c, ECHO_SAY, "x", &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "connect to '"));
	assert_non_null(strstr(err.msg, "/nowhere/sock'"));
	echo_client_close(&e, c);
}

static void the_next_address_is_tried(void **state)
{
	struct echo e = { 0 };

	echo_start(&e, *state);
	for (int i = 0; i < 8; i++) { /* it begins with any of them */
		const char *const addrs[] = { "unix:/nowhere/a", e.addr, "unix:/nowhere/b", NULL };
		struct rpc_client_conf conf = { .loop = *state,
			                        .service = &echo_service,
			                        .addrs = addrs };
		struct err err;
		struct rpc_client *c = rpc_client_new(&conf, &err);

		assert_int_equal(echo_say_wait(c, ECHO_SAY, "x", &err), 0);
		echo_client_close(&e, c);
	}
	echo_stop(&e);
}

static void a_call_during_back_off_waits_for_the_next_attempt(void **state)
{
	struct echo e = { 0 };
	struct rpc_client_conf conf;
	const char *addrs[] = { e.addr, NULL };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	conf = (struct rpc_client_conf){
		.loop = *state, .service = &echo_service, .addrs = addrs, .backoff_min_ms = 100
	};
	c = rpc_client_new(&conf, &err);
	rename(e.path, "/tmp/postern-echo-away");
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "x", &err), ERR_UNAVAILABLE);
	rename("/tmp/postern-echo-away", e.path);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "x", &err), 0);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static bool match_all(struct rpc_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	return true;
}

static void a_lock_ends_connections_and_says_why(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_say(c, &seen, "never", 0);
	turn_until(*state, e.held != NULL);
	rpc_server_close_matching(e.server, match_all, NULL);
	assert_int_equal(e.canceled, 0); /* not within the call */
	turn_until(*state, seen.closed > 0);
	assert_int_equal(e.canceled, 1);
	assert_int_equal(seen.code, ERR_UNAUTHENTICATED);
	assert_string_equal(seen.why, "this connection is no longer allowed");
	turn_until(*state, rpc_server_connections(e.server) == 0);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "again", &err), 0);
	assert_int_equal(e.opened, 2);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void a_connection_ends_with_its_certificate(void **state)
{
	struct echo e = { .conn_end = 1000 };
	struct seen seen = { 0 };
	struct rpc_client *c;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_say(c, &seen, "never", 0);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, ERR_UNAUTHENTICATED);
	assert_string_equal(seen.why, "the certificate has expired");
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void a_refused_connection_fails_the_call(void **state)
{
	struct echo e = { .refuse = true };
	struct rpc_client *c;
	struct err err;

	echo_start(&e, *state);
	c = echo_client(&e);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "x", &err), ERR_UNAVAILABLE);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void stopping_lets_calls_finish(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;
	pv_KillSessionRequest answer = pv_KillSessionRequest_init_zero;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_say(c, &seen, "never", 0);
	turn_until(*state, e.held != NULL);
	rpc_server_stop(e.server, 60000, echo_on_stopped);
	for (int i = 0; i < 50; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	assert_int_equal(e.stopped, 0);
	rpc_call_reply(e.held, &answer);
	turn_until(*state, seen.closed > 0 && e.stopped > 0);
	assert_int_equal(seen.code, 0);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void stopping_waits_for_no_call_without_an_end(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_say(c, &seen, "never", 0);
	turn_until(*state, e.held != NULL);
	rpc_call_set_endless(e.held);
	rpc_server_stop(e.server, 3600 * 1000, echo_on_stopped);
	turn_until(*state, seen.closed > 0 && e.stopped > 0);
	assert_int_equal(seen.code, ERR_UNAVAILABLE);
	assert_int_equal(e.canceled, 1);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void the_drain_has_an_end(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	struct rpc_client *c;

	echo_start(&e, *state);
	c = echo_client(&e);
	start_say(c, &seen, "never", 0);
	turn_until(*state, e.held != NULL);
	rpc_server_stop(e.server, 30, echo_on_stopped);
	turn_until(*state, e.stopped > 0);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, ERR_UNAVAILABLE);
	assert_int_equal(e.canceled, 1);
	echo_client_close(&e, c);
	echo_stop(&e);
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	struct echo e = { .loop = *state };
	struct rpc_server_conf conf = echo_conf(&e);
	char big[3000];
	pv_KillSessionRequest request = { big };
	struct rpc_client *c;
	struct err err;

	conf.message_max = 2000;
	echo_start_with(&e, *state, &conf);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	c = echo_client(&e);
	assert_int_equal(rpc_unary_wait(c, ECHO_SAY, &request, 0, NULL, &err), ERR_LIMIT);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "short", &err), 0);
	echo_client_close(&e, c);
	echo_stop(&e);
}

/* As authd's port does: it looked at the first bytes, and has forgotten the stream since. */
static void beyond_the_bound_a_connection_ends_without_its_former_owner(void **state)
{
	struct echo e = { .loop = *state };
	struct rpc_server_conf conf = echo_conf(&e);
	struct ear former = { 0 };
	struct ear peers[2] = { { .ends_too = true }, { .ends_too = true } };
	struct stream *ours[2], *theirs[2];
	struct err err;

	conf.connections_max = 1;
	echo_start_with(&e, *state, &conf);
	for (int i = 0; i < 2; i++) {
		stream_pair(*state, &ours[i], &theirs[i]);
		ear_attach(&peers[i], theirs[i]);
	}
	ear_attach(&former, ours[1]);
	assert_int_equal(rpc_server_attach(e.server, ours[0], NULL, &err), 0);
	assert_int_equal(rpc_server_attach(e.server, ours[1], NULL, &err), ERR_LIMIT);
	turn_until(*state, peers[1].closes == 1);
	assert_int_equal(former.closes, 0);
	assert_int_equal(peers[0].closes, 0);
	stream_end(peers[0].stream);
	turn_until(*state, peers[0].closes == 1);
	echo_stop(&e);
}

static void a_silent_server_is_found_out(void **state)
{
	struct echo e = { 0 };
	struct seen seen = { 0 };
	const char *const addrs[] = { e.addr, NULL };
	struct rpc_client_conf conf = {
		.loop = *state, .service = &echo_service, .addrs = addrs, .ping_ms = 30
	};
	struct rpc_client *c;
	struct rpc_server *server;
	struct err err;

	echo_start(&e, *state);
	server = e.server;
	e.server = NULL;
	listen_pause(e.listen); /* the kernel takes the connection, nobody answers */
	c = rpc_client_new(&conf, &err);
	start_say(c, &seen, "x", 0);
	turn_until(*state, seen.closed > 0);
	assert_int_equal(seen.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(seen.why, "silent"));
	echo_client_close(&e, c);
	e.server = server;
	echo_stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_unary_call_is_answered),
		loop_test(errors_arrive_with_code_and_message),
		loop_test(without_an_authorize_hook_nothing_is_allowed),
		loop_test(a_stream_of_many_arrives_whole_and_in_order),
		loop_test(who_does_not_read_holds_the_sender_back),
		loop_test(a_client_stream_is_summed_up),
		loop_test(a_paused_handler_holds_the_client_back),
		loop_test(both_sides_talk_at_once),
		loop_test(deadlines_end_a_call_on_both_sides),
		loop_test(a_call_can_be_canceled_at_each_turn_of_the_loop),
		loop_test(a_client_can_be_closed_at_each_turn_of_the_loop),
		loop_test(a_stream_can_be_ended_from_within_its_own_message),
		loop_test(no_server_is_told_at_once_and_clearly),
		loop_test(the_next_address_is_tried),
		loop_test(a_call_during_back_off_waits_for_the_next_attempt),
		loop_test(a_lock_ends_connections_and_says_why),
		loop_test(a_connection_ends_with_its_certificate),
		loop_test(a_refused_connection_fails_the_call),
		loop_test(stopping_lets_calls_finish),
		loop_test(stopping_waits_for_no_call_without_an_end),
		loop_test(the_drain_has_an_end),
		loop_test(a_request_that_is_too_long_is_refused),
		loop_test(beyond_the_bound_a_connection_ends_without_its_former_owner),
		loop_test(a_silent_server_is_found_out),
	};

	return unit_run(tests);
}
