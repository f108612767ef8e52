/*
 * side - one of the two connections that a bridge joins, upgraded already: the client's, or ours
 * to the API server. Whatever it speaks, its channels look the same.
 *
 *   side_new(), side_start() --> on_open, on_data, on_end, on_drain ... --> on_close
 *
 * A channel ends each way by itself: on_end() tells that the peer sends no more on it (or has
 * reset it), side_end() that we do not. It is gone once both have, or with its side. What the peer
 * cannot take yet is kept; who has much to send stops while side_full().
 *
 * No callback comes from within a call into a side.
 */
#ifndef KUBEPROXYD_CHANNELS_SIDE_H
#define KUBEPROXYD_CHANNELS_SIDE_H

#include "base/buf.h"
#include "base/list.h"
#include "kubeproxyd/channels/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct side;
struct stream;

#define CHANNEL_REQUEST_SIZE 32                 /* of a forwarding's request id */
#define SIDE_FULL            (256u * 1024)      /* bytes kept that make side_full() */
#define SIDE_KEPT_MAX        (4u * 1024 * 1024) /* and that end it */

struct channel {
	struct list link; /* of the side */
	struct side *side;
	struct channel *other; /* its like on the other side; NULL: none */
	enum channel_kind kind;
	unsigned port;                      /* of a forwarding */
	char request[CHANNEL_REQUEST_SIZE]; /* the same */
	uint32_t number;                    /* the stream's id, or the channel's of a WebSocket */
	struct buf queue;                   /* what the peer cannot take yet */
	bool ready;                         /* the peer has accepted it and takes data */
	bool ended;                         /* nothing more comes from us */
	bool heard;                         /* nor from the peer */
	bool reported;                      /* of a forwarding: the bridge has told how it went */
};

struct side_handler {
	/* The client has opened a channel; a refusal is side_reset(). */
	void (*on_open)(void *owner, struct channel *c);
	void (*on_data)(void *owner, struct channel *c, const uint8_t *data, size_t len);
	void (*on_end)(void *owner, struct channel *c);
	void (*on_drain)(void *owner, struct side *s);
	/* The last; NULL: ended in order. The side is gone then. */
	void (*on_close)(void *owner, struct side *s, const struct err *err);
};

struct side_conf {
	const struct protocol *protocol;
	bool client;           /* the peer is the client: it opens channels */
	unsigned open_kinds;   /* WebSocket, of commands: the channels that there are, as bits */
	const unsigned *ports; /* WebSocket, of forwardings without a tunnel */
	size_t port_count;
};

/* NULL when memory runs out; conf is copied, but not the protocol. */
struct side *side_new(const struct side_conf *conf);

/* Takes the stream with its unused bytes. A WebSocket client's channels open within this call;
 * all else comes later. */
void side_start(struct side *s, struct stream *take_stream, const struct side_handler *handler,
                void *owner);

/* Only for a side that was not started. NULL is fine. */
void side_free(struct side *s);

/* Opens a channel at the API server, as `like` is. NULL and err: it takes no more. */
struct channel *side_open(struct side *s, const struct channel *like, struct err *err);

void side_send(struct channel *c, const void *data, size_t len);
void side_end(struct channel *c);
void side_reset(struct channel *c);

bool side_full(const struct side *s);
void side_pause(struct side *s);
void side_resume(struct side *s);

/* Says goodbye behind what was sent; only on_close follows. `why` NULL: in order. */
void side_close(struct side *s, const struct err *why);

const struct protocol *side_protocol(const struct side *s);
struct channel *side_find(const struct side *s, enum channel_kind kind); /* the first of it */
struct list *side_channels(struct side *s);                              /* by `link` */

#endif
