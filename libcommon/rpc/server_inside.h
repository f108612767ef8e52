/*
 * server_inside - what the files of the server share: the server, its connections, their calls.
 *
 *   server.c       the list of connections, their deadlines, stopping
 *   conn.c         one connection: TLS, who the peer is, which protocol
 *   conn_grpc.c    HTTP/2 on it                    call_grpc.c   a call over HTTP/2
 *   conn_json.c    HTTP/1.1 on it, and its calls   call.c        a call, whatever carries it
 *
 * Calls and connections end in callbacks of the loop only, never within a function that a
 * handler calls; a call that ends within its own callback is freed when that returns (`busy`).
 */
#ifndef RPC_SERVER_INSIDE_H
#define RPC_SERVER_INSIDE_H

#include "base/err.h"
#include "base/list.h"
#include "rpc/server.h"

#include <stdbool.h>

struct grpc_conn;
struct http_conn;
struct timer;

struct rpc_server {
	struct rpc_server_conf conf;
	struct list conns;
	size_t conn_count;
	struct list soon; /* connections that catch up in the loop's next turn */
	struct timer *catch_up;
	struct timer *sweep; /* once a second: deadlines of connections; then the end of a stop */
	bool stopping;
	void (*on_stopped)(void *ctx);
};

enum conn_state {
	CONN_OPENING, /* TLS, then the first bytes */
	CONN_SERVING,
	CONN_ENDING, /* only its end is left to come */
};

struct rpc_conn {
	struct list link;
	struct rpc_server *server;
	struct stream *stream;
	enum conn_state state;
	enum rpc_peer_kind peer;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	char client_addr[64];
	void *data;          /* the program's */
	bool opened;         /* the opened hook said yes: `closed` is due */
	int64_t end_wall;    /* 0: never */
	int64_t quiet_since; /* monotonic: since when it is opening, or has no call */
	struct list calls;
	size_t call_count;
	struct list soon; /* in server->soon: what may not happen within a handler's call is due */
	int doom;         /* not 0: end it soon, with this code */
	const char *doom_why;   /* and these words, a constant */
	struct grpc_conn *grpc; /* one of these when serving */
	struct http_conn *json;
};

/* What carries a call. Each gets it while it is open. */
struct call_wire {
	/* One response: as a message, or encoded already. */
	int (*send)(struct rpc_call *call, const void *message, struct err *err);
	int (*send_encoded)(struct rpc_call *call, const void *data, size_t len, struct err *err);
	/* Last, in any case: the result, if there still is a client. */
	void (*end)(struct rpc_call *call, const struct err *result);
	bool (*writable)(const struct rpc_call *call);
	void (*pause)(struct rpc_call *call, bool paused);
	void (*free)(struct rpc_call *call);
	bool is_json;
};

enum call_state {
	CALL_READING, /* its request is not complete */
	CALL_OPEN,    /* the handler has it */
	CALL_OVER,
};

/* First member of what each wire makes of it. */
struct rpc_call {
	struct list link; /* in conn->calls */
	struct rpc_conn *conn;
	const struct call_wire *wire;
	const struct rpc_signature *signature;
	const struct rpc_method *method; /* NULL: not implemented */
	enum call_state state;
	unsigned busy; /* callbacks of it that are running */
	void *request; /* decoded; NULL until complete, and for client streams */
	bool paused;
	bool endless;
	const struct rpc_call_events *events;
	void *data;
	struct timer *deadline;
};

/* --- server.c --- */

void server_conn_gone(struct rpc_server *s);
/* conn_catch_up() in the loop's next turn. */
void conn_soon(struct rpc_conn *c);

/* --- call.c --- */

/* What a name leads to. */
struct call_target {
	const struct rpc_signature *signature;
	const struct rpc_method *method; /* NULL: nobody handles it */
};

/* By gRPC's path ("/postern.v1.Auth/Ping"), and by the name of one of the main service's calls.
 * False: there is no such call. */
bool call_find_path(const struct rpc_server *s, const char *path, struct call_target *out);
bool call_find(const struct rpc_server *s, const char *name, struct call_target *out);
bool call_streams_in(const struct rpc_call *c);
bool call_streams_out(const struct rpc_call *c);

/* Fills the common part; timeout_ms 0: what the server gives. */
int call_init(struct rpc_call *c, struct rpc_conn *conn, const struct call_wire *wire,
              const struct call_target *target, int64_t timeout_ms, struct err *err);

/* The request, or a client stream's head, is complete: authorize and handle. */
void call_begin(struct rpc_call *c);

/* Over without the handler's doing. */
void call_cancel(struct rpc_call *c, const struct err *why);

/* Around every use of a call that calls out; after call_leave() it may be gone. */
void call_enter(struct rpc_call *c);
void call_leave(struct rpc_call *c);

/* --- conn.c --- */

int rpc_conn_new(struct rpc_server *s, struct stream *take_stream, const char *client_addr,
                 struct err *err);
/* Sends what waits, or ends it. */
void conn_catch_up(struct rpc_conn *c);
/* Ends it, soon; `why` is a constant. */
void conn_doom(struct rpc_conn *c, int code, const char *why);
/* Takes no more calls; ends when those open have. */
void conn_drain(struct rpc_conn *c);
/* Once a second. */
void conn_check(struct rpc_conn *c, int64_t mono_ms, int64_t wall_ms);
/* The bound on one request of this peer. */
size_t conn_message_max(const struct rpc_conn *c);
/* Its transport is gone, or was never taken into service: calls end, hooks hear, memory goes. */
void conn_gone(struct rpc_conn *c);

/* --- conn_grpc.c, conn_json.c: take over the stream ------------------------------------------ */

int grpc_conn_start(struct rpc_conn *c, struct err *err);
void grpc_conn_flush(struct rpc_conn *c); /* from the loop only */
void grpc_conn_goaway(struct rpc_conn *c);
void grpc_conn_free(struct grpc_conn *g);

int json_conn_start(struct rpc_conn *c, struct err *err);

#endif
