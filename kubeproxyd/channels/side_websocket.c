/* Channels as messages of a WebSocket. */
#include "kubeproxyd/channels/side_inside.h"
#include "loop/stream.h"

#include <assert.h>
#include <stdio.h>

#define PER_PORT 2 /* its data, and then its errors */

/* The numbers of a command's channels are those of their kinds. */
static_assert(CHANNEL_STDIN == 0 && CHANNEL_RESIZE == 4, "as Kubernetes numbers them");

static void write_message(struct side *s, unsigned number, const void *data, size_t len)
{
	const struct protocol *p = s->conf.protocol;
	struct buf frame = { 0 };

	buf_clear(&s->scratch);
	protocol_write(p, number, data, len, &s->scratch);
	websocket_write(&s->ws, p->base64 ? WEBSOCKET_TEXT : WEBSOCKET_BINARY, s->scratch.data,
	                s->scratch.len, &frame);
	stream_write_buf(s->stream, &frame);
}

static void carrier_send(struct channel *c, const void *data, size_t len)
{
	write_message(c->side, c->number, data, len);
}

/* Only clients can say it, and only by v5. */
static void carrier_end(struct channel *c)
{
	struct side *s = c->side;
	uint8_t number = (uint8_t)c->number;

	if (!s->conf.client && s->conf.protocol->closes)
		write_message(s, PROTOCOL_CLOSE, &number, 1);
}

static void carrier_reset(struct channel *c)
{
	(void)c;
}

static void carrier_goodbye(struct side *s, const struct err *why)
{
	(void)s;
	(void)why;
}

static int carrier_open(struct side *s, struct channel *c, struct err *err)
{
	(void)s;
	(void)err;
	c->number = c->kind;
	c->ready = true;
	return 0;
}

static size_t carrier_read(struct side *s, const uint8_t *data, size_t len)
{
	struct protocol_message message;
	struct channel *c;
	struct err err;

	if (protocol_read(s->conf.protocol, data, len, &s->scratch, &message, &err) != 0) {
		side_fail(s, &err);
		return len;
	}
	c = side_by_number(s, message.number);
	if (c != NULL && message.closes)
		side_heard(c);
	else if (c != NULL)
		side_data(c, message.data, message.len);
	return len;
}

/* --- what is open from the beginning --------------------------------------------------------- */

static int add(struct side *s, enum channel_kind kind, unsigned number, unsigned port,
               struct err *err)
{
	struct channel *c = side_add(s, kind, number);

	if (c == NULL)
		return err_set_nomem(err);
	c->ready = true;
	c->port = port;
	snprintf(c->request, sizeof(c->request), "%u", number / PER_PORT);
	s->handler->on_open(s->owner, c);
	return 0;
}

static int open_ports(struct side *s, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->conf.port_count; i++) {
		unsigned port = s->ports[i], number = i * PER_PORT;
		const uint8_t bytes[] = { (uint8_t)port, (uint8_t)(port >> 8) };

		write_message(s, number, bytes, sizeof(bytes));
		write_message(s, number + 1, bytes, sizeof(bytes));
		rc = add(s, CHANNEL_ERROR, number + 1, port, err);
		if (rc == 0)
			rc = add(s, CHANNEL_DATA, number, port, err);
	}
	return rc;
}

int side_open_all(struct side *s, struct err *err)
{
	bool out = (s->conf.open_kinds & 1u << CHANNEL_STDOUT) != 0;
	int rc = 0;

	if (s->conf.protocol->purpose == PURPOSE_FORWARD)
		return open_ports(s, err);
	/* Some clients wait for a first message. */
	write_message(s, out ? CHANNEL_STDOUT : CHANNEL_ERROR, NULL, 0);
	for (enum channel_kind kind = 0; rc == 0 && kind < CHANNEL_KINDS; kind++) {
		if ((s->conf.open_kinds & 1u << kind) != 0)
			rc = add(s, kind, kind, 0, err);
	}
	return rc;
}

const struct side_carrier *side_by_websocket(void)
{
	static const struct side_carrier carrier = {
		.read = carrier_read,
		.open = carrier_open,
		.send = carrier_send,
		.end = carrier_end,
		.reset = carrier_reset,
		.goodbye = carrier_goodbye,
	};

	return &carrier;
}
