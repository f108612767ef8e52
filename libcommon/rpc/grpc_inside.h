/*
 * grpc_inside - what conn_grpc.c (a connection) and call_grpc.c (its calls) share.
 */
#ifndef RPC_GRPC_INSIDE_H
#define RPC_GRPC_INSIDE_H

#include "rpc/server_inside.h"
#include "wire/grpc.h"

struct http2;
struct http2_stream;

struct grpc_conn {
	struct http2 *h2;
	struct rpc_conn *conn;
	size_t waiting; /* bytes of requests that are not handed on, of all its calls */
};

struct grpc_call {
	struct rpc_call call;
	struct http2_stream *stream; /* NULL: the client has gone, or it is answered */
	struct grpc_reader reader;
	size_t waiting;    /* its share of the connection's */
	size_t held;       /* bytes not yet granted back, because it is paused */
	bool answered;     /* response headers are sent */
	bool client_ended; /* no more requests follow */
	bool end_told;     /* events->end came, or the call began */
	bool resumed;      /* go on with what was held, soon */
};

/* The call of a stream; NULL when memory runs out. A client stream begins at once, and may be
 * over when this returns. */
void grpc_call_start(struct rpc_conn *conn, struct http2_stream *s,
                     const struct call_target *target, int64_t timeout_ms);

/* What the client sends: bytes, their end, its leave. The call may be gone after each. */
void grpc_call_data(struct grpc_call *g, const uint8_t *data, size_t len);
void grpc_call_client_ended(struct grpc_call *g);
void grpc_call_client_gone(struct grpc_call *g);
void grpc_call_writable(struct grpc_call *g);

/* Goes on with the connection's calls that were resumed. */
void grpc_call_resume_all(struct rpc_conn *c);

/* A call's end on the wire: trailers behind the answer, or headers that are all of it. */
void grpc_send_status(struct http2_stream *s, bool answered, const struct err *result);

#endif
