#include "rpc/http_conn.h"
#include "rpc/server.h"

#include "loop/dial.h"
#include "tests/unit/echo.h"

#define SAY(body) "POST /v1/Say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" body

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	assert_null(err);
	ear_attach(owner, take_stream);
}

static void connect_to(struct echo *e, struct ear *ear)
{
	struct err err;

	assert_int_equal(dial_start(e->loop, e->addr, 5000, on_dialed, ear, NULL, &err), 0);
	turn_until(e->loop, ear->stream != NULL);
}

static void ask(struct ear *ear, const char *text)
{
	stream_write(ear->stream, text, strlen(text));
}

/* Asks on a connection of its own that ends with the answer; free() what comes back. */
static char *ask_once(struct echo *e, const char *text)
{
	struct ear ear = { .ends_too = true };
	char *answer;

	connect_to(e, &ear);
	ask(&ear, text);
	stream_end(ear.stream);
	turn_until(e->loop, ear.closes > 0);
	answer = strdup(buf_str(&ear.got));
	buf_deinit(&ear.got);
	return answer;
}

static void expect(struct echo *e, const char *text, const char *status, const char *part)
{
	char *answer = ask_once(e, text);
	char line[64];

	snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
	if (strncmp(answer, line, strlen(line)) != 0 || strstr(answer, part) == NULL)
		fail_msg("asked: %s\ngot: %s", text, answer);
	free(answer);
}

static void calls_are_answered_as_json(void **state)
{
	struct echo e = { 0 };

	echo_start(&e, *state);
	expect(&e, SAY("Content-Length: 22\r\n\r\n{\"session_id\":\"hello\"}"), "200 OK", "hello");
	expect(&e, SAY("Content-Length: 2\r\n\r\n{}"), "200 OK", "\r\n\r\n{}");
	expect(&e, SAY("Content-Length: 22\r\n\r\n{\"session_id\": \"fail\"}"), "404",
	       "{\"code\":\"NOT_FOUND\",\"message\":\"no such session 'f\xc3\xa4il'\"}");
	expect(&e, SAY("Content-Length: 2\r\n\r\n{}"), "200", "Cache-Control: no-store");
	assert_int_equal(e.done, 4);
	assert_int_equal(e.peer, RPC_PEER_LOCAL);
	echo_stop(&e);
}

static void what_is_no_call_is_refused(void **state)
{
	static const struct {
		const char *text, *status, *part;
	} cases[] = {
		{ "GET /v1/Say HTTP/1.1\r\nHost: a\r\n\r\n", "405", "wants POST" },
		{ "POST /v1/Nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "404",
		  "no such method" },
		{ "POST /v2/Say HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "404",
		  "no such method" },
		{ "POST /v1/Say HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "415",
		  "application/json" },
		{ "POST /v1/Say HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  "415", "application/json" },
		{ "POST /v1/Say HTTP/1.1\r\nHost: a\r\n"
		  "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
		  "415", "application/json" },
		{ SAY("Origin: https://evil.example.com\r\nContent-Length: 2\r\n\r\n{}"), "403",
		  "origin" },
		{ SAY("Origin: null\r\nContent-Length: 2\r\n\r\n{}"), "403", "origin" },
		{ SAY("Origin: https://proxy.example.com\r\nContent-Length: 2\r\n\r\n{}"), "200",
		  "{}" },
		{ SAY("Content-Length: 10\r\n\r\n{\"sess\":1}"), "400", "INVALID_ARGUMENT" },
		{ SAY("Content-Length: 1\r\n\r\n["), "400", "INVALID_ARGUMENT" },
		{ "POST /v1/Secret HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  "403", "PERMISSION_DENIED" },
		{ "POST /v1/Absent HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  "501", "UNIMPLEMENTED" },
		{ "POST /v1/Talk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
		  "Content-Length: 2\r\n\r\n{}",
		  "501", "gRPC" },
		{ SAY("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400",
		  "content-length" },
		{ SAY("Content-Length: 99999999\r\n\r\n"), "413", "longer" },
	};
	struct echo e = { 0 };

	echo_start(&e, *state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(&e, cases[i].text, cases[i].status, cases[i].part);
	echo_stop(&e);
}

static void streams_are_lines(void **state)
{
	static const char ask_count[] =
	        "POST /v1/Count HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	        "Content-Length: 12\r\n\r\n{\"offset\":3}";
	static const char end[] = "\r\n0\r\n\r\n";
	struct echo e = { 0 };
	char *answer;
	int lines = 0;

	echo_start(&e, *state);
	answer = ask_once(&e, ask_count);
	assert_non_null(strstr(answer, "application/x-ndjson"));
	for (const char *at = answer; (at = strstr(at, "}\n")) != NULL; at++)
		lines++;
	assert_int_equal(lines, 3);
	assert_string_equal(answer + strlen(answer) - strlen(end), end);
	free(answer);
	echo_stop(&e);
}

static void an_old_client_gets_its_stream_unframed(void **state)
{
	struct echo e = { 0 };
	char *answer;

	echo_start(&e, *state);
	answer = ask_once(&e, "POST /v1/Count HTTP/1.0\r\nContent-Type: application/json\r\n"
	                      "Content-Length: 12\r\n\r\n{\"offset\":2}");
	assert_null(strstr(answer, "chunked"));
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	assert_string_equal(answer + strlen(answer) - 2, "}\n");
	free(answer);
	answer = ask_once(&e, "HEAD /v1/Say HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");
	free(answer);
	echo_stop(&e);
}

static void a_connection_serves_many_requests_in_order(void **state)
{
	static const char one[] = SAY("Content-Length: 18\r\n\r\n{\"session_id\":\"a\"}");
	struct echo e = { 0 };
	struct ear ear = { 0 };
	int answers = 0;

	echo_start(&e, *state);
	connect_to(&e, &ear);
	for (int i = 0; i < 20; i++)
		ask(&ear, one);
	turn_until(*state, e.done == 20);
	turn_until(*state, stream_queued(ear.stream) == 0);
	for (int i = 0; i < 20; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	for (const char *at = buf_str(&ear.got); (at = strstr(at, "HTTP/1.1 200")) != NULL; at++)
		answers++;
	assert_int_equal(answers, 20);
	assert_int_equal(e.opened, 1);
	stream_close(ear.stream);
	turn_until(*state, ear.closes > 0);
	buf_deinit(&ear.got);
	echo_stop(&e);
}

static void a_client_that_leaves_cancels_its_call(void **state)
{
	static const char follow[] =
	        "POST /v1/Count HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	        "Content-Length: 28\r\n\r\n{\"offset\":1,\"follow\":true}  ";
	struct echo e = { 0 };
	struct ear ear = { 0 };

	echo_start(&e, *state);
	connect_to(&e, &ear);
	ask(&ear, follow);
	turn_until(*state, e.sent == 1);
	stream_reset(ear.stream, NULL);
	turn_until(*state, e.canceled == 1 && e.closed == 1);
	assert_int_equal(e.result.code, ERR_CANCELED);
	buf_deinit(&ear.got);
	echo_stop(&e);
}

static void a_request_that_never_ends_is_given_up(void **state)
{
	struct echo e = { .loop = *state };
	struct rpc_server_conf conf = echo_conf(&e);
	struct ear ear = { .ends_too = true };

	conf.head_ms = 50;
	echo_start_with(&e, *state, &conf);
	connect_to(&e, &ear);
	ask(&ear, "POST /v1/Say HTTP/1.1\r\nHost:");
	turn_until(*state, ear.closes > 0);
	assert_non_null(strstr(buf_str(&ear.got), "408 Request Timeout"));
	buf_deinit(&ear.got);
	echo_stop(&e);
}

static void what_is_no_protocol_of_ours_is_cut_off(void **state)
{
	struct echo e = { 0 };
	struct ear ear = { .ends_too = true };

	echo_start(&e, *state);
	connect_to(&e, &ear);
	ask(&ear, "SSH-2.0-OpenSSH_9.2\r\n");
	turn_until(*state, ear.closes > 0);
	assert_int_equal(ear.got.len, 0);
	echo_stop(&e);
}

static void who_waits_for_leave_to_send_a_body_gets_it(void **state)
{
	struct echo e = { 0 };
	struct ear ear = { .ends_too = true };

	echo_start(&e, *state);
	connect_to(&e, &ear);
	ask(&ear, SAY("Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"));
	turn_until(*state, ear.got.len > 0);
	assert_string_equal(buf_str(&ear.got), "HTTP/1.1 100 Continue\r\n\r\n");
	ask(&ear, "{}");
	turn_until(*state, ear.closes > 0);
	assert_non_null(strstr(buf_str(&ear.got), "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(buf_str(&ear.got), "Connection: close\r\n"));
	buf_deinit(&ear.got);
	echo_stop(&e);
}

static void stopping_ends_idle_connections(void **state)
{
	struct echo e = { 0 };
	struct ear ear = { .ends_too = true };

	echo_start(&e, *state);
	connect_to(&e, &ear);
	ask(&ear, SAY("Content-Length: 2\r\n\r\n{}"));
	turn_until(*state, ear.got.len > 0);
	rpc_server_stop(e.server, 60000, echo_on_stopped);
	turn_until(*state, e.stopped > 0 && ear.closes > 0);
	buf_deinit(&ear.got);
	echo_stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(calls_are_answered_as_json),
		loop_test(what_is_no_call_is_refused),
		loop_test(streams_are_lines),
		loop_test(an_old_client_gets_its_stream_unframed),
		loop_test(a_connection_serves_many_requests_in_order),
		loop_test(a_client_that_leaves_cancels_its_call),
		loop_test(a_request_that_never_ends_is_given_up),
		loop_test(what_is_no_protocol_of_ours_is_cut_off),
		loop_test(who_waits_for_leave_to_send_a_body_gets_it),
		loop_test(stopping_ends_idle_connections),
	};

	return unit_run(tests);
}
