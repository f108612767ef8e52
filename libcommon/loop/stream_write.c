#include "loop/stream_private.h"

#include "base/err.h"
#include "base/list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Bytes in libuv's queue, which sends them in order. */
struct chunk {
	uv_write_t req;
	struct stream *stream;
	uint8_t *bytes; /* owned */
};

static void write_failed(struct stream *s, int rc)
{
	struct err err;

	err_set(&err, ERR_IO, "write to '%s': %s", s->peer, uv_strerror(rc));
	stream_fail(s, &err);
}

void stream_tell_drained(struct stream *s)
{
	if (!s->was_full || stream_queued(s) > STREAM_LOW_WATER || s->state != STREAM_OPEN)
		return;
	s->was_full = false;
	if (s->handler != NULL && s->handler->on_drain != NULL)
		s->handler->on_drain(s->owner, s);
}

static void on_written(uv_write_t *req, int rc)
{
	struct chunk *c = container_of(req, struct chunk, req);
	struct stream *s = c->stream;

	free(c->bytes);
	free(c);
	if (rc == 0)
		stream_tell_drained(s);
	else if (s->state != STREAM_SHUT)
		write_failed(s, rc);
}

/* Takes the buffer `bytes` over, of which `len` from `at` on are to be sent. */
static void queue(struct stream *s, uint8_t *take_bytes, const uint8_t *at, size_t len)
{
	struct chunk *c = take_bytes != NULL ? calloc(1, sizeof(*c)) : NULL;
	uv_buf_t part = uv_buf_init((char *)at, (unsigned)len);
	struct err err;
	int rc;

	if (c == NULL) {
		free(take_bytes);
		err_set_nomem(&err);
		stream_fail(s, &err);
		return;
	}
	c->stream = s;
	c->bytes = take_bytes;
	rc = uv_write(&c->req, s->out, &part, 1, on_written);
	if (rc != 0) {
		free(c->bytes);
		free(c);
		write_failed(s, rc);
	}
}

/* Whether bytes may go out at all; ends a stream whose owner ignores stream_full(). */
static bool may_send(struct stream *s, size_t len)
{
	struct err err;

	if (s->state == STREAM_SHUT || s->why != NULL || len == 0)
		return false;
	if (stream_queued(s) < STREAM_QUEUE_MAX)
		return true;
	err_set(&err, ERR_LIMIT, "'%s' reads too slowly", s->peer);
	stream_fail(s, &err);
	return false;
}

/* What the kernel takes at once needs no memory. Returns how much that was. */
static size_t send_now(struct stream *s, const uint8_t *data, size_t len)
{
	uv_buf_t part = uv_buf_init((char *)data, (unsigned)len);
	int n = uv_try_write(s->out, &part, 1);

	if (n < 0 && n != UV_EAGAIN) {
		write_failed(s, n);
		return len;
	}
	return n > 0 ? (size_t)n : 0;
}

void stream_send(struct stream *s, const uint8_t *data, size_t len)
{
	uint8_t *copy;
	size_t sent;

	if (!may_send(s, len))
		return;
	if (s->carrier != NULL) {
		s->carrier->write(s->carried, data, len);
		return;
	}
	sent = send_now(s, data, len);
	if (sent == len)
		return;
	copy = malloc(len - sent);
	if (copy != NULL)
		memcpy(copy, data + sent, len - sent);
	queue(s, copy, copy, len - sent);
}

void stream_send_owned(struct stream *s, uint8_t *take_data, size_t len)
{
	size_t sent = len;

	if (s->carrier != NULL)
		stream_send(s, take_data, len);
	else if (may_send(s, len))
		sent = send_now(s, take_data, len);
	if (sent < len)
		queue(s, take_data, take_data + sent, len - sent);
	else
		free(take_data);
}

static void on_end_sent(uv_shutdown_t *req, int rc)
{
	struct stream *s = container_of(req, struct stream, ending);

	if (s->state == STREAM_SHUT)
		return;
	if (rc == UV_ENOTSOCK && s->out_pipe != NULL)
		stream_close_handle(s, (uv_handle_t *)s->out_pipe); /* how a pipe is ended */
	else if (rc != 0 && rc != UV_ENOTCONN && rc != UV_ENOTSOCK)
		write_failed(s, rc);
	stream_out_ended(s);
}

void stream_send_end(struct stream *s)
{
	int rc;

	if (s->carrier != NULL) {
		s->carrier->end(s->carried); /* and says stream_carried_out_ended() */
		return;
	}
	rc = uv_shutdown(&s->ending, s->out, on_end_sent);
	if (rc != 0)
		on_end_sent(&s->ending, rc);
}

/* --- for the owner ---------------------------------------------------------------------------- */

static bool may_write(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->output == OUT_OPEN && s->why == NULL;
}

void stream_write(struct stream *s, const void *data, size_t len)
{
	if (!may_write(s))
		return;
	if (s->secure != NULL)
		secure_write(s, data, len);
	else
		stream_send(s, data, len);
	s->was_full |= stream_full(s);
}

void stream_write_buf(struct stream *s, struct buf *take_bytes)
{
	size_t len = take_bytes->len;

	if (s->secure != NULL || len == 0 || !may_write(s)) {
		stream_write(s, take_bytes->data, len);
		buf_deinit(take_bytes);
		return;
	}
	stream_send_owned(s, buf_take(take_bytes, &len), len);
	s->was_full |= stream_full(s);
}

size_t stream_queued(const struct stream *s)
{
	size_t waiting = s->secure != NULL ? secure_queued(s) : 0;

	if (s->carrier != NULL)
		return waiting + s->carrier->queued(s->carried);
	return waiting + uv_stream_get_write_queue_size(s->out);
}

bool stream_full(const struct stream *s)
{
	return stream_queued(s) >= STREAM_HIGH_WATER;
}
