/* Channels as streams of SPDY. */
#include "base/str.h"
#include "kubeproxyd/channels/side_inside.h"
#include "wire/spdy.h"

#include <stdio.h>

#define PORT_SIZE 8

/* Sends what gathered in the session. */
static void flush(struct side *s)
{
	side_write(s, spdy_output(s->spdy));
}

/* --- sending --------------------------------------------------------------------------------- */

/* As much as the peer takes now. Data before the peer's reply is thrown away by Kubernetes' own
 * library: so it waits for that. */
static size_t send_some(struct channel *c, const uint8_t *data, size_t len)
{
	struct spdy *spdy = c->side->spdy;
	size_t room, n, sent = 0;

	if (!c->ready)
		return 0;
	while (sent < len && (room = spdy_room(spdy, c->number)) > 0) {
		n = len - sent < room ? len - sent : room;
		spdy_send(spdy, c->number, data + sent, n, false);
		sent += n;
		flush(c->side);
	}
	return sent;
}

/* What was kept; then the end, if that is all. */
static void send_kept(struct channel *c)
{
	size_t sent = send_some(c, c->queue.data, c->queue.len);

	buf_consume(&c->queue, sent);
	c->side->kept -= sent;
	if (c->ready && c->ended && c->queue.len == 0)
		spdy_send(c->side->spdy, c->number, NULL, 0, true);
	flush(c->side);
}

static void carrier_send(struct channel *c, const void *data, size_t len)
{
	size_t sent = c->queue.len == 0 ? send_some(c, data, len) : 0;

	if (sent < len)
		side_keep(c, (const uint8_t *)data + sent, len - sent);
}

static void carrier_reset(struct channel *c)
{
	spdy_reset(c->side->spdy, c->number, SPDY_CANCEL);
	flush(c->side);
}

static void carrier_goodbye(struct side *s, const struct err *why)
{
	spdy_goaway(s->spdy, why == NULL ? SPDY_OK : SPDY_INTERNAL_ERROR);
	flush(s);
}

static int carrier_open(struct side *s, struct channel *c, struct err *err)
{
	char port[PORT_SIZE];
	const struct spdy_header headers[] = {
		{ "streamType", channel_name(c->kind) },
		{ "port", port },
		{ "requestID", c->request },
	};
	bool forwards = s->conf.protocol->purpose == PURPOSE_FORWARD;
	int rc;

	snprintf(port, sizeof(port), "%u", c->port);
	rc = spdy_open(s->spdy, headers, forwards ? 3 : 1, &c->number, err);
	flush(s);
	return rc;
}

/* --- reading --------------------------------------------------------------------------------- */

static int read_port(struct channel *c, const struct spdy_headers *headers, struct err *err)
{
	const char *port = spdy_headers_get(headers, "port");
	const char *request = spdy_headers_get(headers, "requestid");
	int64_t n = 0;

	if (port == NULL || str_to_i64(port, 1, UINT16_MAX, &n, err) != 0)
		return err_set(err, ERR_INVALID, "a stream without a port");
	c->port = (unsigned)n;
	return str_copy(c->request, sizeof(c->request), request != NULL ? request : "");
}

/* The kind that the client wants, if there can be one (more) of it. */
static int read_kind(struct side *s, const struct spdy_headers *headers, enum channel_kind *out,
                     struct err *err)
{
	bool forwards = s->conf.protocol->purpose == PURPOSE_FORWARD;
	int rc = channel_kind_of(spdy_headers_get(headers, "streamtype"), out, err);

	if (rc != 0)
		return rc;
	if (forwards && *out != CHANNEL_DATA && *out != CHANNEL_ERROR)
		return err_set(err, ERR_INVALID, "a stream of a command");
	if (!forwards && (*out == CHANNEL_DATA || side_find(s, *out) != NULL))
		return err_set(err, ERR_INVALID, "a second stream of its kind");
	return 0;
}

static int take_stream(struct side *s, const struct spdy_event *event, struct channel **out,
                       struct err *err)
{
	enum channel_kind kind;
	struct channel *c;
	int rc = s->conf.client ? read_kind(s, event->headers, &kind, err)
	                        : err_set(err, ERR_INVALID, "servers open no streams");

	if (rc != 0)
		return rc;
	c = side_add(s, kind, event->stream);
	if (c == NULL)
		return err_set_nomem(err);
	if (s->conf.protocol->purpose == PURPOSE_FORWARD)
		rc = read_port(c, event->headers, err);
	if (rc == 0)
		rc = spdy_reply(s->spdy, event->stream, NULL, 0, err);
	if (rc != 0) {
		side_remove(c);
		return rc;
	}
	c->ready = true;
	*out = c;
	return 0;
}

static void on_opened(struct side *s, struct channel *none, const struct spdy_event *event)
{
	struct channel *c = NULL;
	struct err err;

	(void)none;
	if (take_stream(s, event, &c, &err) != 0) {
		spdy_reset(s->spdy, event->stream, SPDY_REFUSED_STREAM);
		return;
	}
	s->handler->on_open(s->owner, c);
	c = side_by_number(s, event->stream);
	if (c != NULL && event->fin)
		side_heard(c);
}

static void on_replied(struct side *s, struct channel *c, const struct spdy_event *event)
{
	bool was_full = side_full(s);

	c->ready = true;
	send_kept(c);
	if (event->fin)
		side_heard(c);
	else
		side_remove_if_over(c);
	side_drained(s, was_full);
}

static void on_headers(struct side *s, struct channel *c, const struct spdy_event *event)
{
	(void)s;
	if (event->fin)
		side_heard(c);
}

static void on_data(struct side *s, struct channel *c, const struct spdy_event *event)
{
	side_data(c, event->data, event->len);
	spdy_consumed(s->spdy, event->stream, event->len);
	c = side_by_number(s, event->stream);
	if (c != NULL && event->fin)
		side_heard(c);
}

/* How Kubernetes ends its streams, broken or not. */
static void on_reset(struct side *s, struct channel *c, const struct spdy_event *event)
{
	bool was_full = side_full(s);

	(void)event;
	s->kept -= c->queue.len;
	buf_deinit(&c->queue);
	c->ended = true;
	if (c->heard)
		side_remove(c);
	else
		side_heard(c);
	side_drained(s, was_full);
}

static void on_windows(struct side *s)
{
	bool was_full = side_full(s);
	struct list *next;

	for (struct list *at = s->channels.next; at != &s->channels; at = next) {
		struct channel *c = container_of(at, struct channel, link);

		next = at->next;
		if (c->queue.len == 0)
			continue;
		send_kept(c);
		side_remove_if_over(c);
	}
	side_drained(s, was_full);
}

static void (*const handlers[])(struct side *, struct channel *, const struct spdy_event *) = {
	[SPDY_OPENED] = on_opened, [SPDY_REPLIED] = on_replied, [SPDY_HEADERS] = on_headers,
	[SPDY_DATA] = on_data,     [SPDY_RESET] = on_reset,     [SPDY_AWAY] = NULL,
};

static size_t carrier_read(struct side *s, const uint8_t *data, size_t len)
{
	struct spdy_event event;
	struct channel *c;
	struct err err;
	size_t used;

	if (spdy_read(s->spdy, data, len, &used, &event, &err) != 0) {
		side_fail(s, &err);
		return used;
	}
	c = side_by_number(s, event.stream);
	if (event.kind == SPDY_WINDOWS)
		on_windows(s);
	else if (handlers[event.kind] != NULL && (c != NULL || event.kind == SPDY_OPENED))
		handlers[event.kind](s, c, &event);
	else
		spdy_consumed(s->spdy, 0, event.len);
	if (!s->closing)
		flush(s);
	return used;
}

const struct side_carrier *side_by_spdy(void)
{
	static const struct side_carrier carrier = {
		.read = carrier_read,
		.open = carrier_open,
		.send = carrier_send,
		.end = send_kept,
		.reset = carrier_reset,
		.goodbye = carrier_goodbye,
	};

	return &carrier;
}
