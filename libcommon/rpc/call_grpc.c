#include "base/buf.h"
#include "loop/timer.h"
#include "rpc/grpc_inside.h"
#include "wire/fields.h"
#include "wire/http2.h"

#include <stdio.h>
#include <stdlib.h>

#define WAITING_FACTOR 4 /* so many largest requests may wait unfinished on one connection */

static struct grpc_call *of_call(const struct rpc_call *c)
{
	return container_of(c, struct grpc_call, call);
}

/* --- answering -----------------------------------------------------------------------------------
 */

#define STATUS_SIZE 12

static const struct http2_header answer_headers[] = {
	{ ":status", "200" },
	{ "content-type", "application/grpc" },
};

void grpc_send_status(struct http2_stream *s, bool answered, const struct err *result)
{
	char status[STATUS_SIZE], retry[STATUS_SIZE];
	struct buf message = { 0 };
	struct http2_header headers[5];
	size_t count = 0;
	struct err err;

	snprintf(status, sizeof(status), "%d", grpc_from_err(result->code));
	if (result->code != 0)
		grpc_encode_message(&message, result->msg);
	for (; !answered && count < 2; count++)
		headers[count] = answer_headers[count];
	headers[count++] = (struct http2_header){ "grpc-status", status };
	if (message.len > 0)
		headers[count++] = (struct http2_header){ "grpc-message", buf_str(&message) };
	if (result->code != 0 && result->retry_ms != 0) {
		snprintf(retry, sizeof(retry), "%u", result->retry_ms);
		headers[count++] = (struct http2_header){ "grpc-retry-pushback-ms", retry };
	}
	if ((answered ? http2_end_with(s, headers, count, &err)
	              : http2_respond(s, headers, count, true, &err)) != 0)
		http2_reset(s, HTTP2_INTERNAL_ERROR);
	buf_deinit(&message);
}

/* What handlers say goes out in the loop's next turn, all of it together. */
static void flush_soon(const struct rpc_call *c)
{
	conn_soon(c->conn);
}

static int send_encoded(struct rpc_call *c, const void *data, size_t len, struct err *err)
{
	struct grpc_call *g = of_call(c);
	struct buf frame = { 0 };
	int rc = 0;

	if (g->stream == NULL)
		return err_set(err, ERR_CANCELED, "the client has gone");
	if (!g->answered)
		rc = http2_respond(g->stream, answer_headers, 2, false, err);
	if (rc != 0)
		return rc;
	g->answered = true;
	grpc_write_frame(&frame, data, len);
	rc = buf_check(&frame, err);
	if (rc == 0)
		rc = http2_write(g->stream, frame.data, frame.len, err);
	buf_wipe(&frame);
	flush_soon(c);
	return rc;
}

static int send_message(struct rpc_call *c, const void *message, struct err *err)
{
	struct buf b = { 0 };
	int rc;

	rc = fields_encode(c->signature->response, message, &b, err);
	if (rc == 0)
		rc = send_encoded(c, b.data, b.len, err);
	buf_wipe(&b);
	return rc;
}

static void end_call(struct rpc_call *c, const struct err *result)
{
	struct grpc_call *g = of_call(c);

	if (g->stream == NULL)
		return;
	http2_consume(g->stream, g->held);
	http2_stream_set_data(g->stream, NULL);
	grpc_send_status(g->stream, g->answered, result);
	g->stream = NULL;
	flush_soon(c);
}

static bool writable(const struct rpc_call *c)
{
	const struct grpc_call *g = of_call(c);

	return g->stream != NULL && http2_writable(g->stream);
}

/* Counts what waits in the reader now. */
static void count_waiting(struct grpc_call *g)
{
	size_t now = grpc_reader_waiting(&g->reader);

	g->call.conn->grpc->waiting += now - g->waiting;
	g->waiting = now;
}

static void free_call(struct rpc_call *c)
{
	struct grpc_call *g = of_call(c);

	grpc_reader_deinit(&g->reader);
	count_waiting(g);
	free(g);
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* A request that cannot be read is the client's fault, whatever the decoder says. */
static void refuse(struct grpc_call *g, struct err *err)
{
	if (err->code == ERR_CORRUPT)
		err->code = ERR_INVALID;
	call_cancel(&g->call, err);
}

static void keep_request(struct grpc_call *g, const uint8_t *data, size_t len)
{
	struct rpc_call *c = &g->call;
	struct err err = { 0 };
	void *message = NULL;

	if (c->request != NULL)
		err_set(&err, ERR_INVALID, "more than one request");
	else if ((message = calloc(1, c->signature->request->size)) == NULL)
		err_set_nomem(&err);
	else if (fields_decode(c->signature->request, data, len, message, &err) == 0)
		c->request = message;
	if (err.code == 0)
		return;
	free(message);
	refuse(g, &err);
}

static void hand_over(struct grpc_call *g, const uint8_t *data, size_t len)
{
	struct rpc_call *c = &g->call;
	struct err err = { 0 };
	void *message = calloc(1, c->signature->request->size);

	if (message == NULL)
		err_set_nomem(&err);
	else if (fields_decode(c->signature->request, data, len, message, &err) == 0) {
		if (c->events != NULL && c->events->message != NULL)
			c->events->message(c, message);
		fields_release(c->signature->request, message);
	}
	free(message);
	if (err.code != 0)
		refuse(g, &err);
}

/* The client has said everything and all of it was handed on. */
static void requests_end(struct grpc_call *g)
{
	struct rpc_call *c = &g->call;
	struct err err;

	if (g->end_told)
		return;
	g->end_told = true;
	if (grpc_reader_waiting(&g->reader) > 0) {
		err_set(&err, ERR_INVALID, "the request ends within a message");
		call_cancel(c, &err);
	} else if (call_streams_in(c)) {
		if (c->events != NULL && c->events->end != NULL)
			c->events->end(c);
	} else if (c->request == NULL) {
		err_set(&err, ERR_INVALID, "no request");
		call_cancel(c, &err);
	} else {
		call_begin(c);
	}
}

/* Hands on what has come, as far as the call takes it. */
static void read_requests(struct grpc_call *g)
{
	struct rpc_call *c = &g->call;
	const uint8_t *data;
	struct err err;
	size_t len;
	bool some = true;

	call_enter(c);
	while (some && !c->paused && c->state != CALL_OVER) {
		if (grpc_reader_next(&g->reader, &some, &data, &len, &err) != 0)
			call_cancel(c, &err);
		else if (some && call_streams_in(c))
			hand_over(g, data, len);
		else if (some)
			keep_request(g, data, len);
	}
	if (g->client_ended && !c->paused && c->state != CALL_OVER)
		requests_end(g);
	count_waiting(g);
	call_leave(c);
}

/* Bytes that were held back are granted again and read in the loop's next turn. */
static void pause_call(struct rpc_call *c, bool paused)
{
	struct grpc_call *g = of_call(c);

	if (paused || g->stream == NULL)
		return;
	g->resumed = true;
	flush_soon(c);
}

static const struct call_wire wire = { .send = send_message,
	                               .send_encoded = send_encoded,
	                               .end = end_call,
	                               .writable = writable,
	                               .pause = pause_call,
	                               .free = free_call };

/* --- what the connection tells it --- */

static struct grpc_call *new_call(struct rpc_conn *conn, struct http2_stream *s,
                                  const struct call_target *target, int64_t timeout_ms)
{
	struct grpc_call *g = calloc(1, sizeof(*g));
	struct err err;

	if (g == NULL)
		return NULL;
	if (call_init(&g->call, conn, &wire, target, timeout_ms, &err) != 0) {
		free(g);
		return NULL;
	}
	g->stream = s;
	grpc_reader_init(&g->reader, conn_message_max(conn));
	http2_stream_set_data(s, g);
	return g;
}

void grpc_call_start(struct rpc_conn *conn, struct http2_stream *s,
                     const struct call_target *target, int64_t timeout_ms)
{
	struct grpc_call *g = new_call(conn, s, target, timeout_ms);

	if (g == NULL)
		http2_reset(s, HTTP2_INTERNAL_ERROR);
	else if (call_streams_in(&g->call))
		call_begin(&g->call);
}

static int keep_bytes(struct grpc_call *g, const uint8_t *data, size_t len, struct err *err)
{
	const struct rpc_conn *conn = g->call.conn;

	if (conn->grpc->waiting + len > WAITING_FACTOR * conn_message_max(conn))
		return err_set(err, ERR_LIMIT, "too many unfinished requests on one connection");
	return grpc_reader_feed(&g->reader, data, len, err);
}

void grpc_call_data(struct grpc_call *g, const uint8_t *data, size_t len)
{
	struct err err;

	if (g->call.paused)
		g->held += len;
	else
		http2_consume(g->stream, len);
	if (keep_bytes(g, data, len, &err) != 0)
		call_cancel(&g->call, &err);
	else
		read_requests(g);
}

void grpc_call_client_ended(struct grpc_call *g)
{
	g->client_ended = true;
	read_requests(g);
}

void grpc_call_client_gone(struct grpc_call *g)
{
	struct err err;

	g->stream = NULL;
	err_set(&err, ERR_CANCELED, "the client gave up");
	call_cancel(&g->call, &err);
}

void grpc_call_writable(struct grpc_call *g)
{
	const struct rpc_call_events *events = g->call.events;

	if (g->call.state != CALL_OPEN || events == NULL || events->writable == NULL)
		return;
	call_enter(&g->call);
	events->writable(&g->call);
	call_leave(&g->call);
}

static struct grpc_call *next_resumed(const struct rpc_conn *c)
{
	for (struct list *at = c->calls.next; at != &c->calls; at = at->next) {
		struct grpc_call *g = of_call(container_of(at, struct rpc_call, link));

		if (g->resumed)
			return g;
	}
	return NULL;
}

/* Calls that were resumed go on; any of them may end others. */
void grpc_call_resume_all(struct rpc_conn *c)
{
	struct grpc_call *g;

	while ((g = next_resumed(c)) != NULL) {
		g->resumed = false;
		if (g->call.paused)
			continue;
		http2_consume(g->stream, g->held);
		g->held = 0;
		read_requests(g);
	}
}
