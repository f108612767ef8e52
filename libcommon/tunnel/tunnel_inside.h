/*
 * tunnel_inside - what the files of tunnel share.
 *
 *   tunnel.c   the connection: its life, its heartbeat, HTTP/2's events
 *   channel.c  a channel as the carrier of a stream
 *   ask.c      how a channel comes about: the proxy asks, the agent answers
 *   news.c     the control stream
 *
 * Invariants: a channel is freed by channel_step() from the tunnel's own turn, or when the tunnel
 * itself has gone; so none vanishes within an event. Whoever changes a channel puts it on `due`.
 */
#ifndef TUNNEL_TUNNEL_INSIDE_H
#define TUNNEL_TUNNEL_INSIDE_H

#include "tunnel/tunnel.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "wire/http2.h"

struct timer;

enum tunnel_state { TUNNEL_OPEN, TUNNEL_ENDING };

struct tunnel {
	struct tunnel_conf conf;
	enum tunnel_state state;
	bool ready;    /* the peer has spoken */
	bool draining; /* we do */
	bool peer_draining;
	struct stream *stream;
	struct http2 *h2;
	struct timer *soon; /* goes on with `due` and sends */
	struct timer *beat;
	unsigned silent; /* beats since something came */
	uint64_t pinged; /* hrtime of the last ping … */
	uint64_t pongs;  /* … and the answers seen so far */
	int64_t latency_us;
	struct list channels;
	struct list due; /* channels with something to do */
	size_t channel_count;
	struct http2_stream *news; /* the control stream; NULL: none */
	struct buf news_in;        /* agent: a part of a message */
	struct buf news_out;       /* proxy: the next message, when the last has gone */
	struct err why;
};

enum channel_state {
	CHANNEL_ASKED, /* not answered yet */
	CHANNEL_OPEN,  /* answered with 200: it has, or had, a stream */
	CHANNEL_OVER   /* refused, given up: waits for HTTP/2's end */
};

struct channel {
	struct tunnel *tunnel; /* NULL: gone, the stream is still to learn it */
	struct list link;      /* in channels */
	struct list due_link;
	enum channel_state state;
	struct http2_stream *h2; /* NULL: over */
	struct stream *stream;   /* NULL: not yet, or shut */
	struct buf in;           /* came and was not wanted yet */
	bool wanted;             /* the stream takes input */
	bool ended;              /* the peer's end came … */
	bool end_told;           /* … and the stream knows */
	bool out_ended;          /* ours is out, or not wanted any more */
	struct err why;          /* what broke it; code 0: nothing */
	/* proxy, ASKED */
	struct timer *deadline;
	tunnel_dial_cb cb;
	void *owner; /* agent: of `withdrawn` */
};

/* tunnel.c */
void tunnel_soon(struct tunnel *t);

/* channel.c */
struct channel *channel_new(struct tunnel *t); /* NULL when memory runs out */
void channel_due(struct channel *c);
void channel_step(struct channel *c);                        /* c may be gone then */
void channel_lost(struct channel *c, const struct err *why); /* with the tunnel */
int channel_open_stream(struct channel *c, struct err *err);
void channel_got_data(struct channel *c, const uint8_t *data, size_t len);
void channel_got_end(struct channel *c);
void channel_got_closed(struct channel *c, uint32_t code);
void channel_got_room(struct channel *c);

/* ask.c */
void ask_got_request(struct tunnel *t, struct http2_stream *s, const struct http2_header *headers,
                     size_t count);
void ask_got_answer(struct channel *c, const struct http2_header *headers, size_t count);
void ask_failed(struct channel *c); /* c->why says it; tells who asked, or was asked */

/* control.c */
void news_got_request(struct tunnel *t, struct http2_stream *s);
void news_got_data(struct tunnel *t, const uint8_t *data, size_t len);
void news_send(struct tunnel *t); /* what waits, when it may go */

#endif
