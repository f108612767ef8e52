/*
 * client - calls a service over one kept HTTP/2 connection to the first address that answers.
 *
 *   IDLE --call--> CONNECTING --> READY --lost--> IDLE
 *                      \--all addresses failed--> WAITING (jittered back-off) --> CONNECTING
 *
 * A call that starts without a connection waits for the next attempt and shares its outcome: the
 * first failure comes at once ("connect to 'auth.example.com:3025': connection refused"), and who
 * retries is paced by the back-off. A lost connection fails its calls with ERR_UNAVAILABLE; only
 * calls make it connect again. A silent peer is found out by PINGs.
 *
 * Each call that starts (0 returned) ends in exactly one callback, later, never from within the
 * function that started it. Errors of the server come with its code and message.
 */
#ifndef RPC_CLIENT_H
#define RPC_CLIENT_H

#include "rpc/method.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct buf;
struct err;
struct http_proxy;
struct rpc_client;
struct rpc_stream;
struct tls_conf;

struct rpc_client_conf {
	uv_loop_t *loop;
	const struct rpc_service *service;
	const char *const *addrs; /* NULL-ended: "host:port" (TLS) or "unix:/path"; tried in order
	                             from a random one */
	struct tls_conf *tls;     /* for host:port; a reference is kept */
	const char *server_name;  /* for SNI and the certificate; NULL: the host of the address */
	unsigned connect_ms;      /* per address; 0 = 10 s */
	unsigned handshake_ms;    /* of TLS; 0 = 30 s: of thousands that come at once a server lets
	                             so many in at a time */
	unsigned backoff_min_ms;  /* 0 = 500 ms */
	unsigned backoff_max_ms;  /* 0 = 30 s */
	unsigned ping_ms;         /* silence before a PING, and again before giving up; 0 = 20 s */
	size_t message_max;       /* of one response; 0 = 4 MB */
	unsigned retire_ms;       /* calls on a connection that takes no new ones are ended after so
	                             long, give or take a fifth; 0 = never */
	/* On the way to host:port, borrowed for the client's life. NULL: none. */
	const struct http_proxy *http_proxy;
	void *ctx; /* of the hooks below */

	/* Appends what goes out before TLS (a signed preface). May be NULL. */
	int (*first_bytes)(void *ctx, struct buf *out, struct err *err);
	/* TLS resumption: the session of last time (NULL: none), and each new one to keep. */
	const uint8_t *session;
	size_t session_len;
	void (*on_session)(void *ctx, const uint8_t *session, size_t len);
	/* Connected (err NULL), or an attempt failed or the connection was lost. May be NULL. */
	void (*on_state)(void *ctx, const struct err *err);
};

/* The configuration and its strings are copied. NULL and err. */
struct rpc_client *rpc_client_new(const struct rpc_client_conf *conf, struct err *err);

/* Cancels all calls (their callbacks come first), closes; `on_closed` (may be NULL) comes once,
 * later, and the client is freed then. NULL is ignored. */
void rpc_client_close(struct rpc_client *c, void (*on_closed)(void *ctx), void *ctx);

/* Other addresses from the next connection on, or another TLS configuration (renewed
 * certificate): the present connection finishes its calls (retire_ms), new ones go to a new one. */
int rpc_client_set_addrs(struct rpc_client *c, const char *const *addrs, struct err *err);
int rpc_client_set_tls(struct rpc_client *c, struct tls_conf *tls, struct err *err);

/* Another TLS configuration (authorities changed) for when a connection is next made; the present
 * one goes on. */
void rpc_client_set_next_tls(struct rpc_client *c, struct tls_conf *tls);

bool rpc_client_ready(const struct rpc_client *c); /* connected */

/* --- one answer ------------------------------------------------------------------------------ */

/* `response` (pv_XResponse) is borrowed until return and NULL on failure; err is NULL on success.
 */
typedef void (*rpc_unary_cb)(void *ctx, const void *response, const struct err *err);

/* `request` is borrowed until return. *out_stream (may be NULL) is for rpc_stream_cancel(), valid
 * until the callback. timeout_ms 0 = 60 s; it covers connecting too. */
int rpc_unary_start(struct rpc_client *c, unsigned call, const void *request, unsigned timeout_ms,
                    rpc_unary_cb cb, void *ctx, struct rpc_stream **out_stream, struct err *err);

/* For tools: runs the client's loop until the answer is there. Fills *out_response, which the
 * caller releases by fields_release(). May be NULL: the answer is dropped. */
int rpc_unary_wait(struct rpc_client *c, unsigned call, const void *request, unsigned timeout_ms,
                   void *out_response, struct err *err);

/* --- streams --------------------------------------------------------------------------------- */

struct rpc_stream_events {
	/* The next response, borrowed. */
	void (*message)(struct rpc_stream *s, const void *message);
	/* rpc_stream_writable() is true: at first when connected, then again after it was false. */
	void (*writable)(struct rpc_stream *s);
	/* Over, exactly once; err is NULL when the server ended it well. The stream is gone then.
	 */
	void (*closed)(struct rpc_stream *s, const struct err *err);
};

/* `request` (borrowed): the one of a server stream; NULL for client streams and RPC_BIDI.
 * timeout_ms 0 = no deadline (but one of 60 s for connecting). `events` is borrowed for good. */
int rpc_stream_start(struct rpc_client *c, unsigned call, const void *request, unsigned timeout_ms,
                     const struct rpc_stream_events *events, void *data,
                     struct rpc_stream **out_stream, struct err *err);
void *rpc_stream_data(const struct rpc_stream *s);

/* Queues one request; see rpc_stream_writable(). ERR_LIMIT above 16 MB of queued bytes. */
int rpc_stream_send(struct rpc_stream *s, const void *request, struct err *err);
bool rpc_stream_writable(const struct rpc_stream *s);
/* No more requests. */
int rpc_stream_end(struct rpc_stream *s, struct err *err);
/* Holds the server back. */
void rpc_stream_pause(struct rpc_stream *s, bool paused);
/* Gives up; `closed` (or the unary callback) follows with ERR_CANCELED. */
void rpc_stream_cancel(struct rpc_stream *s);

#endif
