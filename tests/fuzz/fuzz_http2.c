#include "wire/http2.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>

static int open_streams;

static void on_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	static const struct http2_header ok[] = { { ":status", "200" } };
	static const struct http2_header end[] = { { "grpc-status", "0" } };
	struct err err;

	http2_header(headers, count, ":path");
	if (trailers || http2_stream_data(s) != NULL)
		return;
	http2_stream_set_data(s, s);
	open_streams++;
	if (http2_respond(s, ok, 1, false, &err) == 0 && http2_write(s, "hello", 5, &err) == 0 &&
	    count % 2 == 0)
		http2_end_with(s, end, 1, &err);
}

static void on_data(struct http2_stream *s, const uint8_t *data, size_t len)
{
	if (len > 0 && data[0] == 'r')
		http2_reset(s, HTTP2_CANCEL);
	http2_consume(s, len);
}

static void on_end(struct http2_stream *s)
{
	struct err err;

	http2_end(s, &err);
}

static void on_writable(struct http2_stream *s)
{
	(void)s;
}

static void on_closed(struct http2_stream *s, uint32_t code)
{
	(void)code;
	if (http2_stream_data(s) != NULL)
		open_streams--;
}

static const struct http2_events events = { on_headers,  on_data,   on_end,
	                                    on_writable, on_closed, NULL };

static void send_all(struct http2 *h)
{
	const uint8_t *data;
	struct err err;
	size_t len;

	while (http2_send(h, &data, &len, &err) == 0 && len > 0)
		;
}

/* A server (first byte even) or client (odd, with two streams open) hears the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http2_limits limits = { 20000, 40000, 4, 1000, 5, 1000 };
	static const struct http2_header request[] = { { ":method", "POST" },
		                                       { ":scheme", "https" },
		                                       { ":path", "/x" },
		                                       { ":authority", "a" } };
	enum http2_kind kind = size > 0 && data[0] % 2 == 1 ? HTTP2_CLIENT : HTTP2_SERVER;
	struct http2 *h = http2_new(kind, &limits, &events, NULL);
	struct http2_stream *s;
	struct err err;

	assert(h != NULL);
	open_streams = 0;
	for (int i = 0; i < 2 && kind == HTTP2_CLIENT; i++)
		http2_open(h, request, 4, i == 0, NULL, &s, &err);
	send_all(h);
	for (size_t at = 1; at < size; at += 50) {
		if (http2_recv(h, data + at, size - at < 50 ? size - at : 50, &err) != 0)
			break;
		send_all(h);
		assert(http2_stream_count(h) <= 8);
	}
	http2_free(h);
	assert(open_streams == 0);
	return 0;
}
