/*
 * server - answers calls of a service, as gRPC and as JSON, on streams handed to it; and calls of
 * further services as gRPC only.
 *
 * Per connection: TLS with ALPN "h2" is gRPC, with "http/1.1" (or none) JSON; a stream
 * without TLS (unix socket) is told apart by its first bytes. Per call:
 *
 *   request message --> authorize hook --> handle() --> reply / send … finish / fail --> done hook
 *                                             \--> canceled (client gone, deadline, shutdown)
 *
 * A handler ends its call exactly once, now or later: rpc_call_reply(), rpc_call_finish() or
 * rpc_call_fail(); after that it must not touch the call. Or the call is canceled from outside:
 * then events->canceled comes, once, and it must not touch the call after that. So a handler
 * that does not answer at once sets events with `canceled`.
 * For client streams and RPC_BIDI, handle() runs when the headers have come and each message
 * arrives by events->message.
 *
 * JSON: POST /v1/<Method>, content-type application/json, one object in, one object out, or
 * for server streams an object per line (application/x-ndjson). Client streams are gRPC only.
 * An Origin header must be one of those configured. Errors: {"code": "NOT_FOUND", "message": …}.
 *
 * Without an authorize hook nothing is allowed. GET /v1/openapi.json answers anybody with what the
 * document hook writes.
 */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "rpc/method.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct uv_loop_s uv_loop_t;
struct buf;
struct err;
struct rpc_call;
struct rpc_conn;
struct rpc_server;
struct stream;
struct tls_peer;

/* --- the server ------------------------------------------------------------------------------ */

struct rpc_server_conf {
	uv_loop_t *loop;
	struct rpc_offer main;        /* gRPC and JSON */
	const struct rpc_offer *more; /* gRPC only; ended by one without a service. NULL: none */
	const struct rpc_file *files; /* for reflection of `main`: ended by one without a name */
	const char *const *origins;   /* NULL-ended; NULL: a request with an Origin is refused */
	void *ctx;                    /* rpc_server_ctx() */

	/* A connection is ready (TLS done): look at its peer, rpc_conn_set_data(),
	 * rpc_conn_set_end(). A failure ends the connection. May be NULL. */
	int (*opened)(struct rpc_conn *conn, struct err *err);
	/* It is gone; all its calls are. Release its data. May be NULL. */
	void (*closed)(struct rpc_conn *conn);
	/* May this call be handled? 0, or usually ERR_DENIED or ERR_UNAUTHENTICATED.
	 * Before every handler; unary and server-stream requests can be read already. */
	int (*authorize)(struct rpc_call *call, const struct rpc_method *method, struct err *err);
	/* A call is over, authorized or not; result->code is 0 when it went well. For audit and
	 * figures. May be NULL. */
	void (*done)(struct rpc_call *call, const struct err *result);

	/* Appends the description of the JSON calls (rpc/openapi.h). May be NULL: 404. */
	int (*document)(struct buf *out, struct err *err);

	/* Bounds; 0 takes the default. */
	size_t message_max;       /* bytes of one request: 4 MB */
	unsigned connections_max; /* 20,000 */
	unsigned calls_max;       /* at once on a connection: 256 */
	unsigned head_ms;         /* first bytes and each JSON request must have come: 20 s */
	unsigned idle_ms;         /* a JSON connection without requests: 60 s */
	unsigned call_ms;         /* a unary call without a shorter deadline: 60 s */
};

/* The configuration is copied; what it points to is borrowed until `on_stopped`. NULL and err. */
struct rpc_server *rpc_server_new(const struct rpc_server_conf *conf, struct err *err);
void *rpc_server_ctx(const struct rpc_server *s);

/*
 * Serves a connection: plain, or one whose TLS was started by stream_start_tls(), done or not.
 * Takes the stream in any case. `client_addr` is the client's "address:port" as a preface told
 * it, else NULL: the stream's own. The opened hook may come from within this call.
 */
int rpc_server_attach(struct rpc_server *s, struct stream *take_stream, const char *client_addr,
                      struct err *err);

/* Ends every connection that `match` picks (a lock, a removed user); calls on it are canceled. */
void rpc_server_close_matching(struct rpc_server *s, bool (*match)(struct rpc_conn *c, void *arg),
                               void *arg);
size_t rpc_server_connections(const struct rpc_server *s);

/*
 * Takes no new calls (GOAWAY), cancels those without an end, lets the others finish for up to
 * drain_ms, then cancels them too; drain_ms 0: at once. `on_stopped` comes once, later; the server
 * is freed then.
 */
void rpc_server_stop(struct rpc_server *s, unsigned drain_ms, void (*on_stopped)(void *ctx));

/* --- connections: who is calling ------------------------------------------------------------- */

enum rpc_peer_kind {
	RPC_PEER_ANONYMOUS, /* TLS without a client certificate */
	RPC_PEER_TLS,       /* TLS with a verified client certificate: rpc_conn_tls_peer() */
	RPC_PEER_LOCAL,     /* unix socket: uid, gid, pid */
};

enum rpc_peer_kind rpc_conn_peer(const struct rpc_conn *c);
/* NULL unless _TLS. The certificate itself is there within the opened hook only. */
const struct tls_peer *rpc_conn_tls_peer(const struct rpc_conn *c);
uid_t rpc_conn_uid(const struct rpc_conn *c); /* of RPC_PEER_LOCAL */
gid_t rpc_conn_gid(const struct rpc_conn *c);
pid_t rpc_conn_pid(const struct rpc_conn *c);
const char *rpc_conn_client_addr(const struct rpc_conn *c); /* "192.0.2.7:51234"; "" if none */
struct rpc_server *rpc_conn_server(const struct rpc_conn *c);

void *rpc_conn_data(const struct rpc_conn *c); /* the program's own, as the decoded identity */
void rpc_conn_set_data(struct rpc_conn *c, void *data);

/* The connection ends at this wall time (ms since 1970; the certificate's notAfter). */
void rpc_conn_set_end(struct rpc_conn *c, int64_t wall_ms);

/* --- calls ----------------------------------------------------------------------------------- */

struct rpc_call_events {
	/* Client streams and RPC_BIDI: the next request message, borrowed; the client's last. */
	void (*message)(struct rpc_call *call, const void *message);
	void (*end)(struct rpc_call *call);
	/* rpc_call_writable() is true again. */
	void (*writable)(struct rpc_call *call);
	/* The call is over without your doing: drop everything of it. */
	void (*canceled)(struct rpc_call *call);
};

/* The request (pv_XRequest) of unary and server-stream calls; valid while the call is. */
const void *rpc_call_request(const struct rpc_call *call);
const struct rpc_signature *rpc_call_signature(const struct rpc_call *call);
struct rpc_conn *rpc_call_conn(const struct rpc_call *call);
void *rpc_call_server_ctx(const struct rpc_call *call); /* rpc_server_conf.ctx */
bool rpc_call_is_json(const struct rpc_call *call);

/* `events` is borrowed for good; `data` is yours: rpc_call_data(). Any event may be NULL. */
void rpc_call_set_events(struct rpc_call *call, const struct rpc_call_events *events, void *data);
void *rpc_call_data(const struct rpc_call *call);

/* Ends with the one response, borrowed until return. */
void rpc_call_reply(struct rpc_call *call, const void *response);
/* Ends with an error; its message is shown to the client, so no secrets. */
void rpc_call_fail(struct rpc_call *call, const struct err *err);

/*
 * Streams: sends one response. While rpc_call_writable() is false wait for events->writable;
 * more is queued all the same, up to 16 MB. A failure (ERR_LIMIT, ERR_INTERNAL, ERR_NOMEM)
 * leaves the call open: rpc_call_fail() it.
 */
int rpc_call_send(struct rpc_call *call, const void *response, struct err *err);
/* Like it, for a response that is encoded already (one event for many watchers). */
int rpc_call_send_encoded(struct rpc_call *call, const void *data, size_t len, struct err *err);
bool rpc_call_writable(const struct rpc_call *call);
/* It has no end of its own (a watch): when the server stops, it is not waited for. */
void rpc_call_set_endless(struct rpc_call *call);
/* Ends a stream well. */
void rpc_call_finish(struct rpc_call *call);

/* Holds back the client of a client stream: no more messages until resumed (what is in flight
 * waits in the window). Pausing from within events->message works at once. */
void rpc_call_pause(struct rpc_call *call, bool paused);

#endif
