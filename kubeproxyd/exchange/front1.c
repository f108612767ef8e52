#include "kubeproxyd/exchange/front1.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/exchange/exchange.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/request/status.h"
#include "kubeproxyd/upstream/call.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/http1.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_LIMIT    (64u * 1024)
#define LINE_LIMIT    (32u * 1024)
#define HEADERS_LIMIT 100
#define BODY_WINDOW   (256u * 1024) /* of a request's body that may be unconsumed */
#define REQUEST_MS    20000 /* from a head's first byte to its last; between two of a body */
#define IDLE_MS       (3 * 60 * 1000)

struct front1 {
	struct front base;
	struct visit *visit;
	struct stream *stream;
	struct http1 *parser;
	struct timer *timer; /* of the request, or of idleness */
	struct exchange *exchange;
	size_t owed;     /* of the request's body, told and not consumed */
	bool busy;       /* a request's head is there, its answer is not whole */
	bool answering;  /* the answer's head is out */
	bool chunked;    /* how it is framed */
	bool head;       /* the request is a HEAD */
	bool keep_alive; /* another request may follow */
	bool taken;      /* the stream is a channel's */
	bool closing;
};

static void front_free(struct front1 *f)
{
	list_remove(&f->base.link);
	exchange_leave(f->exchange);
	timer_free(f->timer);
	http1_free(f->parser);
	visit_unref(f->visit);
	free(f);
}

static void close_front(struct front1 *f)
{
	f->closing = true;
	timer_stop(f->timer);
	stream_close(f->stream);
}

static bool request_is_whole(const struct front1 *f)
{
	return http1_state(f->parser) == HTTP1_DONE;
}

/* --- answering ------------------------------------------------------------------------------- */

static bool has_body(const struct front1 *f, int status)
{
	return !f->head && status != 204 && status != 304;
}

/* How the body is told to end: by its length, in chunks, or by the connection's end. */
static int64_t framing_of(struct front1 *f, int status, int64_t length)
{
	if (!has_body(f, status) && (length < 0 || status == 204))
		return HTTP1_NO_BODY;
	if (length != CALL_LENGTH_UNKNOWN)
		return length;
	if (http1_message(f->parser)->minor == 0) {
		f->keep_alive = false;
		return HTTP1_UNFRAMED;
	}
	f->chunked = true;
	return HTTP1_CHUNKED;
}

static void on_answer(void *front, int status, const struct http1_header *headers, size_t count,
                      int64_t length)
{
	struct http1_header all[HEADERS_MAX + 1];
	struct front1 *f = front;
	struct buf b = { 0 };
	int64_t framing;
	struct err err;

	if (!request_is_whole(f))
		f->keep_alive = false; /* what is left of its body might never be read */
	framing = framing_of(f, status, length);
	memcpy(all, headers, count * sizeof(*all));
	if (!f->keep_alive)
		all[count++] = (struct http1_header){ "Connection", "close" };
	f->answering = true;
	if (http1_write_response_head(&b, status, all, count, framing, &err) == 0)
		stream_write_buf(f->stream, &b);
	else
		stream_reset(f->stream, &err);
	buf_deinit(&b);
}

static void on_write(void *front, const void *data, size_t len)
{
	struct front1 *f = front;
	struct buf b = { 0 };

	if (!f->chunked) {
		stream_write(f->stream, data, len);
		return;
	}
	if (len > 0)
		http1_write_chunk(&b, data, len);
	stream_write_buf(f->stream, &b);
	buf_deinit(&b);
}

static bool is_full(const void *front)
{
	const struct front1 *f = front;

	return stream_full(f->stream);
}

static void on_consume(void *front, size_t len)
{
	struct front1 *f = front;

	f->owed -= len;
	if (f->owed < BODY_WINDOW / 2 && !request_is_whole(f)) {
		timer_once(f->timer, REQUEST_MS);
		stream_resume(f->stream);
	}
}

/* Bytes that waited in the stream are offered again. */
static void wait_for_request(struct front1 *f)
{
	http1_next(f->parser);
	f->busy = f->answering = f->chunked = f->head = false;
	f->owed = 0;
	timer_once(f->timer, IDLE_MS);
	stream_pause(f->stream);
	stream_resume(f->stream);
}

static void on_finish(void *front)
{
	struct front1 *f = front;

	f->exchange = NULL;
	if (f->chunked) {
		struct buf b = { 0 };

		http1_write_chunk(&b, NULL, 0);
		stream_write_buf(f->stream, &b);
		buf_deinit(&b);
	}
	if (f->keep_alive && request_is_whole(f) && !f->visit->k->stopping)
		wait_for_request(f);
	else
		close_front(f);
}

static void on_abort(void *front)
{
	static const struct err torn = { ERR_UNAVAILABLE, "an answer was broken off", 0 };
	struct front1 *f = front;

	f->exchange = NULL;
	f->closing = true;
	stream_reset(f->stream, &torn);
}

/* --- reading --------------------------------------------------------------------------------- */

static const struct front_ops ops = {
	.answer = on_answer,
	.write = on_write,
	.full = is_full,
	.consume = on_consume,
	.finish = on_finish,
	.abort = on_abort,
};

/* What is not HTTP as we take it, or too much of it. */
static void refuse_bytes(struct front1 *f, const struct err *err)
{
	int code = err->code == ERR_LIMIT ? 431 : err->code == ERR_NOMEM ? 503 : 400;
	static const struct http1_header headers[] = { { "Content-Type", "application/json" },
		                                       { "Connection", "close" } };
	struct buf body = { 0 };
	struct buf b = { 0 };
	struct err ignored;

	exchange_leave(f->exchange);
	f->exchange = NULL;
	status_append(&body, code, err->msg);
	if (!f->answering &&
	    http1_write_response(&b, code, headers, 2, body.data, body.len, &ignored) == 0)
		stream_write_buf(f->stream, &b);
	buf_deinit(&body);
	buf_deinit(&b);
	close_front(f);
}

/* The length of the request's body. */
static int64_t length_of(const struct http1_message *m)
{
	const char *text = http1_header(m, "content-length");
	struct err ignored;
	int64_t length;

	if (http1_header(m, "transfer-encoding") != NULL)
		return CALL_LENGTH_UNKNOWN;
	if (text != NULL && str_to_i64(text, 0, INT64_MAX, &length, &ignored) == 0)
		return length;
	return 0;
}

static void send_continue(struct front1 *f)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *expect = http1_header(http1_message(f->parser), "expect");

	if (expect != NULL && strcasecmp(expect, "100-continue") == 0 && !f->answering)
		stream_write(f->stream, text, sizeof(text) - 1);
}

/* "Upgrade: h2c" of a client that would like HTTP/2 is nothing that we know of. */
static bool wants_channel(const struct http1_message *m)
{
	const char *protocol = http1_header(m, "upgrade");

	return protocol != NULL && (strncasecmp(protocol, "websocket", 9) == 0 ||
	                            strncasecmp(protocol, "spdy/", 5) == 0);
}

static void begin(struct front1 *f)
{
	const struct http1_message *m = http1_message(f->parser);
	const struct exchange_request request = {
		.method = m->method,
		.target = m->target,
		.headers = m->headers,
		.count = m->header_count,
		.length = length_of(m),
		.upgrade = wants_channel(m) ? m : NULL,
		.stream = f->stream,
	};

	f->busy = true;
	f->head = strcmp(m->method, "HEAD") == 0;
	f->keep_alive = !headers_list_has(m->headers, m->header_count, "connection", "close") &&
	                m->minor == 1 && request.upgrade == NULL;
	timer_stop(f->timer);
	switch (exchange_start(f->visit, &request, &ops, f, &f->exchange)) {
	case EXCHANGE_OPEN:
		if (!request_is_whole(f)) {
			send_continue(f);
			timer_once(f->timer, REQUEST_MS);
		}
		break;
	case EXCHANGE_ANSWERED:
		break;
	case EXCHANGE_TAKEN:
		f->taken = true;
		break;
	}
}

static void on_body(void *ctx, const void *data, size_t len)
{
	struct front1 *f = ctx;

	if (!f->busy)
		begin(f);
	if (f->exchange == NULL)
		return; /* answered already */
	f->owed += len;
	timer_once(f->timer, REQUEST_MS);
	if (f->owed >= BODY_WINDOW) {
		timer_stop(f->timer); /* it is not the client who is slow */
		stream_pause(f->stream);
	}
	exchange_body(f->exchange, data, len);
}

/* After bytes were read: a head may be whole, or the request. */
static void look(struct front1 *f)
{
	bool whole = request_is_whole(f);

	if (http1_state(f->parser) != HTTP1_HEAD && !f->busy && !f->closing)
		begin(f);
	if (!whole || f->taken || f->closing || f->exchange == NULL)
		return;
	timer_stop(f->timer);
	stream_resume(f->stream);
	exchange_body_end(f->exchange);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct front1 *f = owner;
	struct err err = { 0 };
	size_t used = 0;

	(void)s;
	if (f->closing)
		return len;
	if (f->busy && request_is_whole(f))
		return 0; /* the next request waits; STREAM_KEPT_MAX bounds it */
	if (http1_idle(f->parser))
		timer_once(f->timer, REQUEST_MS);
	if (http1_feed(f->parser, data, len, &used, &err) != 0) {
		refuse_bytes(f, &err);
		return len;
	}
	look(f);
	if (f->taken)
		front_free(f);
	return used;
}

/* A client that has gone, or sends no more: nobody can tell which, and what waits for nobody is not
 * kept going. */
static void on_end(void *owner, struct stream *s)
{
	struct front1 *f = owner;

	(void)s;
	exchange_leave(f->exchange);
	f->exchange = NULL;
	close_front(f);
}

static void on_drain(void *owner, struct stream *s)
{
	struct front1 *f = owner;

	(void)s;
	if (f->exchange != NULL)
		exchange_drain(f->exchange);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	(void)err;
	front_free(owner);
}

static void on_timer(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "the request did not come in time", 0 };
	struct front1 *f = owner;

	if (http1_idle(f->parser))
		close_front(f);
	else
		refuse_bytes(f, &late);
}

static void on_stop(struct front *base)
{
	close_front(container_of(base, struct front1, base));
}

void front1_start(struct visit *visit, struct stream *take_stream)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_end = on_end,
		.on_drain = on_drain,
		.on_close = on_close,
	};
	static const struct http1_limits limits = {
		.line_max = LINE_LIMIT,
		.head_max = HEAD_LIMIT,
		.headers_max = HEADERS_LIMIT,
	};
	struct front1 *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		stream_refuse(take_stream, NULL);
		return;
	}
	f->base.close = on_stop;
	list_append(&visit->k->fronts, &f->base.link);
	f->visit = visit_ref(visit);
	f->stream = take_stream;
	f->parser = http1_new(HTTP1_REQUEST, &limits);
	f->timer = timer_new(visit->k->loop, on_timer, f);
	if (f->parser == NULL || f->timer == NULL) {
		front_free(f);
		stream_refuse(take_stream, NULL);
		return;
	}
	http1_stream_body(f->parser, on_body, f);
	timer_once(f->timer, REQUEST_MS);
	stream_attach(take_stream, &handler, f);
}
