/*
 * side_inside - what the files of side share.
 */
#ifndef KUBEPROXYD_CHANNELS_SIDE_INSIDE_H
#define KUBEPROXYD_CHANNELS_SIDE_INSIDE_H

#include "base/err.h"
#include "kubeproxyd/channels/side.h"
#include "wire/websocket.h"

struct spdy;

#define SIDE_PORTS_MAX 16

/* How channels are carried: by SPDY (bare or tunnelled) or by WebSocket's messages. */
struct side_carrier {
	/* Bytes of SPDY, or one message of a WebSocket. Returns how many were used. */
	size_t (*read)(struct side *s, const uint8_t *data, size_t len);
	int (*open)(struct side *s, struct channel *c, struct err *err);
	/* Sends what it can of c->queue and of `data`, keeps the rest in the queue. */
	void (*send)(struct channel *c, const void *data, size_t len);
	/* Everything is sent and c->ended is set. */
	void (*end)(struct channel *c);
	void (*reset)(struct channel *c);
	void (*goodbye)(struct side *s, const struct err *why);
};

struct side {
	struct side_conf conf;
	unsigned ports[SIDE_PORTS_MAX];
	const struct side_carrier *carrier;
	struct stream *stream;
	const struct side_handler *handler;
	void *owner;
	struct spdy *spdy; /* NULL: messages carry channels */
	struct websocket ws;
	struct buf scratch; /* base64, and frames on their way out */
	struct list channels;
	size_t kept; /* bytes in queues */
	bool paused;
	bool closing;   /* nothing is heard any more but the close */
	struct err why; /* what broke it, for on_close */
};

const struct side_carrier *side_by_spdy(void);
const struct side_carrier *side_by_websocket(void);

/* The channels that a client need not open: they are there as the request says. */
int side_open_all(struct side *s, struct err *err);

/* Sends bytes as they are, or as a message of the tunnel. The buf is empty afterwards. */
void side_write(struct side *s, struct buf *bytes);

/* Protocol errors of the peer: closes with a word. */
void side_fail(struct side *s, const struct err *why);

struct channel *side_add(struct side *s, enum channel_kind kind, uint32_t number);
struct channel *side_by_number(const struct side *s, uint32_t number);
void side_remove(struct channel *c); /* frees it; its like stands alone then */
void side_keep(struct channel *c, const void *data, size_t len);

/* What came on the channel; what cannot come from this peer is dropped. */
void side_data(struct channel *c, const uint8_t *data, size_t len);

/* The peer has ended: tells it, and frees the channel once both have. */
void side_heard(struct channel *c);
void side_remove_if_over(struct channel *c);

/* What the peer could not take is gone: goes on in on_drain(). */
void side_drained(struct side *s, bool was_full);

#endif
