#include "base/err.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/grpc_inside.h"
#include "rpc/h2_pump.h"
#include "wire/http2.h"

#include <stdlib.h>
#include <string.h>

/* --- HTTP/2's events -----------------------------------------------------------------------------
 */

static void refuse_stream(struct http2_stream *s, int code, const char *what, const char *name)
{
	struct err err;

	err_set(&err, code, "%s '%s'", what, name);
	grpc_send_status(s, false, &err);
}

static void refuse_http(struct http2_stream *s, const char *status)
{
	struct http2_header header = { ":status", status };
	struct err err;

	if (http2_respond(s, &header, 1, true, &err) != 0)
		http2_reset(s, HTTP2_INTERNAL_ERROR);
}

static void start_call(struct rpc_conn *conn, struct http2_stream *s, const char *path,
                       const char *timeout)
{
	struct call_target target;
	int64_t timeout_ms = 0;
	struct err err;

	if (!call_find_path(conn->server, path, &target)) {
		refuse_stream(s, ERR_UNSUPPORTED, "no such method", path);
		return;
	}
	if (timeout != NULL && grpc_parse_timeout(timeout, &timeout_ms, &err) != 0) {
		refuse_stream(s, ERR_INVALID, "bad grpc-timeout", timeout);
		return;
	}
	if (timeout != NULL && timeout_ms == 0)
		timeout_ms = 1;
	grpc_call_start(conn, s, &target, timeout_ms);
}

static void on_headers(struct http2_stream *s, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	struct grpc_conn *conn = http2_ctx(http2_stream_session(s));
	const char *method = http2_header(headers, count, ":method");
	const char *path = http2_header(headers, count, ":path");

	if (trailers)
		return;
	if (method == NULL || path == NULL || strcmp(method, "POST") != 0)
		refuse_http(s, "405");
	else if (!grpc_content_type(http2_header(headers, count, "content-type")))
		refuse_http(s, "415");
	else if (http2_header(headers, count, "origin") != NULL)
		refuse_http(s, "403"); /* a browser; those speak JSON */
	else
		start_call(conn->conn, s, path, http2_header(headers, count, "grpc-timeout"));
}

static void on_data(struct http2_stream *s, const uint8_t *data, size_t len)
{
	struct grpc_call *g = http2_stream_data(s);

	if (g != NULL)
		grpc_call_data(g, data, len);
	else
		http2_consume(s, len);
}

static void on_end(struct http2_stream *s)
{
	struct grpc_call *g = http2_stream_data(s);

	if (g != NULL)
		grpc_call_client_ended(g);
}

static void on_writable(struct http2_stream *s)
{
	struct grpc_call *g = http2_stream_data(s);

	if (g != NULL)
		grpc_call_writable(g);
}

static void on_closed(struct http2_stream *s, uint32_t code)
{
	struct grpc_call *g = http2_stream_data(s);

	(void)code;
	if (g != NULL)
		grpc_call_client_gone(g);
}

static const struct http2_events events = { .headers = on_headers,
	                                    .data = on_data,
	                                    .end = on_end,
	                                    .writable = on_writable,
	                                    .closed = on_closed };

/* --- the connection ------------------------------------------------------------------------------
 */

void grpc_conn_flush(struct rpc_conn *c)
{
	struct err err;

	grpc_call_resume_all(c);
	if (h2_pump(c->grpc->h2, c->stream, &err) != 0)
		stream_reset(c->stream, &err);
	else if (http2_done(c->grpc->h2))
		stream_close(c->stream);
}

void grpc_conn_goaway(struct rpc_conn *c)
{
	http2_goaway(c->grpc->h2, HTTP2_NO_ERROR);
}

static size_t on_stream_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct rpc_conn *c = owner;
	struct err err = { 0 };
	int rc;

	if (c->state == CONN_ENDING)
		return len;
	rc = http2_recv(c->grpc->h2, data, len, &err);
	grpc_conn_flush(c);
	if (rc != 0)
		stream_close(s);
	return len;
}

static void on_stream_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_stream_drain(void *owner, struct stream *s)
{
	struct rpc_conn *c = owner;

	(void)s;
	if (c->state != CONN_ENDING)
		grpc_conn_flush(c);
}

/* Closing the session tells every call that its client has gone. */
static void on_stream_close(void *owner, struct stream *s, const struct err *err)
{
	struct rpc_conn *c = owner;

	(void)s;
	(void)err;
	c->state = CONN_ENDING;
	http2_free(c->grpc->h2);
	c->grpc->h2 = NULL;
	conn_gone(c);
}

static const struct stream_handler handler = { .on_data = on_stream_data,
	                                       .on_end = on_stream_end,
	                                       .on_drain = on_stream_drain,
	                                       .on_close = on_stream_close };

int grpc_conn_start(struct rpc_conn *c, struct err *err)
{
	struct http2_limits limits = { .streams_max = c->server->conf.calls_max };
	struct grpc_conn *g = calloc(1, sizeof(*g));

	if (g != NULL)
		g->h2 = http2_new(HTTP2_SERVER, &limits, &events, g);
	if (g == NULL || g->h2 == NULL) {
		free(g);
		return err_set_nomem(err);
	}
	g->conn = c;
	c->grpc = g;
	stream_attach(c->stream, &handler, c);
	conn_soon(c); /* our settings */
	return 0;
}

void grpc_conn_free(struct grpc_conn *g)
{
	free(g);
}
