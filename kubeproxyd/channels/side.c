#include "kubeproxyd/channels/side.h"

#include "kubeproxyd/channels/side_inside.h"
#include "loop/stream.h"
#include "wire/spdy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (1024u * 1024)

/* --- channels -------------------------------------------------------------------------------- */

struct channel *side_add(struct side *s, enum channel_kind kind, uint32_t number)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->side = s;
	c->kind = kind;
	c->number = number;
	buf_init(&c->queue, SIDE_KEPT_MAX);
	list_append(&s->channels, &c->link);
	return c;
}

void side_remove(struct channel *c)
{
	c->side->kept -= c->queue.len;
	if (c->other != NULL)
		c->other->other = NULL;
	list_remove(&c->link);
	buf_deinit(&c->queue);
	free(c);
}

struct channel *side_by_number(const struct side *s, uint32_t number)
{
	for (struct list *at = s->channels.next; at != &s->channels; at = at->next) {
		struct channel *c = container_of(at, struct channel, link);

		if (c->number == number)
			return c;
	}
	return NULL;
}

struct channel *side_find(const struct side *s, enum channel_kind kind)
{
	for (struct list *at = s->channels.next; at != &s->channels; at = at->next) {
		struct channel *c = container_of(at, struct channel, link);

		if (c->kind == kind)
			return c;
	}
	return NULL;
}

struct list *side_channels(struct side *s)
{
	return &s->channels;
}

void side_remove_if_over(struct channel *c)
{
	if (c->ended && c->heard && c->queue.len == 0)
		side_remove(c);
}

void side_heard(struct channel *c)
{
	struct side *s = c->side;
	uint32_t number = c->number;

	if (c->heard)
		return;
	c->heard = true;
	s->handler->on_end(s->owner, c);
	if (side_by_number(s, number) == c)
		side_remove_if_over(c);
}

/* Whether bytes of that kind can come from this peer at all. */
static bool may_come(const struct side *s, enum channel_kind kind)
{
	switch (kind) {
	case CHANNEL_STDIN:
	case CHANNEL_RESIZE:
		return s->conf.client;
	case CHANNEL_STDOUT:
	case CHANNEL_STDERR:
	case CHANNEL_ERROR:
		return !s->conf.client;
	default:
		return true;
	}
}

void side_data(struct channel *c, const uint8_t *data, size_t len)
{
	struct side *s = c->side;

	if (len > 0 && !c->heard && may_come(s, c->kind))
		s->handler->on_data(s->owner, c, data, len);
}

void side_keep(struct channel *c, const void *data, size_t len)
{
	size_t before = c->queue.len;
	struct err err;

	buf_append(&c->queue, data, len);
	c->side->kept += c->queue.len - before;
	if (buf_check(&c->queue, &err) != 0)
		side_fail(c->side, &err);
}

void side_drained(struct side *s, bool was_full)
{
	if (was_full && !s->closing && !side_full(s))
		s->handler->on_drain(s->owner, s);
}

/* --- what the bridge does -------------------------------------------------------------------- */

struct channel *side_open(struct side *s, const struct channel *like, struct err *err)
{
	struct channel *c = s->closing ? NULL : side_add(s, like->kind, 0);

	if (c == NULL) {
		err_set(err, s->closing ? ERR_UNAVAILABLE : ERR_NOMEM, "the connection has ended");
		return NULL;
	}
	c->port = like->port;
	memcpy(c->request, like->request, sizeof(c->request));
	if (s->carrier->open(s, c, err) == 0)
		return c;
	side_remove(c);
	return NULL;
}

void side_send(struct channel *c, const void *data, size_t len)
{
	if (!c->ended && !c->side->closing && len > 0)
		c->side->carrier->send(c, data, len);
}

void side_end(struct channel *c)
{
	if (c->ended || c->side->closing)
		return;
	c->ended = true;
	c->side->carrier->end(c);
	side_remove_if_over(c);
}

void side_reset(struct channel *c)
{
	if (!c->side->closing)
		c->side->carrier->reset(c);
	side_remove(c);
}

bool side_full(const struct side *s)
{
	return s->kept >= SIDE_FULL || (s->stream != NULL && stream_full(s->stream));
}

void side_pause(struct side *s)
{
	s->paused = true;
	if (s->stream != NULL)
		stream_pause(s->stream);
}

void side_resume(struct side *s)
{
	s->paused = false;
	if (s->stream != NULL && !s->closing)
		stream_resume(s->stream);
}

const struct protocol *side_protocol(const struct side *s)
{
	return s->conf.protocol;
}

/* --- frames of a WebSocket ------------------------------------------------------------------- */

static bool is_websocket(const struct side *s)
{
	return s->conf.protocol->carrier == CARRIER_WEBSOCKET;
}

static void write_frame(struct side *s, enum websocket_kind kind, const void *data, size_t len)
{
	struct buf frame = { 0 };

	websocket_write(&s->ws, kind, data, len, &frame);
	stream_write_buf(s->stream, &frame);
}

void side_write(struct side *s, struct buf *bytes)
{
	if (bytes->len > 0 && is_websocket(s))
		write_frame(s, WEBSOCKET_BINARY, bytes->data, bytes->len);
	else if (bytes->len > 0)
		stream_write(s->stream, bytes->data, bytes->len);
	buf_clear(bytes);
}

/* The peer's goodbye. */
static void on_goodbye(struct side *s, const struct websocket_event *event)
{
	bool in_order = event->code == WEBSOCKET_NORMAL || event->code == WEBSOCKET_GOING_AWAY ||
	                event->code == WEBSOCKET_NO_CODE;

	if (!in_order)
		err_set(&s->why, ERR_UNAVAILABLE, "the peer closed with code %u: %.*s", event->code,
		        (int)event->len, (const char *)event->data);
	side_close(s, NULL);
}

/* A tunnel's message is used up whatever the bridge wants: it is in memory already. */
static void on_message(struct side *s, const uint8_t *data, size_t len)
{
	size_t used = 0;

	do
		used += s->carrier->read(s, data + used, len - used);
	while (used < len && !s->closing);
}

static size_t read_frame(struct side *s, const uint8_t *data, size_t len)
{
	struct websocket_event event;
	struct err err;
	size_t used;

	if (websocket_read(&s->ws, data, len, &used, &event, &err) != 0) {
		side_fail(s, &err);
		return used;
	}
	if (event.kind == WEBSOCKET_TEXT || event.kind == WEBSOCKET_BINARY)
		on_message(s, event.data, event.len);
	else if (event.kind == WEBSOCKET_PING)
		write_frame(s, WEBSOCKET_PONG, event.data, event.len);
	else if (event.kind == WEBSOCKET_CLOSE)
		on_goodbye(s, &event);
	return used;
}

/* --- the stream ------------------------------------------------------------------------------ */

static size_t on_data(void *owner, struct stream *stream, const uint8_t *data, size_t len)
{
	struct side *s = owner;
	size_t used = 0;

	(void)stream;
	while (used < len && !s->closing && !s->paused)
		used += is_websocket(s) ? read_frame(s, data + used, len - used)
		                        : s->carrier->read(s, data + used, len - used);
	return s->closing ? len : used;
}

static void on_drain(void *owner, struct stream *stream)
{
	(void)stream;
	side_drained(owner, true);
}

static void on_close(void *owner, struct stream *stream, const struct err *err)
{
	struct side *s = owner;

	(void)stream;
	s->stream = NULL;
	s->closing = true;
	s->handler->on_close(s->owner, s, s->why.code != 0 ? &s->why : err);
	side_free(s);
}

static const struct stream_handler stream_handler = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_close = on_close,
};

void side_close(struct side *s, const struct err *why)
{
	if (s->closing || s->stream == NULL)
		return;
	s->carrier->goodbye(s, why);
	if (is_websocket(s)) {
		struct buf frame = { 0 };

		websocket_write_close(&s->ws, why == NULL ? WEBSOCKET_NORMAL : WEBSOCKET_OUR_ERROR,
		                      why == NULL ? "" : why->msg, &frame);
		stream_write_buf(s->stream, &frame);
	}
	s->closing = true;
	stream_close(s->stream);
}

void side_fail(struct side *s, const struct err *why)
{
	if (s->why.code == 0)
		err_copy(&s->why, why);
	side_close(s, &s->why);
}

/* --- life ------------------------------------------------------------------------------------ */

struct side *side_new(const struct side_conf *conf)
{
	static const struct websocket_limits limits = { .message_max = MESSAGE_MAX };
	struct side *s = calloc(1, sizeof(*s));
	bool client = !conf->client;
	bool by_spdy = conf->protocol->carrier == CARRIER_SPDY || conf->protocol->tunnel;

	if (s == NULL)
		return NULL;
	assert(conf->port_count <= SIDE_PORTS_MAX);
	s->conf = *conf;
	if (conf->port_count > 0)
		memcpy(s->ports, conf->ports, conf->port_count * sizeof(s->ports[0]));
	list_init(&s->channels);
	websocket_init(&s->ws, client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, &limits);
	s->carrier = by_spdy ? side_by_spdy() : side_by_websocket();
	if (by_spdy)
		s->spdy = spdy_new(client ? SPDY_CLIENT : SPDY_SERVER);
	if (!by_spdy || s->spdy != NULL)
		return s;
	side_free(s);
	return NULL;
}

void side_free(struct side *s)
{
	if (s == NULL)
		return;
	while (!list_empty(&s->channels))
		side_remove(container_of(s->channels.next, struct channel, link));
	spdy_free(s->spdy);
	websocket_deinit(&s->ws);
	buf_deinit(&s->scratch);
	free(s);
}

void side_start(struct side *s, struct stream *take_stream, const struct side_handler *handler,
                void *owner)
{
	struct err err;

	s->handler = handler;
	s->owner = owner;
	s->stream = take_stream;
	stream_attach(take_stream, &stream_handler, s);
	stream_resume(take_stream);
	if (s->conf.client && s->spdy == NULL && side_open_all(s, &err) != 0)
		side_fail(s, &err);
}
