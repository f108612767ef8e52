#include "tunnel/tunnel.h"

#include "tunnel/tunnel_inside.h"

#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/h2_pump.h"

#include <stdlib.h>

#define RESETS_MAX 1000 /* per second: each is one user's connection that broke */

/* A channel of which TUNNEL_WINDOW is unread must not stop the others: all together never do. */
static uint32_t connection_window(unsigned channels)
{
	const uint32_t most = INT32_MAX;

	return channels < most / TUNNEL_WINDOW ? (channels + 1) * TUNNEL_WINDOW : most;
}

/* --- HTTP/2's events -------------------------------------------------------------------------- */

static struct tunnel *tunnel_of(const struct http2_stream *s)
{
	return http2_ctx(http2_stream_session(s));
}

static void on_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	struct tunnel *t = tunnel_of(s);
	struct channel *c = http2_stream_data(s);

	if (trailers || s == t->news)
		return; /* an answer to the control stream tells nothing */
	if (t->conf.side == TUNNEL_AGENT)
		ask_got_request(t, s, headers, count);
	else if (c != NULL)
		ask_got_answer(c, headers, count);
}

static void on_h2_data(struct http2_stream *s, const uint8_t *data, size_t len)
{
	struct tunnel *t = tunnel_of(s);
	struct channel *c = http2_stream_data(s);

	if (c != NULL) {
		channel_got_data(c, data, len);
		return;
	}
	if (s == t->news && t->conf.side == TUNNEL_AGENT)
		news_got_data(t, data, len);
	http2_consume(s, len);
}

static void on_h2_end(struct http2_stream *s)
{
	struct channel *c = http2_stream_data(s);

	if (c != NULL)
		channel_got_end(c);
}

static void on_writable(struct http2_stream *s)
{
	struct channel *c = http2_stream_data(s);

	if (c != NULL)
		channel_got_room(c);
}

static void on_closed(struct http2_stream *s, uint32_t code)
{
	struct tunnel *t = tunnel_of(s);
	struct channel *c = http2_stream_data(s);

	if (s == t->news)
		t->news = NULL;
	if (c != NULL)
		channel_got_closed(c, code);
}

static void tell_draining(struct tunnel *t)
{
	if (t->peer_draining)
		return;
	t->peer_draining = true;
	if (t->conf.events->draining != NULL)
		t->conf.events->draining(t->conf.ctx);
}

static void on_goaway(struct http2 *h, uint32_t code)
{
	(void)code;
	tell_draining(http2_ctx(h));
}

static const struct http2_events h2_events = {
	.headers = on_headers,
	.data = on_h2_data,
	.end = on_h2_end,
	.writable = on_writable,
	.closed = on_closed,
	.goaway = on_goaway,
};

/* --- working ---------------------------------------------------------------------------------- */

void tunnel_soon(struct tunnel *t)
{
	if (!timer_active(t->soon))
		timer_once(t->soon, 0);
}

static void step_due(struct tunnel *t)
{
	while (!list_empty(&t->due)) {
		struct channel *c = container_of(t->due.next, struct channel, due_link);

		list_remove(&c->due_link);
		channel_step(c);
	}
}

static void flush(struct tunnel *t)
{
	static const struct err broken = { ERR_INVALID, "the peer breaks HTTP/2's rules" };
	struct err err;

	if (t->state != TUNNEL_OPEN)
		return;
	news_send(t);
	if (h2_pump(t->h2, t->stream, &err) != 0)
		tunnel_close(t, &err);
	else if ((t->draining || t->peer_draining) && t->channel_count == 0)
		tunnel_close(t, NULL);
	else if (http2_done(t->h2))
		tunnel_close(t, t->peer_draining ? NULL : &broken);
}

static void on_soon(void *owner)
{
	struct tunnel *t = owner;

	step_due(t);
	flush(t);
}

static void ping(struct tunnel *t)
{
	struct err ignored;

	if (t->pinged == 0 && http2_ping(t->h2, &ignored) == 0)
		t->pinged = uv_hrtime();
}

static void heard(struct tunnel *t)
{
	t->silent = 0;
	if (!t->ready) {
		t->ready = true;
		if (t->conf.events->ready != NULL)
			t->conf.events->ready(t->conf.ctx);
	}
	if (http2_pongs(t->h2) == t->pongs)
		return;
	t->pongs = http2_pongs(t->h2);
	t->latency_us = (int64_t)((uv_hrtime() - t->pinged) / 1000);
	t->pinged = 0;
}

static void on_beat(void *owner)
{
	struct tunnel *t = owner;
	struct err err;

	if (t->state != TUNNEL_OPEN)
		return;
	if (t->silent++ >= t->conf.beats_max) {
		err_set(&err, ERR_TIMEOUT, "nothing has come for %u heartbeats", t->conf.beats_max);
		tunnel_close(t, &err);
		return;
	}
	ping(t);
	flush(t);
}

/* --- the stream's events ---------------------------------------------------------------------- */

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct tunnel *t = owner;
	struct err err = { 0 };

	(void)s;
	if (t->state != TUNNEL_OPEN)
		return len;
	if (http2_recv(t->h2, data, len, &err) != 0)
		tunnel_close(t, &err);
	else
		heard(t);
	tunnel_soon(t);
	return len;
}

static void on_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_drain(void *owner, struct stream *s)
{
	(void)s;
	flush(owner);
}

static void tunnel_free(struct tunnel *t)
{
	http2_free(t->h2);
	timer_free(t->soon);
	timer_free(t->beat);
	buf_deinit(&t->news_in);
	buf_deinit(&t->news_out);
	free(t);
}

static void lose_channels(struct tunnel *t, const struct err *why)
{
	static const struct err closed = { ERR_UNAVAILABLE, "the tunnel was closed" };

	while (!list_empty(&t->channels))
		channel_lost(container_of(t->channels.next, struct channel, link),
		             why != NULL ? why : &closed);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct tunnel *t = owner;
	const struct err *why = NULL;

	(void)s;
	if (t->why.code == 0 && err != NULL)
		err_copy(&t->why, err);
	if (t->why.code != 0)
		why = &t->why;
	t->state = TUNNEL_ENDING;
	http2_free(t->h2); /* each channel hears of its stream's end */
	t->h2 = NULL;
	lose_channels(t, why);
	t->conf.events->closed(t->conf.ctx, why);
	tunnel_free(t);
}

/* --- life ------------------------------------------------------------------------------------- */

static void set_conf(struct tunnel_conf *to, const struct tunnel_conf *from)
{
	*to = *from;
	if (to->channels_max == 0)
		to->channels_max = TUNNEL_CHANNELS_MAX;
	if (to->beat_ms == 0)
		to->beat_ms = TUNNEL_BEAT_MS;
	if (to->beats_max == 0)
		to->beats_max = TUNNEL_BEATS_MAX;
}

static struct tunnel *tunnel_new(struct stream *s, const struct tunnel_conf *conf)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	struct http2_limits limits = {
		.stream_window = TUNNEL_WINDOW,
		.resets_max = RESETS_MAX,
		.write_high = 2 * STREAM_LOW_WATER, /* `writable` comes at half of it */
	};

	if (t == NULL)
		return NULL;
	list_init(&t->channels);
	list_init(&t->due);
	set_conf(&t->conf, conf);
	limits.streams_max = t->conf.channels_max + 1; /* and the control stream */
	limits.connection_window = connection_window(t->conf.channels_max);
	t->stream = s;
	t->latency_us = -1;
	t->soon = timer_new(stream_loop(s), on_soon, t);
	t->beat = timer_new(stream_loop(s), on_beat, t);
	t->h2 = http2_new(conf->side == TUNNEL_AGENT ? HTTP2_SERVER : HTTP2_CLIENT, &limits,
	                  &h2_events, t);
	if (t->soon != NULL && t->beat != NULL && t->h2 != NULL)
		return t;
	tunnel_free(t);
	return NULL;
}

int tunnel_open(struct stream *take_stream, const struct tunnel_conf *conf, struct tunnel **out,
                struct err *err)
{
	static const struct stream_handler handler = {
		.on_data = on_data, .on_end = on_end, .on_drain = on_drain, .on_close = on_close
	};
	struct tunnel *t = tunnel_new(take_stream, conf);

	if (t == NULL) {
		err_set_nomem(err);
		stream_refuse(take_stream, err);
		return err->code;
	}
	stream_attach(take_stream, &handler, t);
	timer_every(t->beat, t->conf.beat_ms);
	ping(t);
	tunnel_soon(t);
	*out = t;
	return 0;
}

void tunnel_close(struct tunnel *t, const struct err *why)
{
	struct err ignored;

	if (t->state == TUNNEL_ENDING)
		return;
	t->state = TUNNEL_ENDING;
	if (why != NULL)
		err_copy(&t->why, why);
	http2_goaway(t->h2, why == NULL ? HTTP2_NO_ERROR : HTTP2_PROTOCOL_ERROR);
	h2_pump(t->h2, t->stream, &ignored);
	if (why == NULL)
		stream_close(t->stream);
	else
		stream_reset(t->stream, why);
}

void tunnel_drain(struct tunnel *t)
{
	pv_TunnelNews news = { .draining = true };
	struct err ignored;

	if (t->draining || t->state != TUNNEL_OPEN)
		return;
	if (t->conf.side == TUNNEL_PROXY)
		tunnel_tell(t, &news, &ignored);
	t->draining = true;
	http2_goaway(t->h2, HTTP2_NO_ERROR);
	tunnel_soon(t);
}

bool tunnel_usable(const struct tunnel *t)
{
	return t->state == TUNNEL_OPEN && t->ready && !t->draining && !t->peer_draining &&
	       !http2_no_new_streams(t->h2);
}

size_t tunnel_channels(const struct tunnel *t)
{
	return t->channel_count;
}

int64_t tunnel_latency_us(const struct tunnel *t)
{
	return t->latency_us;
}

const struct stream *tunnel_stream(const struct tunnel *t)
{
	return t->stream;
}
