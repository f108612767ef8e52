#include "wire/http2.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

/* What one side of a connection has heard. */
struct side {
	struct http2 *h;
	struct http2_stream *stream; /* the last one that headers came on */
	struct buf log;              /* a word per event */
	size_t received;
	uint8_t filler; /* all data are to be this byte; 0: anything */
	bool hold;      /* do not consume */
	bool respond;
	int closed;
	uint32_t code;
	int writable;
};

static struct side *side_of(struct http2_stream *s)
{
	return http2_ctx(http2_stream_session(s));
}

static void on_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	static const struct http2_header ok[] = { { ":status", "200" } };
	struct side *side = side_of(s);
	struct err err;

	side->stream = s;
	buf_appendf(&side->log, "%s %s=%s; ", trailers ? "trailers" : "headers",
	            count > 0 ? headers[0].name : "", count > 0 ? headers[0].value : "");
	if (side->respond)
		assert_int_equal(http2_respond(s, ok, 1, false, &err), 0);
}

static void on_data(struct http2_stream *s, const uint8_t *data, size_t len)
{
	struct side *side = side_of(s);

	side->received += len;
	for (size_t i = 0; side->filler != 0 && i < len; i++)
		assert_int_equal(data[i], side->filler);
	if (len < 100)
		buf_appendf(&side->log, "data %.*s; ", (int)len, (const char *)data);
	assert_true(len <= 16375);
	if (!side->hold)
		http2_consume(s, len);
}

static void on_end(struct http2_stream *s)
{
	buf_append_str(&side_of(s)->log, "end; ");
}

static void on_writable(struct http2_stream *s)
{
	side_of(s)->writable++;
}

static void on_closed(struct http2_stream *s, uint32_t code)
{
	struct side *side = side_of(s);

	side->closed++;
	side->code = code;
	if (side->stream == s)
		side->stream = NULL;
}

static void on_goaway(struct http2 *h, uint32_t code)
{
	struct side *side = http2_ctx(h);

	buf_appendf(&side->log, "goaway %u; ", (unsigned)code);
}

static const struct http2_events events = { on_headers,  on_data,   on_end,
	                                    on_writable, on_closed, on_goaway };

struct pair {
	struct side client;
	struct side server;
};

static void side_open(struct side *side, enum http2_kind kind, const struct http2_limits *limits)
{
	memset(side, 0, sizeof(*side));
	side->h = http2_new(kind, limits, &events, side);
	assert_non_null(side->h);
}

static void pair_open(struct pair *p, const struct http2_limits *limits)
{
	side_open(&p->client, HTTP2_CLIENT, limits);
	side_open(&p->server, HTTP2_SERVER, limits);
	p->server.respond = true;
}

static void pair_close(struct pair *p)
{
	http2_free(p->client.h);
	http2_free(p->server.h);
	buf_deinit(&p->client.log);
	buf_deinit(&p->server.log);
}

/* Moves all bytes that one side has; how many. */
static size_t move(struct side *from, struct side *to)
{
	const uint8_t *data;
	struct err err = { 0 };
	size_t total = 0;
	size_t len;

	while (http2_send(from->h, &data, &len, &err) == 0 && len > 0) {
		total += len;
		assert_int_equal(http2_recv(to->h, data, len, &err), 0);
	}
	assert_int_equal(err.code, 0);
	return total;
}

static void settle(struct pair *p)
{
	while (move(&p->client, &p->server) + move(&p->server, &p->client) > 0)
		;
}

static const struct http2_header request[] = {
	{ ":method", "POST" },
	{ ":scheme", "https" },
	{ ":path", "/x" },
	{ ":authority", "a" },
};

static struct http2_stream *open_stream(struct pair *p, bool end)
{
	struct http2_stream *s = NULL;
	struct err err;

	assert_int_equal(http2_open(p->client.h, request, 4, end, NULL, &s, &err), 0);
	return s;
}

static void a_call_goes_there_and_back_with_trailers(void **state)
{
	static const struct http2_header trailers[] = { { "grpc-status", "0" } };
	struct pair p;
	struct http2_stream *s;
	struct err err;

	(void)state;
	pair_open(&p, NULL);
	s = open_stream(&p, false);
	assert_int_equal(http2_write(s, "hello", 5, &err), 0);
	assert_int_equal(http2_end(s, &err), 0);
	assert_int_equal(http2_write(s, "more", 4, &err), ERR_CANCELED);
	settle(&p);
	assert_string_equal(buf_str(&p.server.log), "headers :method=POST; data hello; end; ");
	assert_int_equal(http2_write(p.server.stream, "you", 3, &err), 0);
	assert_int_equal(http2_end_with(p.server.stream, trailers, 1, &err), 0);
	settle(&p);
	assert_string_equal(buf_str(&p.client.log),
	                    "headers :status=200; data you; trailers grpc-status=0; end; ");
	assert_int_equal(p.client.closed, 1);
	assert_int_equal(p.server.closed, 1);
	assert_int_equal(p.client.code, HTTP2_NO_ERROR);
	assert_int_equal(http2_stream_count(p.client.h), 0);
	pair_close(&p);
}

static void each_side_can_half_close_alone(void **state)
{
	struct pair p;
	struct http2_stream *s;
	struct err err;

	(void)state;
	pair_open(&p, NULL);
	s = open_stream(&p, false);
	settle(&p);
	assert_int_equal(http2_end(p.server.stream, &err), 0);
	settle(&p);
	assert_int_equal(p.client.closed, 0);
	assert_int_equal(http2_write(s, "still", 5, &err), 0);
	assert_int_equal(http2_end(s, &err), 0);
	settle(&p);
	assert_string_equal(buf_str(&p.server.log), "headers :method=POST; data still; end; ");
	assert_int_equal(p.client.closed, 1);
	pair_close(&p);
}

static void a_server_that_has_answered_wants_no_more_of_the_request(void **state)
{
	static const struct http2_header trailers[] = { { "grpc-status", "3" } };
	struct pair p;
	struct err err;

	(void)state;
	pair_open(&p, NULL);
	open_stream(&p, false);
	settle(&p);
	assert_int_equal(http2_end_with(p.server.stream, trailers, 1, &err), 0);
	settle(&p);
	assert_string_equal(buf_str(&p.client.log),
	                    "headers :status=200; trailers grpc-status=3; end; ");
	assert_int_equal(p.client.closed, 1);
	assert_int_equal(p.client.code, HTTP2_NO_ERROR);
	assert_int_equal(p.server.closed, 1);
	pair_close(&p);
}

static void a_stream_that_nobody_consumes_stops_at_its_window(void **state)
{
	static const struct http2_limits limits = { .stream_window = 100000,
		                                    .connection_window = 400000 };
	static uint8_t bytes[60000];
	struct pair p;
	struct http2_stream *slow;
	struct http2_stream *fast;
	struct err err;

	(void)state;
	pair_open(&p, &limits);
	p.server.hold = true;
	slow = open_stream(&p, false);
	settle(&p);
	for (int i = 0; i < 5; i++)
		assert_int_equal(http2_write(slow, bytes, sizeof(bytes), &err), 0);
	assert_false(http2_writable(slow));
	settle(&p);
	assert_int_equal(p.server.received, 100000);
	assert_int_equal(p.client.writable, 0);

	fast = open_stream(&p, false); /* is not held up by the slow one */
	assert_int_equal(http2_write(fast, "quick", 5, &err), 0);
	settle(&p);
	assert_int_equal(p.server.received, 100005);

	p.server.hold = false;
	http2_consume(p.server.stream, 5);
	http2_reset(fast, HTTP2_CANCEL);
	settle(&p);
	http2_reset(slow, HTTP2_CANCEL);
	settle(&p);
	assert_int_equal(p.server.closed, 2);
	assert_int_equal(p.server.code, HTTP2_CANCEL);

	slow = open_stream(&p, false); /* the window of the connection came back whole */
	for (int i = 0; i < 10; i++)
		assert_int_equal(http2_write(slow, bytes, sizeof(bytes), &err), 0);
	settle(&p);
	assert_int_equal(p.server.received, 700005);
	assert_int_equal(p.client.writable, 1);
	assert_true(http2_writable(slow));
	pair_close(&p);
}

static void what_nobody_reads_is_bounded(void **state)
{
	static uint8_t bytes[1024 * 1024];
	struct pair p;
	struct http2_stream *s;
	struct err err;
	int rc = 0;
	int count = 0;

	(void)state;
	pair_open(&p, NULL);
	s = open_stream(&p, false);
	while (rc == 0 && count < 100) {
		rc = http2_write(s, bytes, sizeof(bytes), &err);
		count++;
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_int_equal(count, 17);
	pair_close(&p);
}

static void a_reset_before_the_first_flush_is_closed_too(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	http2_reset(open_stream(&p, false), HTTP2_CANCEL);
	assert_int_equal(p.client.closed, 0);
	settle(&p);
	assert_int_equal(p.client.closed, 1);
	assert_int_equal(p.client.code, HTTP2_CANCEL);
	assert_string_equal(buf_str(&p.server.log), "");
	pair_close(&p);
}

static void freeing_closes_every_stream_once(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL);
	open_stream(&p, false);
	open_stream(&p, false);
	settle(&p);
	http2_reset(open_stream(&p, false), HTTP2_CANCEL);
	http2_free(p.client.h);
	p.client.h = NULL;
	assert_int_equal(p.client.closed, 3);
	http2_free(p.server.h);
	p.server.h = NULL;
	assert_int_equal(p.server.closed, 2);
	pair_close(&p);
}

static void too_many_streams_wait_and_too_many_headers_are_reset(void **state)
{
	static const struct http2_limits limits = { .streams_max = 2, .header_list_max = 2000 };
	struct http2_header big[5];
	char value[2000];
	struct pair p;
	struct http2_stream *s;
	struct err err;

	(void)state;
	pair_open(&p, &limits);
	settle(&p);
	for (int i = 0; i < 3; i++)
		s = open_stream(&p, false);
	settle(&p);
	assert_int_equal(http2_stream_count(p.server.h), 2);
	http2_reset(s, HTTP2_CANCEL);
	settle(&p);
	assert_int_equal(http2_stream_count(p.client.h), 2);
	pair_close(&p);

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	memcpy(big, request, sizeof(request));
	big[4] = (struct http2_header){ "x-big", value };
	pair_open(&p, &limits);
	assert_int_equal(http2_open(p.client.h, big, 5, true, NULL, &s, &err), 0);
	settle(&p);
	assert_string_equal(buf_str(&p.server.log), "");
	assert_int_equal(p.client.closed, 1);
	assert_int_not_equal(p.client.code, HTTP2_NO_ERROR);
	pair_close(&p);
}

static void a_storm_of_resets_ends_the_connection(void **state)
{
	static const struct http2_limits limits = { .resets_max = 10 };
	struct pair p;
	int i;

	(void)state;
	pair_open(&p, &limits);
	for (i = 0; i < 200 && !http2_done(p.server.h); i++) {
		http2_reset(open_stream(&p, false), HTTP2_CANCEL);
		move(&p.client, &p.server);
		if (http2_no_new_streams(p.client.h))
			break;
		http2_reset(open_stream(&p, false), HTTP2_CANCEL);
		{
			struct http2_stream *s = open_stream(&p, false);

			move(&p.client, &p.server);   /* the server sees it open … */
			http2_reset(s, HTTP2_CANCEL); /* … and go */
		}
		settle(&p);
		if (http2_no_new_streams(p.client.h))
			break;
	}
	assert_in_range(i, 9, 30);
	assert_true(http2_done(p.server.h));
	pair_close(&p);
}

static void goaway_lets_open_streams_finish(void **state)
{
	struct pair p;
	struct http2_stream *s;
	struct http2_stream *none;
	struct err err;

	(void)state;
	pair_open(&p, NULL);
	s = open_stream(&p, false);
	settle(&p);
	http2_goaway(p.server.h, HTTP2_NO_ERROR);
	settle(&p);
	assert_true(http2_no_new_streams(p.client.h));
	assert_int_equal(http2_open(p.client.h, request, 4, true, NULL, &none, &err),
	                 ERR_UNAVAILABLE);
	assert_int_equal(http2_write(s, "bye", 3, &err), 0);
	assert_int_equal(http2_end(s, &err), 0);
	assert_int_equal(http2_end(p.server.stream, &err), 0);
	settle(&p);
	assert_string_equal(buf_str(&p.client.log), "headers :status=200; goaway 0; end; ");
	assert_string_equal(buf_str(&p.server.log), "headers :method=POST; data bye; end; ");
	assert_true(http2_done(p.server.h));
	assert_true(http2_done(p.client.h));
	pair_close(&p);
}

static void pings_are_answered(void **state)
{
	struct pair p;
	struct err err;

	(void)state;
	pair_open(&p, NULL);
	settle(&p);
	assert_int_equal(http2_ping(p.client.h, &err), 0);
	assert_int_equal(http2_pongs(p.client.h), 0);
	settle(&p);
	assert_int_equal(http2_pongs(p.client.h), 1);
	pair_close(&p);
}

/* One piece of what a side has to say; whether there was any. */
static bool move_one(struct side *from, struct side *to)
{
	const uint8_t *data;
	struct err err;
	size_t len;

	assert_int_equal(http2_send(from->h, &data, &len, &err), 0);
	if (len > 0)
		assert_int_equal(http2_recv(to->h, data, len, &err), 0);
	return len > 0;
}

/* They put their frames together in the same place. */
static void servers_that_take_turns_leave_each_others_frames_alone(void **state)
{
	static char longest[40000], bytes[100000];
	const struct http2_limits limits = { .header_list_max = 65536 };
	const struct http2_header trailer = { "x-long", longest };
	struct pair pairs[2];
	struct err err;
	bool more = true;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pair_open(&pairs[i], &limits);
		open_stream(&pairs[i], true);
		settle(&pairs[i]);
		pairs[i].client.filler = (uint8_t)('a' + i);
		memset(bytes, 'a' + i, sizeof(bytes));
		memset(longest, 'a' + i, sizeof(longest) - 1);
		assert_int_equal(http2_write(pairs[i].server.stream, bytes, sizeof(bytes), &err),
		                 0);
		assert_int_equal(http2_end_with(pairs[i].server.stream, &trailer, 1, &err), 0);
	}
	while (more) {
		more = false;
		for (int i = 0; i < 2; i++) {
			more |= move_one(&pairs[i].server, &pairs[i].client);
			more |= move_one(&pairs[i].client, &pairs[i].server);
		}
	}
	for (int i = 0; i < 2; i++) {
		const char *trailers = strstr(buf_str(&pairs[i].client.log), "x-long=");

		assert_int_equal(pairs[i].client.received, sizeof(bytes));
		assert_non_null(trailers);
		memset(longest, 'a' + i, sizeof(longest) - 1);
		assert_memory_equal(trailers + strlen("x-long="), longest, sizeof(longest) - 1);
		pair_close(&pairs[i]);
	}
}

static void what_is_not_http2_is_refused(void **state)
{
	struct side server;
	struct err err = { 0 };

	(void)state;
	side_open(&server, HTTP2_SERVER, NULL);
	assert_int_equal(http2_recv(server.h, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, &err),
	                 ERR_INVALID);
	http2_free(server.h);
	buf_deinit(&server.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_goes_there_and_back_with_trailers),
		cmocka_unit_test(each_side_can_half_close_alone),
		cmocka_unit_test(a_server_that_has_answered_wants_no_more_of_the_request),
		cmocka_unit_test(a_stream_that_nobody_consumes_stops_at_its_window),
		cmocka_unit_test(what_nobody_reads_is_bounded),
		cmocka_unit_test(a_reset_before_the_first_flush_is_closed_too),
		cmocka_unit_test(freeing_closes_every_stream_once),
		cmocka_unit_test(too_many_streams_wait_and_too_many_headers_are_reset),
		cmocka_unit_test(a_storm_of_resets_ends_the_connection),
		cmocka_unit_test(goaway_lets_open_streams_finish),
		cmocka_unit_test(pings_are_answered),
		cmocka_unit_test(servers_that_take_turns_leave_each_others_frames_alone),
		cmocka_unit_test(what_is_not_http2_is_refused),
	};

	return unit_run(tests);
}
