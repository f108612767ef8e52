/* link2 - a link that speaks HTTP/2: many calls at once, each with its own window. */
#include "kubeproxyd/upstream/link.h"

#include "base/str.h"
#include "kubeproxyd/upstream/upstream_inside.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/h2_pump.h"
#include "wire/http2.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX     100
#define HEADER_LIST_MAX (128u * 1024)
#define PING_MS         30000 /* without an answer to the last one: the connection is dead */

/* --- moving bytes ---------------------------------------------------------------------------- */

static void break_off(struct link *l, const struct err *err)
{
	l->closing = true;
	stream_reset(l->stream, err);
}

/* `closed` comes from within, so it is done on the loop's own account, never a caller's. */
static void pump(struct link *l)
{
	struct err err;

	if (h2_pump(l->http2, l->stream, &err) != 0)
		break_off(l, &err);
	else if (http2_done(l->http2) || (l->closing && l->count == 0))
		stream_close(l->stream);
}

static void pump_soon(struct link *l)
{
	if (l->soon != NULL && !timer_active(l->soon))
		timer_once(l->soon, 0);
}

static void on_soon(void *owner)
{
	pump(owner);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct link *l = owner;
	struct err err;

	(void)s;
	if (http2_recv(l->http2, data, len, &err) != 0)
		break_off(l, &err);
	if (http2_no_new_streams(l->http2))
		l->closing = true;
	pump(l);
	if (l->u != NULL)
		link_has_room(l);
	return len;
}

static void on_drain(void *owner, struct stream *s)
{
	(void)s;
	pump(owner);
}

/* Calls that leave it may want to send something still. */
static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct link *l = owner;

	(void)s;
	timer_free(l->soon);
	l->soon = NULL;
	link_closed(l, err);
}

/* --- what the API server says ---------------------------------------------------------------- */

static int64_t length_of(const struct http2_header *headers, size_t count)
{
	const char *text = http2_header(headers, count, "content-length");
	struct err ignored;
	int64_t length;

	if (text != NULL && str_to_i64(text, 0, INT64_MAX, &length, &ignored) == 0)
		return length;
	return CALL_LENGTH_UNKNOWN;
}

static void on_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	struct upstream_call *c = http2_stream_data(s);
	struct http1_header plain[HEADERS_MAX];
	const char *status = http2_header(headers, count, ":status");
	struct err ignored;
	int64_t code;
	size_t n = 0;

	if (c == NULL || trailers)
		return;
	if (status == NULL || str_to_i64(status, 200, 599, &code, &ignored) != 0 ||
	    count > HEADERS_MAX) {
		http2_reset(s, HTTP2_PROTOCOL_ERROR);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (*headers[i].name != ':')
			plain[n++] = (struct http1_header){ headers[i].name, headers[i].value };
	c->answered = true;
	c->events->answer(c->owner, (int)code, plain, n, length_of(headers, count));
}

static void on_body(struct http2_stream *s, const uint8_t *data, size_t len)
{
	struct upstream_call *c = http2_stream_data(s);

	if (c == NULL) {
		http2_consume(s, len);
		return;
	}
	c->owed += len;
	c->events->data(c->owner, data, len);
}

static void on_end(struct http2_stream *s)
{
	struct upstream_call *c = http2_stream_data(s);

	if (c == NULL)
		return;
	http2_consume(s, c->owed);
	if (!c->finished)
		http2_reset(s, HTTP2_CANCEL); /* nobody reads the rest of the request */
	link_call_ended(c);
}

static void on_writable(struct http2_stream *s)
{
	struct upstream_call *c = http2_stream_data(s);

	if (c != NULL && !c->finished)
		c->events->drain(c->owner);
}

static void on_closed(struct http2_stream *s, uint32_t code)
{
	struct upstream_call *c = http2_stream_data(s);
	struct err err;

	if (c == NULL)
		return;
	err_set(&err, ERR_UNAVAILABLE, "the API server broke the answer off (HTTP/2 error %u)",
	        code);
	(code == HTTP2_REFUSED_STREAM ? link_call_refused : link_call_failed)(c, &err);
}

/* --- for the call ---------------------------------------------------------------------------- */

/* HTTP/2's names are in lower case (RFC 9113 8.2.1); `store` holds them. */
static int make_headers(const struct link *l, const struct upstream_call *c,
                        struct http2_header *out, size_t *out_count, struct buf *store,
                        struct err *err)
{
	size_t n = 0;

	out[n++] = (struct http2_header){ ":method", c->method };
	out[n++] = (struct http2_header){ ":scheme", "https" };
	out[n++] = (struct http2_header){ ":authority", l->u->where.host };
	out[n++] = (struct http2_header){ ":path", c->target };
	for (size_t i = 0; i < c->headers.count; i++) /* first all, for the store moves */
		buf_append(store, c->headers.items[i].name, strlen(c->headers.items[i].name) + 1);
	if (buf_check(store, err) != 0)
		return err->code;
	for (size_t i = 0, at = 0; i < c->headers.count; i++) {
		char *name = (char *)store->data + at;

		at += strlen(name) + 1;
		for (char *p = name; *p != 0; p++)
			*p = (char)tolower((unsigned char)*p);
		if (strcmp(name, "host") != 0)
			out[n++] = (struct http2_header){ name, c->headers.items[i].value };
	}
	*out_count = n;
	return 0;
}

static int begin(struct link *l, struct upstream_call *c, struct err *err)
{
	struct http2_header headers[HEADERS_MAX + 5];
	struct buf store = { 0 };
	char length[24];
	size_t count = 0;
	int rc = make_headers(l, c, headers, &count, &store, err);

	if (rc == 0 && c->length > 0) {
		snprintf(length, sizeof(length), "%lld", (long long)c->length);
		headers[count++] = (struct http2_header){ "content-length", length };
	}
	if (rc == 0)
		rc = http2_open(l->http2, headers, count, c->length == 0, c, &c->stream, err);
	buf_deinit(&store);
	if (rc == 0)
		pump_soon(l);
	return rc;
}

static void write_body(struct upstream_call *c, const void *data, size_t len)
{
	struct err err;

	if (http2_write(c->stream, data, len, &err) != 0)
		http2_reset(c->stream, HTTP2_INTERNAL_ERROR);
	pump_soon(c->on);
}

static void finish(struct upstream_call *c)
{
	struct err ignored;

	if (c->length != 0)
		http2_end(c->stream, &ignored);
	pump_soon(c->on);
}

static bool full(const struct upstream_call *c)
{
	return !http2_writable(c->stream);
}

static void consume(struct upstream_call *c, size_t len)
{
	c->owed -= len;
	http2_consume(c->stream, len);
	pump_soon(c->on);
}

static void drop(struct upstream_call *c)
{
	http2_consume(c->stream, c->owed);
	http2_reset(c->stream, HTTP2_CANCEL);
	pump_soon(c->on);
}

static void close_link(struct link *l)
{
	http2_goaway(l->http2, HTTP2_NO_ERROR);
	pump_soon(l);
}

static void free_link(struct link *l)
{
	http2_free(l->http2);
}

/* Asked now and then: an answer to every question, or nobody is there. */
static void look(struct link *l, int64_t now)
{
	static const struct err dead = { ERR_UNAVAILABLE, "the API server does not answer any more",
		                         0 };
	struct err err;

	if (l->count == 0 || now - l->asked_at < PING_MS)
		return;
	if (l->asked != http2_pongs(l->http2)) {
		break_off(l, &dead);
		return;
	}
	if (http2_ping(l->http2, &err) == 0)
		l->asked++;
	l->asked_at = now;
	pump_soon(l);
}

/* --- making one ------------------------------------------------------------------------------ */

int link2_begin(struct link *l, struct stream *take_stream, struct err *err)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_drain = on_drain,
		.on_close = on_close,
	};
	static const struct link_ops ops = {
		.begin = begin,
		.write = write_body,
		.finish = finish,
		.full = full,
		.consume = consume,
		.drop = drop,
		.close = close_link,
		.look = look,
		.free = free_link,
	};
	static const struct http2_events events = {
		.headers = on_headers,
		.data = on_body,
		.end = on_end,
		.writable = on_writable,
		.closed = on_closed,
	};
	/* However many stand still, the others' bytes come. */
	static const struct http2_limits limits = {
		.stream_window = CALL_WINDOW,
		.connection_window = (STREAMS_MAX + 1) * CALL_WINDOW,
		.header_list_max = HEADER_LIST_MAX,
	};

	l->http2 = http2_new(HTTP2_CLIENT, &limits, &events, l);
	l->soon = timer_new(l->u->conf.loop, on_soon, l);
	if (l->http2 == NULL || l->soon == NULL) {
		timer_free(l->soon);
		stream_refuse(take_stream, NULL);
		return err_set_nomem(err);
	}
	l->stream = take_stream;
	l->ops = &ops;
	l->room = STREAMS_MAX;
	stream_attach(take_stream, &handler, l);
	pump_soon(l);
	return 0;
}
