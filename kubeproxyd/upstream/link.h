/*
 * link - connections that calls share, and which call goes over which.
 *
 *   DIALING --h2------> READY, a hundred calls at once
 *          \--http/1.1-> READY, one call at a time, then the next
 *                          \--no call for LINK_IDLE_MS, or it broke--> CLOSING --> gone
 *
 * A call that finds no room waits; links are dialled for those who wait, one at a time as long as
 * the API server may turn out to speak HTTP/2. Inside upstream.
 */
#ifndef KUBEPROXYD_UPSTREAM_LINK_H
#define KUBEPROXYD_UPSTREAM_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/upstream/call.h"

struct http1;
struct http2;
struct http2_stream;
struct link;
struct stream;
struct timer;
struct upstream;
struct upstream_dial;

#define LINK_IDLE_MS 30000

struct upstream_call {
	struct list link; /* in its link's, or the upstream's of those that wait or have failed */
	struct upstream *u;
	struct link *on;             /* NULL: it waits */
	struct http2_stream *stream; /* on a link of HTTP/2 */
	const struct upstream_events *events;
	void *owner;
	char *method;
	char *target;
	struct headers headers;
	int64_t length;
	struct buf early; /* of the body, before there was a link */
	size_t owed;      /* told by data(), not consumed yet */
	bool finished;    /* the body's end was given */
	bool answered;
	bool again;         /* a second attempt: there is no third */
	struct err failure; /* to be told soon */
};

/* What the two protocols do differently. None of them calls back. */
struct link_ops {
	/* The head goes out, the body may follow. */
	int (*begin)(struct link *l, struct upstream_call *c, struct err *err);
	void (*write)(struct upstream_call *c, const void *data, size_t len);
	void (*finish)(struct upstream_call *c);
	bool (*full)(const struct upstream_call *c);
	void (*consume)(struct upstream_call *c, size_t len);
	void (*drop)(struct upstream_call *c); /* the call is leaving, not answered to its end */
	void (*close)(struct link *l);         /* nobody needs it any more */
	void (*look)(struct link *l, int64_t now); /* every few seconds; NULL: no need */
	void (*free)(struct link *l);
};

struct link {
	struct list link;           /* in the upstream's */
	struct upstream *u;         /* NULL: it has gone before us */
	const struct link_ops *ops; /* NULL: DIALING */
	struct upstream_dial *dial; /* DIALING */
	struct stream *stream;
	struct http1 *http1;
	struct http2 *http2;
	struct upstream_call *call; /* HTTP/1.1: the one that is under way */
	struct list calls;          /* under way */
	unsigned count;             /* of them */
	unsigned room;              /* calls that it takes at once */
	unsigned served;            /* calls, whole */
	bool closing;               /* takes no more */
	int64_t idle_since;         /* loop time; with no call */
	struct timer *soon;         /* HTTP/2: something is to be sent */
	uint64_t asked;             /* pings sent */
	int64_t asked_at;
};

/* A connection that was agreed on; they take the stream over. */
int link1_begin(struct link *l, struct stream *take_stream, struct err *err);
int link2_begin(struct link *l, struct stream *take_stream, struct err *err);

/* --- what the protocols tell --- */

/* The call is over: out of the link, told, gone. */
void link_call_ended(struct upstream_call *c);
void link_call_failed(struct upstream_call *c, const struct err *err);

/* It was not begun to be dealt with: tried once more if that can do no harm, else failed. */
void link_call_refused(struct upstream_call *c, const struct err *err);

/* The connection is gone; calls on it are tried again or fail. The link is gone then. */
void link_closed(struct link *l, const struct err *err);

/* There may be room for who waits. */
void link_has_room(struct link *l);

#endif
