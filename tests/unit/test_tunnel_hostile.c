#include "tunnel/tunnel.h"
#include "wire/http2.h"

#include "tests/unit/tunnels.h"

/* A peer that says what it likes: HTTP/2 by the rules, with whatever in it, or bare bytes. */
struct rogue {
	struct stream *stream; /* NULL once closed */
	struct http2 *h2;      /* NULL: bare bytes */
	struct http2_stream *last;
	char status[8]; /* of the last answer */
	char text[600];
	int answers;
	int streams_closed;
	uint32_t code;
	/* Of the side that is asked: what it does then. */
	void (*serve)(struct http2_stream *s);
};

static void rogue_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                          bool trailers)
{
	struct rogue *r = http2_ctx(http2_stream_session(s));
	const char *status = http2_header(headers, count, ":status");
	const char *text = http2_header(headers, count, "grpc-message");

	(void)trailers;
	if (status == NULL) {
		r->last = s;
		if (r->serve != NULL)
			r->serve(s);
		return;
	}
	r->answers++;
	snprintf(r->status, sizeof(r->status), "%s", status);
	snprintf(r->text, sizeof(r->text), "%s", text != NULL ? text : "");
}

static void rogue_data(struct http2_stream *s, const uint8_t *data, size_t len)
{
	(void)data;
	http2_consume(s, len);
}

static void rogue_end(struct http2_stream *s)
{
	(void)s;
}

static void rogue_closed(struct http2_stream *s, uint32_t code)
{
	struct rogue *r = http2_ctx(http2_stream_session(s));

	r->streams_closed++;
	r->code = code;
}

static const struct http2_events rogue_events = { .headers = rogue_headers,
	                                          .data = rogue_data,
	                                          .end = rogue_end,
	                                          .writable = rogue_end,
	                                          .closed = rogue_closed };

static void say(struct rogue *r)
{
	const uint8_t *data;
	size_t len = 1;
	struct err err;

	while (r->stream != NULL && r->h2 != NULL && len > 0) {
		assert_int_equal(http2_send(r->h2, &data, &len, &err), 0);
		stream_write(r->stream, data, len);
	}
}

static size_t rogue_on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct rogue *r = owner;
	struct err err;

	(void)s;
	if (r->h2 != NULL && http2_recv(r->h2, data, len, &err) == 0)
		say(r);
	return len;
}

static void rogue_on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	(void)err;
	((struct rogue *)owner)->stream = NULL;
}

static const struct stream_handler rogue_handler = { .on_data = rogue_on_data,
	                                             .on_close = rogue_on_close };

/* `side` is the honest one's. */
static void meet(uv_loop_t *loop, struct end *honest, struct rogue *r, enum tunnel_side side,
                 bool bare)
{
	struct tunnel_conf conf = { .side = side, .channels_max = 8 };
	struct stream *a;

	stream_pair(loop, &a, &r->stream);
	end_open(honest, a, conf);
	stream_attach(r->stream, &rogue_handler, r);
	if (bare)
		return;
	r->h2 = http2_new(side == TUNNEL_AGENT ? HTTP2_CLIENT : HTTP2_SERVER, NULL, &rogue_events,
	                  r);
	assert_non_null(r->h2);
	say(r);
	turn_until(loop, honest->ready == 1);
}

static void part(uv_loop_t *loop, struct end *honest, struct rogue *r)
{
	if (honest->tunnel != NULL)
		tunnel_close(honest->tunnel, NULL);
	turn_until(loop, honest->closed == 1);
	if (r->stream != NULL)
		stream_reset(r->stream, NULL);
	turn_until(loop, r->stream == NULL);
	http2_free(r->h2);
}

static struct http2_stream *ask(struct rogue *r, const char *method, const char *where)
{
	const struct http2_header connect[] = { { ":method", method }, { ":authority", where } };
	const struct http2_header other[] = { { ":method", method },
		                              { ":scheme", "https" },
		                              { ":authority", "agent" },
		                              { ":path", where } };
	bool is_connect = strcmp(method, "CONNECT") == 0;
	struct http2_stream *s = NULL;
	struct err err;

	assert_int_equal(http2_open(r->h2, is_connect ? connect : other, is_connect ? 2 : 4, false,
	                            NULL, &s, &err),
	                 0);
	say(r);
	return s;
}

/* --- a hostile proxy -------------------------------------------------------------------------- */

static void an_agent_refuses_requests_that_it_does_not_know(void **state)
{
	static const struct {
		const char *method, *where, *status;
	} table[] = {
		{ "GET", "/", "501" },
		{ "POST", "/", "501" },
		{ "GET", "/discovery", "501" },
		{ "POST", "/discovery/x", "501" },
	};
	char long_name[TUNNEL_SERVICE_SIZE + 1];
	struct end agent = { 0 };
	struct rogue r = { 0 };

	meet(*state, &agent, &r, TUNNEL_AGENT, false);
	for (int i = 0; i < 4; i++) {
		ask(&r, table[i].method, table[i].where);
		turn_until(*state, r.answers == i + 1);
		assert_string_equal(r.status, table[i].status);
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	ask(&r, "CONNECT", long_name);
	turn_until(*state, r.answers == 5);
	assert_string_equal(r.status, "400");
	assert_int_equal(agent.asked_count, 0);
	assert_int_equal(agent.closed, 0);
	part(*state, &agent, &r);
}

static void an_agent_takes_one_control_stream(void **state)
{
	struct end agent = { 0 };
	struct rogue r = { 0 };

	meet(*state, &agent, &r, TUNNEL_AGENT, false);
	ask(&r, "POST", "/discovery");
	turn_until(*state, r.answers == 1);
	assert_string_equal(r.status, "200");
	ask(&r, "POST", "/discovery");
	turn_until(*state, r.answers == 2);
	assert_string_equal(r.status, "501");
	part(*state, &agent, &r);
}

static void tell_bytes(struct rogue *r, const void *bytes, size_t len)
{
	struct http2_stream *s = ask(r, "POST", "/discovery");
	struct err err;

	assert_int_equal(http2_write(s, bytes, len, &err), 0);
	say(r);
}

static void news_that_make_no_sense_end_the_tunnel(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} table[] = {
		{ "\xff\xff\xff\xff", 4, "a TunnelNews of 4294967295 bytes" },
		{ "\0\1\0\1", 4, "a TunnelNews of 65537 bytes" },
		{ "\0\0\0\2\xff\xff", 6, "TunnelNews" },
		{ "\0\0\0\4\x0a\2\x10\1", 8, "a proxy's id is no UUID" },
		{ "\0\0\0\7\x0a\5\x0a\3../", 11, "a proxy's id is no UUID" },
		{ "\0\0\0\x28\x0a\x26\x0a\x24"
		  "c0ffee00-0000-4000-8000-000000000000",
		  44, "proxy 'c0ffee00-0000-4000-8000-000000000000' has expired" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct end agent = { 0 };
		struct rogue r = { 0 };

		meet(*state, &agent, &r, TUNNEL_AGENT, false);
		tell_bytes(&r, table[i].bytes, table[i].len);
		turn_until(*state, agent.closed == 1);
		assert_non_null(strstr(agent.err.msg, table[i].text));
		assert_non_null(strstr(agent.err.msg, "what the proxy tells: "));
		assert_int_equal(agent.told, 0);
		part(*state, &agent, &r);
	}
}

static void a_message_may_come_byte_by_byte(void **state)
{
	static const char bytes[] = "\0\0\0\2\x10\1";
	struct end agent = { 0 };
	struct rogue r = { 0 };
	struct http2_stream *s;
	struct err err;

	meet(*state, &agent, &r, TUNNEL_AGENT, false);
	s = ask(&r, "POST", "/discovery");
	for (int i = 0; i < 6; i++) {
		assert_int_equal(agent.told, 0);
		assert_int_equal(http2_write(s, &bytes[i], 1, &err), 0);
		say(&r);
		for (int turn = 0; turn < 5; turn++)
			uv_run(*state, UV_RUN_NOWAIT);
	}
	turn_until(*state, agent.told == 1);
	assert_true(agent.last.draining);
	part(*state, &agent, &r);
}

static void an_agent_holds_no_more_channels_than_it_allows(void **state)
{
	struct end agent = { 0 };
	struct rogue r = { 0 };

	meet(*state, &agent, &r, TUNNEL_AGENT, false);
	for (int i = 0; i < 200; i++)
		ask(&r, "CONNECT", "node");
	for (int turn = 0; turn < 200; turn++)
		uv_run(*state, UV_RUN_NOWAIT);
	assert_in_range(agent.asked_count, 1, 8);
	assert_in_range(tunnel_channels(agent.tunnel), 1, 8);
	part(*state, &agent, &r);
}

static void refuse(struct end *e, struct channel *c)
{
	static const struct err why = { ERR_DENIED, "not here" };

	(void)e;
	channel_refuse(c, &why);
}

/* CVE-2023-44487: opened and reset at once, for ever. */
static void a_flood_of_resets_ends_the_tunnel(void **state)
{
	struct end agent = { .serve = refuse };
	struct rogue r = { 0 };
	int opened = 0;

	meet(*state, &agent, &r, TUNNEL_AGENT, false);
	while (agent.closed == 0 && opened++ < 20000 && !http2_no_new_streams(r.h2)) {
		http2_reset(ask(&r, "CONNECT", "node"), HTTP2_CANCEL);
		say(&r);
		uv_run(*state, UV_RUN_NOWAIT);
	}
	turn_until(*state, agent.closed == 1);
	assert_true(opened < 20000);
	assert_int_not_equal(agent.err.code, 0);
	part(*state, &agent, &r);
}

/* --- a hostile agent -------------------------------------------------------------------------- */

static void answer_with_nonsense(struct http2_stream *s)
{
	const struct http2_header headers[] = { { ":status", "500" },
		                                { "grpc-status", "0" },
		                                { "grpc-message", "%0a%1b[2Jall%20is%20well%zz" } };
	struct err err;

	http2_respond(s, headers, 3, true, &err);
}

static void an_answer_that_is_no_yes_is_a_no(void **state)
{
	struct end proxy = { 0 };
	struct rogue r = { .serve = answer_with_nonsense };
	struct dialed d = { 0 };

	meet(*state, &proxy, &r, TUNNEL_PROXY, false);
	dial_service(&proxy, "node", &d);
	turn_until(*state, d.calls == 1);
	assert_int_equal(d.err.code, ERR_INTERNAL);
	assert_null(strchr(d.err.msg, '\n'));
	assert_null(strchr(d.err.msg, '\x1b'));
	part(*state, &proxy, &r);
}

static void say_nothing(struct http2_stream *s)
{
	(void)s;
}

static void an_agent_that_hangs_up_unasked_fails_what_was_dialed(void **state)
{
	struct end proxy = { 0 };
	struct rogue r = { .serve = say_nothing };
	struct dialed d = { 0 }, next = { 0 };

	meet(*state, &proxy, &r, TUNNEL_PROXY, false);
	dial_service(&proxy, "node", &d);
	turn_until(*state, r.last != NULL);
	http2_reset(r.last, HTTP2_REFUSED_STREAM);
	say(&r);
	turn_until(*state, d.calls == 1);
	assert_int_equal(d.err.code, ERR_LIMIT);
	dial_service(&proxy, "node", &next);
	stream_reset(r.stream, NULL);
	turn_until(*state, next.calls == 1 && proxy.closed == 1);
	assert_int_not_equal(next.err.code, 0);
	part(*state, &proxy, &r);
}

/* --- bare bytes ------------------------------------------------------------------------------- */

#define SETTINGS     "\0\0\0\4\0\0\0\0\0"
#define SETTINGS_ACK "\0\0\0\4\1\0\0\0\0"
#define MAGIC        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static void bytes_that_are_no_tunnel_end_it(void **state)
{
	static const struct {
		enum tunnel_side side;
		const char *bytes;
		size_t len;
	} table[] = {
		{ TUNNEL_AGENT, "GET / HTTP/1.1\r\n\r\n\r\n\r\n\r\n\r\n\r\n", 28 },
		{ TUNNEL_AGENT, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 32 },
		/* DATA on a stream that was never opened */
		{ TUNNEL_AGENT, MAGIC SETTINGS "\0\0\1\0\0\0\0\0\1x", 24 + 9 + 10 },
		/* a stream with an even number */
		{ TUNNEL_AGENT, MAGIC SETTINGS "\0\0\1\1\4\0\0\0\2\x82", 24 + 9 + 10 },
		/* a frame of 16 MB */
		{ TUNNEL_AGENT, MAGIC SETTINGS "\xff\xff\xff\0\0\0\0\0\1", 24 + 9 + 9 },
		/* headers that are no HPACK */
		{ TUNNEL_AGENT, MAGIC SETTINGS "\0\0\2\1\4\0\0\0\1\xff\xff", 24 + 9 + 11 },
		{ TUNNEL_PROXY, "GET / HTTP/1.1\r\n\r\n\r\n\r\n\r\n\r\n\r\n", 28 },
		/* the agent opens a channel towards the proxy */
		{ TUNNEL_PROXY, SETTINGS "\0\0\1\1\4\0\0\0\2\x88", 9 + 10 },
		{ TUNNEL_PROXY, SETTINGS "\0\0\1\1\4\0\0\0\1\x88", 9 + 10 },
		/* it pushes */
		{ TUNNEL_PROXY, SETTINGS "\0\0\5\5\4\0\0\0\1\0\0\0\2\x82", 9 + 14 },
		/* a window beyond 2^31 */
		{ TUNNEL_PROXY, SETTINGS "\0\0\4\x8\0\0\0\0\0\x7f\xff\xff\xff", 9 + 13 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct end honest = { 0 };
		struct rogue r = { 0 };

		meet(*state, &honest, &r, table[i].side, true);
		stream_write(r.stream, table[i].bytes, table[i].len);
		turn_until(*state, honest.closed == 1);
		if (honest.err.code != ERR_INVALID)
			fail_msg("%zu: %d %s", i, honest.err.code, honest.err.msg);
		part(*state, &honest, &r);
	}
}

/* DATA beyond the window, which a peer by the rules could not send. */
static void who_ignores_the_windows_is_cut_off(void **state)
{
	struct end proxy = { 0 };
	struct rogue r = { 0 };
	struct dialed d = { 0 };
	uint8_t frame[9 + 16384] = { 0, 0x40, 0, 0, 0, 0, 0, 0, 1 };
	int sent = 0;

	meet(*state, &proxy, &r, TUNNEL_PROXY, true);
	stream_write(r.stream, SETTINGS SETTINGS_ACK, 18);
	turn_until(*state, proxy.ready == 1);
	dial_service(&proxy, "node", &d);
	for (int turn = 0; turn < 10; turn++)
		uv_run(*state, UV_RUN_NOWAIT);
	stream_write(r.stream, "\0\0\1\1\4\0\0\0\1\x88", 10); /* :status 200 */
	turn_until(*state, d.calls == 1);
	stream_pause(d.ear.stream);
	while (proxy.closed == 0 && d.ear.closes == 0 && sent++ < 1000) {
		stream_write(r.stream, frame, sizeof(frame));
		uv_run(*state, UV_RUN_NOWAIT);
	}
	assert_in_range(sent, TUNNEL_WINDOW / 16384, TUNNEL_WINDOW / 16384 + 300);
	if (proxy.tunnel != NULL)
		tunnel_close(proxy.tunnel, NULL);
	turn_until(*state, d.ear.closes == 1);
	assert_int_not_equal(d.ear.err.code, 0);
	part(*state, &proxy, &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(an_agent_refuses_requests_that_it_does_not_know),
		loop_test(an_agent_takes_one_control_stream),
		loop_test(news_that_make_no_sense_end_the_tunnel),
		loop_test(a_message_may_come_byte_by_byte),
		loop_test(an_agent_holds_no_more_channels_than_it_allows),
		loop_test(a_flood_of_resets_ends_the_tunnel),
		loop_test(an_answer_that_is_no_yes_is_a_no),
		loop_test(an_agent_that_hangs_up_unasked_fails_what_was_dialed),
		loop_test(bytes_that_are_no_tunnel_end_it),
		loop_test(who_ignores_the_windows_is_cut_off),
	};

	return unit_run(tests);
}
