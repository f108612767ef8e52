/*
 * tunnel - one connection that an agent behind a firewall keeps to a proxy, and the channels that
 * the proxy opens on it: reversed HTTP/2 (docs/PROTOCOL.md, Tunnels).
 *
 *   agent dials, TLS, ALPN "postern-tunnel/1"; then the proxy is HTTP/2's client:
 *
 *   proxy  tunnel_dial("node") -- CONNECT --> request event  agent
 *                callback <-- 200 ----------- channel_accept()
 *                callback <-- error, text --- channel_refuse()
 *
 *   OPEN --tunnel_drain(), or the peer drains--> DRAINING --last channel gone--> closed
 *     \_______________ broken, silent, tunnel_close() ________________^
 *
 * A channel is an ordinary stream (loop/stream.h) on both sides: half-close, reset and
 * back-pressure go through. One that nobody reads holds back itself alone: at most TUNNEL_WINDOW of
 * its bytes wait here. Both sides ping; a peer from which nothing comes for `beats_max` beats has
 * gone.
 *
 * Events and callbacks come from the loop, never from within a call to here.
 */
#ifndef TUNNEL_TUNNEL_H
#define TUNNEL_TUNNEL_H

#include "proto/tunnel.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct channel;
struct err;
struct stream;
struct tunnel;

#define TUNNEL_ALPN         "postern-tunnel/1"
#define TUNNEL_WINDOW       (1024u * 1024) /* bytes of a channel that may wait unread */
#define TUNNEL_CHANNELS_MAX 256
#define TUNNEL_BEAT_MS      15000
#define TUNNEL_BEATS_MAX    3
#define TUNNEL_SERVICE_SIZE 262 /* "host:port" */

enum tunnel_side { TUNNEL_PROXY, TUNNEL_AGENT };

struct tunnel_events {
	/*
	 * Agent: a channel to `service` is asked for. Answer it, now or later, by channel_accept()
	 * or channel_refuse(). Returns what `withdrawn` is called with when the proxy gives up
	 * before.
	 */
	void *(*request)(void *ctx, struct channel *c, const char *service);
	void (*withdrawn)(void *asked); /* the channel is gone; an answer is not allowed any more */
	/* Agent: what the proxy tells; checked, borrowed. */
	void (*news)(void *ctx, const pv_TunnelNews *news);
	/* The peer has spoken, and not only shaken hands: an agent that does not want this proxy
	 * never does. May be NULL. */
	void (*ready)(void *ctx);
	/* The peer takes no new channels, or opens none. May be NULL. */
	void (*draining)(void *ctx);
	/* The last event; the tunnel is gone when it returns. NULL: it ended in order. */
	void (*closed)(void *ctx, const struct err *why);
};

/* A number that is 0 takes its default. */
struct tunnel_conf {
	enum tunnel_side side;
	unsigned channels_max;
	unsigned beat_ms;
	unsigned beats_max;
	const struct tunnel_events *events; /* borrowed for good */
	void *ctx;
};

/* Over a stream whose handshake is complete. Takes it in any case. ERR_NOMEM. */
int tunnel_open(struct stream *take_stream, const struct tunnel_conf *conf, struct tunnel **out,
                struct err *err);

/* Ends it with all its channels, at once with `why` (copied), in order with NULL. Only `closed`
 * follows (and withdrawn and the callbacks of tunnel_dial(), before it). */
void tunnel_close(struct tunnel *t, const struct err *why);

/* No new channels; it closes when the last one has ended. Tells the peer. */
void tunnel_drain(struct tunnel *t);

/* The peer has spoken, neither side drains, and nothing has broken. */
bool tunnel_usable(const struct tunnel *t);

size_t tunnel_channels(const struct tunnel *t);    /* open, or being opened */
int64_t tunnel_latency_us(const struct tunnel *t); /* there and back, last ping; -1: unknown */
const struct stream *tunnel_stream(const struct tunnel *t); /* for its peer; until `closed` */

/* --- proxy ------------------------------------------------------------------------------------ */

/* Exactly once. The stream is not yet attached; NULL with why it was refused (its code and text),
 * ERR_TIMEOUT, ERR_CANCELED, ERR_UNAVAILABLE. */
typedef void (*tunnel_dial_cb)(void *owner, struct stream *take_stream, const struct err *err);

/*
 * Opens a channel. `service` is "node", "kube", "auth", "proxy" or "host:port"; `first` (its bytes
 * are taken; may be NULL) goes out with the request, before the answer. *out (may be NULL) is for
 * tunnel_dial_cancel(), until the callback. Fails and never calls back, or calls back once, later.
 * ERR_UNAVAILABLE: it drains; ERR_LIMIT: as many channels are open as the two sides allow.
 */
int tunnel_dial(struct tunnel *t, const char *service, struct buf *take_first, unsigned timeout_ms,
                tunnel_dial_cb cb, void *owner, struct channel **out, struct err *err);
void tunnel_dial_cancel(struct channel *c); /* NULL allowed */

/* Tells the agent; what was not sent yet is replaced. ERR_LIMIT: too long; ERR_NOMEM. */
int tunnel_tell(struct tunnel *t, const pv_TunnelNews *news, struct err *err);

/* --- agent ------------------------------------------------------------------------------------ */

/* The stream is the caller's, not yet attached. ERR_NOMEM, ERR_CANCELED: the tunnel breaks. In both
 * cases the channel has been refused. */
int channel_accept(struct channel *c, struct stream **out, struct err *err);
void channel_refuse(struct channel *c, const struct err *why);

#endif
