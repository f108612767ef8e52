#include "kubeproxyd/exchange/front2.h"

#include "base/err.h"
#include "base/str.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/exchange/exchange.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/upstream/call.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/h2_pump.h"
#include "wire/http1.h"
#include "wire/http2.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX     250
#define BODY_WINDOW     (256u * 1024)
#define HEADER_LIST_MAX (64u * 1024)
#define IDLE_MS         (3 * 60 * 1000)
#define BODY_MS         60000 /* without a byte of a request's body that we wait for */

struct front2 {
	struct front base;
	struct visit *visit;
	struct stream *stream;
	struct http2 *http2;
	struct timer *soon;   /* something is to be sent */
	struct timer *idle;   /* no request, or none that moves */
	struct list requests; /* struct request */
};

/* One stream. */
struct request {
	struct list link;
	struct front2 *f;
	struct http2_stream *s;
	struct exchange *exchange; /* NULL: answered */
};

static void pump_soon(struct front2 *f)
{
	if (!timer_active(f->soon))
		timer_once(f->soon, 0);
}

/* --- answering ------------------------------------------------------------------------------- */

/* Names in lower case; `store` has room for all of them. */
static size_t make_headers(struct http2_header *out, const struct http1_header *from, size_t count,
                           char *store, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(from[i].name) + 1;

		if (len > room)
			break;
		for (size_t k = 0; k < len; k++)
			store[k] = (char)tolower((unsigned char)from[i].name[k]);
		out[n++] = (struct http2_header){ store, from[i].value };
		store += len;
		room -= len;
	}
	return n;
}

static void on_answer(void *front, int status, const struct http1_header *headers, size_t count,
                      int64_t length)
{
	struct http2_header all[HEADERS_MAX + 2];
	char names[HEADERS_MAX * 64];
	struct request *r = front;
	char code[8], size[24];
	struct err err;
	size_t n;

	snprintf(code, sizeof(code), "%d", status);
	all[0] = (struct http2_header){ ":status", code };
	n = 1 + make_headers(all + 1, headers, count, names, sizeof(names));
	if (n == 1 + count && length != CALL_LENGTH_UNKNOWN && status != 204) {
		snprintf(size, sizeof(size), "%lld", (long long)length);
		all[n++] = (struct http2_header){ "content-length", size };
	}
	if (n < 1 + count || http2_respond(r->s, all, n, false, &err) != 0)
		http2_reset(r->s, HTTP2_INTERNAL_ERROR);
	pump_soon(r->f);
}

static void on_write(void *front, const void *data, size_t len)
{
	struct request *r = front;
	struct err err;

	if (http2_write(r->s, data, len, &err) != 0)
		http2_reset(r->s, HTTP2_INTERNAL_ERROR);
	pump_soon(r->f);
}

static bool is_full(const void *front)
{
	const struct request *r = front;

	return !http2_writable(r->s);
}

static void on_consume(void *front, size_t len)
{
	struct request *r = front;

	http2_consume(r->s, len);
	pump_soon(r->f);
}

/* What is left of the request nobody wants: the client is told by a reset without an error. */
static void on_finish(void *front)
{
	struct request *r = front;
	struct err ignored;

	r->exchange = NULL;
	if (http2_stream_ended(r->s))
		http2_end(r->s, &ignored);
	else
		http2_end_with(r->s, NULL, 0, &ignored);
	pump_soon(r->f);
}

static void on_abort(void *front)
{
	struct request *r = front;

	r->exchange = NULL;
	http2_reset(r->s, HTTP2_INTERNAL_ERROR);
	pump_soon(r->f);
}

/* --- requests -------------------------------------------------------------------------------- */

static int64_t length_of(const struct http2_stream *s, const struct http2_header *headers,
                         size_t count)
{
	const char *text = http2_header(headers, count, "content-length");
	struct err ignored;
	int64_t length;

	if (http2_stream_ended(s))
		return 0;
	if (text != NULL && str_to_i64(text, 0, INT64_MAX, &length, &ignored) == 0)
		return length;
	return CALL_LENGTH_UNKNOWN;
}

static void begin(struct request *r, const struct http2_header *headers, size_t count)
{
	static const struct front_ops ops = {
		.answer = on_answer,
		.write = on_write,
		.full = is_full,
		.consume = on_consume,
		.finish = on_finish,
		.abort = on_abort,
	};
	struct http1_header plain[HEADERS_MAX];
	struct exchange_request request = {
		.method = http2_header(headers, count, ":method"),
		.target = http2_header(headers, count, ":path"),
		.headers = plain,
		.count = count,
		.length = length_of(r->s, headers, count),
	};

	if (request.method == NULL || request.target == NULL || count > HEADERS_MAX) {
		http2_reset(r->s, HTTP2_PROTOCOL_ERROR);
		return;
	}
	for (size_t i = 0; i < count; i++)
		plain[i] = (struct http1_header){ headers[i].name, headers[i].value };
	exchange_start(r->f->visit, &request, &ops, r, &r->exchange);
}

static void on_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	struct front2 *f = http2_ctx(http2_stream_session(s));
	struct request *r;

	if (trailers)
		return;
	r = calloc(1, sizeof(*r));
	if (r == NULL || f->visit->k->stopping) {
		free(r);
		http2_reset(s, HTTP2_REFUSED_STREAM);
		return;
	}
	r->f = f;
	r->s = s;
	list_append(&f->requests, &r->link);
	http2_stream_set_data(s, r);
	timer_once(f->idle, BODY_MS);
	begin(r, headers, count);
}

static void on_body(struct http2_stream *s, const uint8_t *data, size_t len)
{
	struct request *r = http2_stream_data(s);

	if (r != NULL && r->exchange != NULL)
		exchange_body(r->exchange, data, len);
	else
		http2_consume(s, len);
}

static void on_end(struct http2_stream *s)
{
	struct request *r = http2_stream_data(s);

	if (r != NULL && r->exchange != NULL)
		exchange_body_end(r->exchange);
}

static void on_writable(struct http2_stream *s)
{
	struct request *r = http2_stream_data(s);

	if (r != NULL && r->exchange != NULL)
		exchange_drain(r->exchange);
}

static void on_closed(struct http2_stream *s, uint32_t code)
{
	struct request *r = http2_stream_data(s);

	(void)code;
	if (r == NULL)
		return;
	exchange_leave(r->exchange);
	list_remove(&r->link);
	if (list_empty(&r->f->requests))
		timer_once(r->f->idle, IDLE_MS);
	free(r);
}

/* --- the connection -------------------------------------------------------------------------- */

static void front_free(struct front2 *f)
{
	list_remove(&f->base.link);
	http2_free(f->http2);
	timer_free(f->soon);
	timer_free(f->idle);
	visit_unref(f->visit);
	free(f);
}

static void pump(struct front2 *f)
{
	struct err err;

	if (h2_pump(f->http2, f->stream, &err) != 0)
		stream_reset(f->stream, &err);
	else if (http2_done(f->http2))
		stream_close(f->stream);
}

static void on_soon(void *owner)
{
	pump(owner);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct front2 *f = owner;
	struct err err;
	int rc = http2_recv(f->http2, data, len, &err);

	pump(f);
	if (rc != 0)
		stream_close(s);
	return len;
}

static void on_drain(void *owner, struct stream *s)
{
	(void)s;
	pump(owner);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	(void)err;
	front_free(owner);
}

/* A request whose body we wait for, and that does not come. */
static bool is_stuck(const struct request *r)
{
	return r->exchange != NULL && !http2_stream_ended(r->s) && exchange_wants_body(r->exchange);
}

static void on_idle(void *owner)
{
	struct front2 *f = owner;

	if (list_empty(&f->requests)) {
		http2_goaway(f->http2, HTTP2_NO_ERROR);
		pump(f);
		stream_close(f->stream);
		return;
	}
	for (struct list *at = f->requests.next; at != &f->requests; at = at->next) {
		struct request *r = container_of(at, struct request, link);

		if (is_stuck(r) && exchange_silent_ms(r->exchange) >= BODY_MS)
			http2_reset(r->s, HTTP2_CANCEL);
	}
	timer_once(f->idle, BODY_MS);
	pump_soon(f);
}

static void on_stop(struct front *base)
{
	struct front2 *f = container_of(base, struct front2, base);

	http2_goaway(f->http2, HTTP2_NO_ERROR);
	pump(f);
	stream_close(f->stream);
}

void front2_start(struct visit *visit, struct stream *take_stream)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_drain = on_drain,
		.on_close = on_close,
	};
	static const struct http2_events events = {
		.headers = on_headers,
		.data = on_body,
		.end = on_end,
		.writable = on_writable,
		.closed = on_closed,
	};
	static const struct http2_limits limits = {
		.stream_window = BODY_WINDOW,
		.connection_window = 16 * BODY_WINDOW,
		.streams_max = STREAMS_MAX,
		.header_list_max = HEADER_LIST_MAX,
	};
	struct front2 *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		stream_refuse(take_stream, NULL);
		return;
	}
	f->base.close = on_stop;
	list_init(&f->requests);
	list_append(&visit->k->fronts, &f->base.link);
	f->visit = visit_ref(visit);
	f->stream = take_stream;
	f->http2 = http2_new(HTTP2_SERVER, &limits, &events, f);
	f->soon = timer_new(visit->k->loop, on_soon, f);
	f->idle = timer_new(visit->k->loop, on_idle, f);
	if (f->http2 == NULL || f->soon == NULL || f->idle == NULL) {
		front_free(f);
		stream_refuse(take_stream, NULL);
		return;
	}
	timer_once(f->idle, IDLE_MS);
	stream_attach(take_stream, &handler, f);
	pump_soon(f);
}
