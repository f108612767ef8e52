/* link1 - a link that speaks HTTP/1.1: one call at a time. */
#include "kubeproxyd/upstream/link.h"

#include "base/str.h"
#include "kubeproxyd/upstream/upstream_inside.h"
#include "loop/stream.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX       (128u * 1024)
#define HEAD_LINE_MAX  (64u * 1024)
#define HEAD_COUNT_MAX 100

/* --- reading --------------------------------------------------------------------------------- */

static int64_t length_of(const struct http1_message *m)
{
	const char *text = http1_header(m, "content-length");
	struct err ignored;
	int64_t length;

	if (text != NULL && str_to_i64(text, 0, INT64_MAX, &length, &ignored) == 0)
		return length;
	return CALL_LENGTH_UNKNOWN;
}

static void tell_answer(struct link *l)
{
	const struct http1_message *m = http1_message(l->http1);
	struct upstream_call *c = l->call;

	if (c->answered)
		return;
	c->answered = true;
	c->events->answer(c->owner, m->status, m->headers, m->header_count, length_of(m));
}

static void on_body(void *ctx, const void *data, size_t len)
{
	struct link *l = ctx;

	if (l->call != NULL)
		tell_answer(l);
	if (l->call == NULL)
		return; /* canceled: the stream is being reset */
	l->call->owed += len;
	if (l->call->owed >= CALL_WINDOW)
		stream_pause(l->stream);
	l->call->events->data(l->call->owner, data, len);
}

static void break_off(struct link *l, const struct err *err)
{
	l->closing = true;
	stream_reset(l->stream, err);
}

/* The answer is whole: the connection is free again, if both sides are done with it. */
static void finish_call(struct link *l)
{
	struct upstream_call *c = l->call;
	bool reusable = http1_message(l->http1)->keep_alive && c->finished && !l->closing;

	if (reusable) {
		http1_next(l->http1);
		stream_resume(l->stream);
	} else {
		l->closing = true;
		stream_close(l->stream);
	}
	link_call_ended(c);
	if (reusable && l->u != NULL)
		link_has_room(l);
}

static void read_state(struct link *l)
{
	static const struct err upgrade = { ERR_CORRUPT,
		                            "the API server changed the protocol unasked" };

	if (http1_state(l->http1) == HTTP1_HEAD)
		return;
	if (http1_message(l->http1)->status == 101) {
		break_off(l, &upgrade);
		return;
	}
	tell_answer(l);
	if (l->call != NULL && http1_state(l->http1) == HTTP1_DONE)
		finish_call(l);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	static const struct err unasked = { ERR_CORRUPT, "the API server spoke unasked" };
	struct link *l = owner;
	struct err err;
	size_t used;

	(void)s;
	if (l->closing)
		return len;
	if (l->call == NULL) {
		break_off(l, &unasked);
		return len;
	}
	if (http1_feed(l->http1, data, len, &used, &err) != 0) {
		err_wrap(&err, "answer of the API server");
		err.code = ERR_CORRUPT;
		break_off(l, &err);
		return len;
	}
	if (l->call != NULL)
		read_state(l);
	return used;
}

/* An answer without a length ends here. */
static void on_end(void *owner, struct stream *s)
{
	struct link *l = owner;
	struct err err;

	l->closing = true;
	if (l->call != NULL && http1_eof(l->http1, &err) == 0 &&
	    http1_state(l->http1) == HTTP1_DONE)
		read_state(l);
	stream_close(s);
}

static void on_drain(void *owner, struct stream *s)
{
	struct link *l = owner;

	(void)s;
	if (l->call != NULL && !l->call->finished)
		l->call->events->drain(l->call->owner);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	link_closed(owner, err);
}

/* --- for the call ---------------------------------------------------------------------------- */

static int begin(struct link *l, struct upstream_call *c, struct err *err)
{
	struct buf head = { 0 };
	int64_t length = c->length;
	int rc;

	if (length == 0 && (strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0))
		length = HTTP1_NO_BODY;
	rc = http1_write_request_head(&head, c->method, c->target, c->headers.items,
	                              c->headers.count,
	                              length == CALL_LENGTH_UNKNOWN ? HTTP1_CHUNKED : length, err);
	if (rc != 0)
		return rc;
	if (strcmp(c->method, "HEAD") == 0)
		http1_expect_no_body(l->http1);
	l->call = c;
	stream_write_buf(l->stream, &head);
	buf_wipe(&head);
	return 0;
}

static void write_body(struct upstream_call *c, const void *data, size_t len)
{
	struct buf b = { 0 };

	if (len == 0)
		return;
	if (c->length == CALL_LENGTH_UNKNOWN)
		http1_write_chunk(&b, data, len);
	else
		buf_append(&b, data, len);
	if (b.failed == 0)
		stream_write_buf(c->on->stream, &b);
	else
		break_off(c->on, NULL);
	buf_deinit(&b);
}

static void finish(struct upstream_call *c)
{
	struct buf b = { 0 };

	if (c->length != CALL_LENGTH_UNKNOWN)
		return;
	http1_write_chunk(&b, NULL, 0);
	stream_write_buf(c->on->stream, &b);
	buf_deinit(&b);
}

static bool full(const struct upstream_call *c)
{
	return stream_full(c->on->stream);
}

static void consume(struct upstream_call *c, size_t len)
{
	c->owed -= len;
	if (c->owed < CALL_WINDOW / 2)
		stream_resume(c->on->stream);
}

static void drop(struct upstream_call *c)
{
	break_off(c->on, NULL);
}

static void close_link(struct link *l)
{
	stream_close(l->stream);
}

static void free_link(struct link *l)
{
	http1_free(l->http1);
}

/* --- making one ------------------------------------------------------------------------------ */

int link1_begin(struct link *l, struct stream *take_stream, struct err *err)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_end = on_end,
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
		.free = free_link,
	};
	static const struct http1_limits limits = {
		.line_max = HEAD_LINE_MAX,
		.head_max = HEAD_MAX,
		.headers_max = HEAD_COUNT_MAX,
	};

	l->http1 = http1_new(HTTP1_RESPONSE, &limits);
	if (l->http1 == NULL) {
		stream_refuse(take_stream, NULL);
		return err_set_nomem(err);
	}
	http1_stream_body(l->http1, on_body, l);
	l->stream = take_stream;
	l->ops = &ops;
	l->room = 1;
	stream_attach(take_stream, &handler, l);
	return 0;
}
