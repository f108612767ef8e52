/*
 * http_conn - the server's end of an HTTP/1.1 connection over a stream: one request at a time,
 * whole, then one response, whole or streamed; then the next request if both sides keep alive.
 *
 *   READING --request()--> ANSWERING --respond / end--> READING … --> CLOSED --closed()-->
 *
 * Deadlines for the request and for idling; a request that is not HTTP as wire/http1.h accepts
 * it is answered 400 (413, 431 when too long) and ends the connection.
 */
#ifndef RPC_HTTP_CONN_H
#define RPC_HTTP_CONN_H

#include "wire/http1.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;
struct err;
struct http_conn;
struct stream;

struct http_conn_conf {
	uv_loop_t *loop;
	struct http1_limits limits;
	unsigned request_ms; /* from a request's first byte to its last; 0 = 20 s */
	unsigned idle_ms;    /* without a request; 0 = 60 s */
	void *ctx;

	/* A whole request; borrowed until it is answered. Answer now or later, exactly once. */
	void (*request)(struct http_conn *c, const struct http1_message *request);
	/* A streamed response may go on. May be NULL. */
	void (*writable)(struct http_conn *c);
	/* The client went away before the answer was complete: do not answer. `closed` follows.
	 * May be NULL. */
	void (*canceled)(struct http_conn *c);
	/* Exactly once; the connection is gone then. */
	void (*closed)(struct http_conn *c);
};

/* Takes the stream in any case. The configuration is copied. NULL and err. */
struct http_conn *http_conn_new(const struct http_conn_conf *conf, struct stream *take_stream,
                                struct err *err);
void *http_conn_ctx(const struct http_conn *c);
struct stream *http_conn_stream(const struct http_conn *c);

/* The whole answer; sends Content-Length and, where it must, Connection: close. */
void http_conn_respond(struct http_conn *c, int status, const struct http1_header *headers,
                       size_t count, const void *body, size_t len);

/* An answer in pieces: head, pieces while http_conn_writable(), end. */
void http_conn_begin(struct http_conn *c, int status, const struct http1_header *headers,
                     size_t count);
void http_conn_send(struct http_conn *c, const void *data, size_t len);
bool http_conn_writable(const struct http_conn *c);
void http_conn_end(struct http_conn *c);

/* Closes after the present answer; the second drops everything now (canceled, closed follow). */
void http_conn_finish(struct http_conn *c);
void http_conn_close(struct http_conn *c);

#endif
