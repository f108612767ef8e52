/*
 * client_inside - what the files of the client share: the client, its links, their streams.
 *
 *   client.c         addresses one after the other, back-off, who waits
 *   client_link.c    one connection, from dialling to its end
 *   client_stream.c  one call, what users do with it
 *   client_unary.c   calls with one answer
 *
 * A call ends in two steps: client_stream_finish() records the result, at any moment; its
 * callback comes from client_tell_finished(), which runs from the loop only.
 */
#ifndef RPC_CLIENT_INSIDE_H
#define RPC_CLIENT_INSIDE_H

#include "base/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/strlist.h"
#include "rpc/client.h"
#include "wire/grpc.h"

#include <stdbool.h>

struct client_link;
struct dial_via;
struct http2;
struct http2_stream;
struct stream;
struct timer;
struct work_pool;

struct rpc_client {
	struct rpc_client_conf conf; /* its strings are not kept; these are: */
	struct strlist addrs;
	char *server_name;
	struct buf session;       /* for TLS resumption */
	struct work_pool *pool;   /* of handshakes */
	struct client_link *link; /* takes new calls, or will; NULL: none */
	struct list old_links;    /* finish their calls, or close */
	struct list waiting;      /* streams without a link that is ready */
	struct list finished;     /* streams whose callback is due */
	size_t first_addr;        /* of this attempt */
	size_t failed_addrs;      /* of it */
	struct backoff pause;     /* between two attempts */
	struct timer *backoff;
	struct timer *soon;
	bool telling; /* client_tell_finished() runs */
	bool closing;
	void (*on_closed)(void *ctx);
	void *closed_ctx;
};

enum link_state {
	LINK_DIALING,
	LINK_SECURING, /* TLS */
	LINK_READY,
	LINK_ENDING, /* only its end is left to come */
};

struct client_link {
	struct list old_link; /* in client->old_links, when it is old */
	struct rpc_client *client;
	enum link_state state;
	char *addr;
	struct tls_conf *tls;
	struct dial_via *dial;
	struct stream *stream;
	struct http2 *h2;
	struct list streams;
	struct timer *ping;
	struct timer *soon; /* what may not happen within a user's call */
	struct timer *last; /* an old one ends then */
	struct err failure; /* why it ends; code 0: because we want it */
	bool proven;        /* the server has said something: the address is good */
	bool heard;         /* it has since the last tick of ping */
	bool old;           /* takes no new calls */
};

enum client_stream_state {
	CLIENT_STREAM_WAITING, /* for a link */
	CLIENT_STREAM_SENT,
	CLIENT_STREAM_FINISHED, /* its callback is due */
};

struct rpc_stream {
	struct list link; /* in waiting, the link's streams, or finished */
	struct rpc_client *client;
	struct client_link *on; /* NULL: waiting */
	enum client_stream_state state;
	const struct rpc_signature *signature;
	const struct rpc_stream_events *events;
	void *data;
	int64_t deadline; /* monotonic; 0: none */
	struct timer *timer;
	struct http2_stream *h2;
	struct grpc_reader reader;
	struct buf queued; /* frames, until it is sent */
	void *response;    /* the only one; told when the call ended well */
	struct err result; /* as the server sent it */
	bool has_result;
	bool over;  /* nothing more comes; what waits in the reader may */
	bool ended; /* our side */
	bool paused;
	size_t held;        /* bytes not yet granted back, because it is paused */
	bool resumed;       /* due soon: go on with what was held */
	bool told_writable; /* events->writable came first */
};

/* --- client.c --- */

/* A stream wants a link: there is one, or an attempt begins or is waited for. */
int client_want_link(struct rpc_client *c, struct err *err);
void client_link_ready(struct rpc_client *c);
void client_link_proven(struct rpc_client *c);
/* It has ended, for link->failure; its memory goes after this. */
void client_link_gone(struct client_link *l);
/* Calls the callbacks that are due; from the loop only. The client may be gone after it. */
void client_tell_finished(struct rpc_client *c);
void client_tell_soon(struct rpc_client *c);

/* --- client_link.c --- */

int client_link_start(struct rpc_client *c, const char *addr, struct client_link **out,
                      struct err *err);
void client_link_free(struct client_link *l);
/* New calls go elsewhere; it ends after the last of its calls. */
void client_link_retire(struct client_link *l);
/* Ends it; its calls fail when it is gone. `why` NULL: we are done with it. */
void client_link_end(struct client_link *l, const struct err *why);
void client_link_soon(struct client_link *l);

/* --- client_stream.c --- */

/* Opens its HTTP/2 stream on a link that is ready. */
int client_stream_open(struct rpc_stream *s, struct client_link *l, struct err *err);
void client_stream_finish(struct rpc_stream *s, const struct err *result);
void client_stream_free(struct rpc_stream *s);
/* What its link does for it soon: writable, and going on after a pause. True when there was
 * something; the stream may have finished by it. */
bool client_stream_catch_up(struct rpc_stream *s);

struct http2_events;
const struct http2_events *client_stream_events(void);

#endif
