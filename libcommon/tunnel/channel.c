#include "tunnel/tunnel_inside.h"

#include "loop/stream.h"
#include "loop/stream_carried.h"
#include "loop/timer.h"

#include <stdlib.h>

#define PIECE (16u * 1024) /* as much as a stream is given at once */

struct channel *channel_new(struct tunnel *t)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->tunnel = t;
	buf_init(&c->in, 2 * TUNNEL_WINDOW); /* the peer may send TUNNEL_WINDOW */
	list_append(&t->channels, &c->link);
	list_init(&c->due_link);
	t->channel_count++;
	return c;
}

static void channel_free(struct channel *c)
{
	if (c->tunnel != NULL)
		c->tunnel->channel_count--;
	list_remove(&c->link);
	list_remove(&c->due_link);
	timer_free(c->deadline);
	buf_wipe(&c->in);
	free(c);
}

void channel_due(struct channel *c)
{
	if (c->tunnel == NULL)
		return;
	list_remove(&c->due_link);
	list_append(&c->tunnel->due, &c->due_link);
	tunnel_soon(c->tunnel);
}

/* --- for the stream: it calls us, we never call back from here -------------------------------- */

static void on_write(void *carried, const uint8_t *data, size_t len)
{
	struct channel *c = carried;
	struct err err;

	if (c->h2 == NULL)
		return;
	if (http2_write(c->h2, data, len, &err) == 0) {
		tunnel_soon(c->tunnel);
	} else if (err.code != ERR_CANCELED) {
		err_copy(&c->why, &err);
		channel_due(c);
	}
}

static size_t on_queued(const void *carried)
{
	const struct channel *c = carried;

	return c->h2 != NULL ? http2_queued(c->h2) : 0;
}

static void on_end(void *carried)
{
	struct channel *c = carried;
	struct err ignored;

	if (c->h2 != NULL && http2_end(c->h2, &ignored) == 0) {
		tunnel_soon(c->tunnel);
	} else {
		c->out_ended = true;
		channel_due(c);
	}
}

static void on_read(void *carried, bool wanted)
{
	struct channel *c = carried;

	c->wanted = wanted;
	if (wanted && (c->in.len > 0 || (c->ended && !c->end_told)))
		channel_due(c);
}

static void on_shut(void *carried, bool torn)
{
	struct channel *c = carried;

	c->stream = NULL;
	if (c->tunnel == NULL) {
		channel_free(c);
		return;
	}
	if (c->h2 != NULL)
		http2_reset(c->h2, torn ? HTTP2_CANCEL : HTTP2_NO_ERROR);
	channel_due(c);
}

static const struct stream_carrier carrier = {
	.write = on_write, .queued = on_queued, .end = on_end, .read = on_read, .shut = on_shut
};

int channel_open_stream(struct channel *c, struct err *err)
{
	const struct stream *outer = c->tunnel->stream;

	c->state = CHANNEL_OPEN;
	return stream_open_carried(stream_loop(outer), &carrier, c, stream_peer(outer), &c->stream,
	                           err);
}

/* --- for HTTP/2 ------------------------------------------------------------------------------- */

static void keep(struct channel *c, const uint8_t *data, size_t len)
{
	struct err err;

	buf_append(&c->in, data, len);
	if (buf_check(&c->in, &err) != 0 && c->why.code == 0) {
		err_copy(&c->why, &err);
		channel_due(c);
	}
}

void channel_got_data(struct channel *c, const uint8_t *data, size_t len)
{
	if (c->stream == NULL && c->state != CHANNEL_ASKED) {
		http2_consume(c->h2, len);
	} else if (c->stream != NULL && c->wanted && c->in.len == 0) {
		stream_carried_data(c->stream, data, len);
		http2_consume(c->h2, len);
	} else {
		keep(c, data, len);
	}
}

void channel_got_end(struct channel *c)
{
	c->ended = true;
	channel_due(c);
}

void channel_got_room(struct channel *c)
{
	if (c->stream != NULL)
		stream_carried_drained(c->stream);
}

static void explain(struct channel *c, uint32_t code)
{
	if (c->why.code != 0)
		return;
	if (code == HTTP2_REFUSED_STREAM)
		err_set(&c->why, ERR_LIMIT, "it takes no more connections");
	else
		err_set(&c->why, ERR_IO, "connection reset behind the tunnel");
}

void channel_got_closed(struct channel *c, uint32_t code)
{
	c->h2 = NULL;
	if (c->state == CHANNEL_OPEN && code == HTTP2_NO_ERROR && c->ended)
		c->out_ended = true; /* both are, or the peer wants no more of ours */
	else
		explain(c, code);
	channel_due(c);
}

/* --- its turn --------------------------------------------------------------------------------- */

static void pass_on_kept(struct channel *c)
{
	struct buf in = c->in;
	size_t at = 0;

	buf_init(&c->in, in.max);
	while (at < in.len && c->stream != NULL && c->wanted) {
		size_t len = in.len - at < PIECE ? in.len - at : PIECE;

		stream_carried_data(c->stream, in.data + at, len);
		if (c->h2 != NULL)
			http2_consume(c->h2, len);
		at += len;
	}
	buf_consume(&in, at);
	if (in.len > 0)
		c->in = in;
	else
		buf_wipe(&in);
}

static void pass_on(struct channel *c)
{
	if (c->in.len > 0 && c->wanted)
		pass_on_kept(c);
	if (c->stream != NULL && c->wanted && c->in.len == 0 && c->ended && !c->end_told) {
		c->end_told = true;
		stream_carried_end(c->stream);
	}
	if (c->stream != NULL && c->out_ended) {
		c->out_ended = false;
		stream_carried_out_ended(c->stream);
	}
	if (c->stream != NULL && c->why.code != 0)
		stream_carried_failed(c->stream, &c->why);
}

void channel_step(struct channel *c)
{
	if (c->state == CHANNEL_ASKED && c->why.code != 0)
		ask_failed(c);
	if (c->stream != NULL)
		pass_on(c);
	if (c->h2 == NULL && c->stream == NULL && c->state != CHANNEL_ASKED)
		channel_free(c);
}

void channel_lost(struct channel *c, const struct err *why)
{
	struct stream *s = c->stream;

	err_copy(&c->why, why);
	if (c->state == CHANNEL_ASKED)
		ask_failed(c);
	list_remove(&c->link);
	list_remove(&c->due_link);
	c->tunnel->channel_count--;
	c->tunnel = NULL;
	if (s != NULL)
		stream_carried_failed(s, why); /* frees, now or when it has an owner */
	else
		channel_free(c);
}
