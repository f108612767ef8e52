#include "rpc/client.h"

#include "base/clock.h"
#include "loop/timer.h"
#include "rpc/client_inside.h"
#include "wire/fields.h"
#include "wire/http2.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS    60000 /* for a connection, when the call itself has no deadline */
#define QUEUED_MAX (16u * 1024 * 1024)

/* --- its end -------------------------------------------------------------------------------------
 */

static void let_go_of_h2(struct rpc_stream *s)
{
	if (s->h2 == NULL)
		return;
	http2_consume(s->h2, s->held);
	http2_stream_set_data(s->h2, NULL);
	http2_reset(s->h2, HTTP2_CANCEL);
	s->h2 = NULL;
}

/* The first result counts. The callback comes from the loop. */
void client_stream_finish(struct rpc_stream *s, const struct err *result)
{
	struct client_link *l = s->on;

	if (s->state == CLIENT_STREAM_FINISHED)
		return;
	s->state = CLIENT_STREAM_FINISHED;
	if (result != &s->result)
		s->result = *result;
	let_go_of_h2(s);
	timer_stop(s->timer);
	list_remove(&s->link);
	list_append(&s->client->finished, &s->link);
	s->on = NULL;
	if (l != NULL)
		client_link_soon(l); /* what it says to the server; maybe it was the last */
	client_tell_soon(s->client);
}

static void finish_with(struct rpc_stream *s, int code, const char *why)
{
	struct err err;

	err_set(&err, code, "%s", why);
	client_stream_finish(s, &err);
}

void client_stream_free(struct rpc_stream *s)
{
	if (s->response != NULL)
		fields_release(s->signature->response, s->response);
	free(s->response);
	timer_free(s->timer);
	grpc_reader_deinit(&s->reader);
	buf_wipe(&s->queued);
	free(s);
}

static void on_deadline(void *owner)
{
	struct rpc_stream *s = owner;
	struct rpc_client *c = s->client;

	finish_with(s, ERR_TIMEOUT,
	            s->state == CLIENT_STREAM_WAITING ? "no connection in time"
	                                              : "no answer in time");
	client_tell_finished(c);
}

/* --- what comes ----------------------------------------------------------------------------------
 */

static bool has_one_response(const struct rpc_stream *s)
{
	return s->signature->kind == RPC_UNARY || s->signature->kind == RPC_CLIENT_STREAM;
}

static void got_message(struct rpc_stream *s, const uint8_t *data, size_t len)
{
	const struct fields_table *table = s->signature->response;
	void *message = calloc(1, table->size);
	struct err err = { 0 };

	if (message == NULL) {
		err_set_nomem(&err);
	} else if (s->response != NULL) {
		err_set(&err, ERR_INTERNAL, "more than one response");
	} else if (fields_decode(table, data, len, message, &err) == 0) {
		if (has_one_response(s)) {
			s->response = message;
			return;
		}
		if (s->events->message != NULL)
			s->events->message(s, message);
		fields_release(table, message);
	}
	free(message);
	if (err.code != 0)
		client_stream_finish(s, &err);
}

/* The server's result, once everything before it was handed on. */
static void end_of_answer(struct rpc_stream *s)
{
	if (!s->has_result)
		err_set(&s->result, ERR_INTERNAL, "the server ended the call without a result");
	else if (s->result.code == 0 && grpc_reader_waiting(&s->reader) > 0)
		err_set(&s->result, ERR_INTERNAL, "the answer ends within a message");
	else if (s->result.code == 0 && has_one_response(s) && s->response == NULL)
		err_set(&s->result, ERR_INTERNAL, "the server sent no response");
	client_stream_finish(s, &s->result);
}

static void read_responses(struct rpc_stream *s)
{
	const uint8_t *data;
	struct err err;
	size_t len;
	bool some = true;

	while (some && !s->paused && s->state == CLIENT_STREAM_SENT) {
		if (grpc_reader_next(&s->reader, &some, &data, &len, &err) != 0)
			client_stream_finish(s, &err);
		else if (some)
			got_message(s, data, len);
	}
	if (s->over && !s->paused && s->state == CLIENT_STREAM_SENT)
		end_of_answer(s);
}

static void take_result(struct rpc_stream *s, const char *status, const char *message)
{
	struct buf text = { 0 };
	int code = grpc_to_err(atoi(status));

	s->has_result = true;
	grpc_decode_message(&text, message != NULL ? message : "");
	if (code != 0)
		err_set(&s->result, code, "%s", text.len > 0 ? buf_str(&text) : err_name(code));
	buf_deinit(&text);
}

static void on_headers(struct http2_stream *h2, const struct http2_header *headers, size_t count,
                       bool trailers)
{
	struct rpc_stream *s = http2_stream_data(h2);
	const char *status = http2_header(headers, count, ":status");
	const char *result = http2_header(headers, count, "grpc-status");

	if (s == NULL)
		return;
	if (result != NULL) {
		take_result(s, result, http2_header(headers, count, "grpc-message"));
	} else if (!trailers && status != NULL && strcmp(status, "200") != 0) {
		s->has_result = true;
		err_set(&s->result, grpc_err_from_http(atoi(status)),
		        "the server answers with HTTP status %.3s", status);
	}
}

static void on_data(struct http2_stream *h2, const uint8_t *data, size_t len)
{
	struct rpc_stream *s = http2_stream_data(h2);
	struct err err;

	if (s == NULL) {
		http2_consume(h2, len);
		return;
	}
	if (s->paused)
		s->held += len;
	else
		http2_consume(h2, len);
	if (grpc_reader_feed(&s->reader, data, len, &err) != 0)
		client_stream_finish(s, &err);
	else
		read_responses(s);
}

/* The answer is complete; whatever we had left to say is of no use. */
static void on_end(struct http2_stream *h2)
{
	struct rpc_stream *s = http2_stream_data(h2);

	if (s != NULL && !s->ended)
		http2_reset(h2, HTTP2_CANCEL);
}

static void on_writable(struct http2_stream *h2)
{
	struct rpc_stream *s = http2_stream_data(h2);

	if (s != NULL && !s->ended && s->events->writable != NULL)
		s->events->writable(s);
}

static void on_closed(struct http2_stream *h2, uint32_t code)
{
	struct rpc_stream *s = http2_stream_data(h2);

	if (s == NULL)
		return;
	s->h2 = NULL;
	s->over = true;
	if (!s->has_result && code != HTTP2_NO_ERROR) {
		s->has_result = true;
		err_set(&s->result, ERR_UNAVAILABLE, "the server dropped the call (HTTP/2 code %u)",
		        (unsigned)code);
	}
	read_responses(s);
}

static void on_goaway(struct http2 *h, uint32_t code)
{
	(void)code;
	client_link_soon(http2_ctx(h)); /* it will see that it is to retire */
}

const struct http2_events *client_stream_events(void)
{
	static const struct http2_events events = { on_headers,  on_data,   on_end,
		                                    on_writable, on_closed, on_goaway };

	return &events;
}

static void resume(struct rpc_stream *s)
{
	s->resumed = false;
	if (s->h2 != NULL)
		http2_consume(s->h2, s->held);
	s->held = 0;
	read_responses(s);
}

bool client_stream_catch_up(struct rpc_stream *s)
{
	if (!s->told_writable && s->h2 != NULL) {
		s->told_writable = true;
		on_writable(s->h2);
		return true;
	}
	if (!s->resumed)
		return false;
	resume(s);
	return true;
}

/* --- starting ------------------------------------------------------------------------------------
 */

static const char *authority(const struct rpc_client *c, const struct client_link *l)
{
	if (l->tls == NULL)
		return "localhost";
	return c->server_name != NULL ? c->server_name : l->addr;
}

int client_stream_open(struct rpc_stream *s, struct client_link *l, struct err *err)
{
	char path[256];
	char timeout[GRPC_TIMEOUT_SIZE];
	int64_t left = s->deadline - clock_mono_ms(clock_system());
	struct http2_header headers[] = {
		{ ":method", "POST" },
		{ ":scheme", l->tls != NULL ? "https" : "http" },
		{ ":path", path },
		{ ":authority", authority(s->client, l) },
		{ "te", "trailers" },
		{ "content-type", "application/grpc" },
		{ "user-agent", "postern/" POSTERN_VERSION },
		{ "grpc-timeout", grpc_format_timeout(timeout, left) },
	};
	size_t count = sizeof(headers) / sizeof(headers[0]) - (s->deadline == 0 ? 1 : 0);

	snprintf(path, sizeof(path), "/%s/%s", s->client->conf.service->name, s->signature->name);
	if (http2_open(l->h2, headers, count, false, s, &s->h2, err) != 0)
		return err->code;
	list_remove(&s->link);
	list_append(&l->streams, &s->link);
	s->on = l;
	s->state = CLIENT_STREAM_SENT;
	if (s->queued.len > 0 && http2_write(s->h2, s->queued.data, s->queued.len, err) != 0)
		return err->code;
	buf_wipe(&s->queued);
	if (s->ended && http2_end(s->h2, err) != 0)
		return err->code;
	if (s->deadline == 0)
		timer_stop(s->timer); /* it was for the connection only */
	client_link_soon(l);
	return 0;
}

static struct rpc_stream *make(struct rpc_client *c, unsigned call, unsigned timeout_ms,
                               const struct rpc_stream_events *events, void *data)
{
	struct rpc_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->timer = timer_new(c->conf.loop, on_deadline, s);
	if (s->timer == NULL) {
		free(s);
		return NULL;
	}
	s->client = c;
	s->signature = &c->conf.service->calls[call];
	s->events = events;
	s->data = data;
	if (timeout_ms != 0)
		s->deadline = clock_mono_ms(clock_system()) + timeout_ms;
	timer_once(s->timer, timeout_ms != 0 ? timeout_ms : WAIT_MS);
	grpc_reader_init(&s->reader, c->conf.message_max);
	buf_init(&s->queued, QUEUED_MAX);
	list_init(&s->link);
	return s;
}

/* To a link that is ready, or in line for one. */
static int go(struct rpc_stream *s, struct err *err)
{
	struct rpc_client *c = s->client;

	if (rpc_client_ready(c) && !http2_no_new_streams(c->link->h2))
		return client_stream_open(s, c->link, err);
	if (rpc_client_ready(c))
		client_link_retire(c->link);
	list_append(&c->waiting, &s->link);
	return client_want_link(c, err);
}

int rpc_stream_start(struct rpc_client *c, unsigned call, const void *request, unsigned timeout_ms,
                     const struct rpc_stream_events *events, void *data,
                     struct rpc_stream **out_stream, struct err *err)
{
	struct rpc_stream *s;

	assert(call < c->conf.service->count);
	s = make(c, call, timeout_ms, events, data);
	if (s == NULL)
		return err_set_nomem(err);
	if ((request != NULL &&
	     (rpc_stream_send(s, request, err) != 0 || rpc_stream_end(s, err) != 0)) ||
	    go(s, err) != 0) {
		let_go_of_h2(s);
		list_remove(&s->link);
		client_stream_free(s);
		return err->code;
	}
	if (out_stream != NULL)
		*out_stream = s;
	return 0;
}

/* --- what users do -------------------------------------------------------------------------------
 */

void *rpc_stream_data(const struct rpc_stream *s)
{
	return s->data;
}

static int write_frame(struct rpc_stream *s, const struct buf *message, struct err *err)
{
	struct buf frame = { 0 };
	int rc;

	if (s->state == CLIENT_STREAM_WAITING) {
		if (s->queued.len + message->len + GRPC_HEADER_SIZE > QUEUED_MAX)
			return err_set(err, ERR_LIMIT, "too much is waiting for the connection");
		grpc_write_frame(&s->queued, message->data, message->len);
		return buf_check(&s->queued, err);
	}
	grpc_write_frame(&frame, message->data, message->len);
	rc = buf_check(&frame, err);
	if (rc == 0)
		rc = http2_write(s->h2, frame.data, frame.len, err);
	buf_wipe(&frame);
	client_link_soon(s->on);
	return rc;
}

static int check_open(const struct rpc_stream *s, struct err *err)
{
	if (s->state == CLIENT_STREAM_FINISHED || s->over || s->ended)
		return err_set(err, ERR_CANCELED, "the call has ended");
	return 0;
}

int rpc_stream_send(struct rpc_stream *s, const void *request, struct err *err)
{
	struct buf message = { 0 };
	int rc = check_open(s, err);

	if (rc == 0)
		rc = fields_encode(s->signature->request, request, &message, err);
	if (rc == 0)
		rc = write_frame(s, &message, err);
	buf_wipe(&message);
	return rc;
}

bool rpc_stream_writable(const struct rpc_stream *s)
{
	return s->state == CLIENT_STREAM_SENT && s->h2 != NULL && http2_writable(s->h2);
}

int rpc_stream_end(struct rpc_stream *s, struct err *err)
{
	if (check_open(s, err) != 0)
		return err->code;
	s->ended = true;
	if (s->h2 == NULL)
		return 0;
	client_link_soon(s->on);
	return http2_end(s->h2, err);
}

void rpc_stream_pause(struct rpc_stream *s, bool paused)
{
	if (s->paused == paused)
		return;
	s->paused = paused;
	s->resumed = !paused;
	if (s->on != NULL)
		client_link_soon(s->on);
}

void rpc_stream_cancel(struct rpc_stream *s)
{
	finish_with(s, ERR_CANCELED, "canceled");
}
