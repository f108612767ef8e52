#include "tsh/web_call.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "tsh/proxy_link.h"
#include "wire/fields.h"
#include "wire/grpc.h"
#include "wire/http1.h"
#include "wire/json.h"

#include <stdbool.h>
#include <stdlib.h>

#define ANSWER_MS 30000

struct pending {
	struct buf request;
	struct http1 *http;
	struct timer *deadline;
	struct stream *stream;
	bool done;
	struct err err; /* code 0: the message in http is the answer */
};

static void finish(struct pending *p, const struct err *err)
{
	if (err != NULL && p->err.code == 0 && http1_state(p->http) != HTTP1_DONE)
		p->err = *err;
	p->stream = NULL;
	p->done = true;
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct pending *p = owner;
	size_t used = 0;

	if (http1_state(p->http) == HTTP1_DONE)
		return len;
	if (http1_feed(p->http, data, len, &used, &p->err) != 0)
		stream_reset(s, &p->err);
	else if (http1_state(p->http) == HTTP1_DONE)
		stream_close(s);
	return used;
}

static void on_end(void *owner, struct stream *s)
{
	struct pending *p = owner;

	if (http1_eof(p->http, &p->err) != 0)
		stream_reset(s, &p->err);
	else
		stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	finish(owner, err);
}

static const struct stream_handler handler = { .on_data = on_data,
	                                       .on_end = on_end,
	                                       .on_close = on_close };

static void on_deadline(void *owner)
{
	struct pending *p = owner;
	struct err err = { 0 };

	err_set(&err, ERR_TIMEOUT, "the proxy does not answer");
	if (p->stream != NULL)
		stream_reset(p->stream, &err);
}

static void on_link(void *owner, struct stream *take_stream, const struct err *err)
{
	struct pending *p = owner;

	if (err != NULL) {
		finish(p, err);
		return;
	}
	p->stream = take_stream;
	stream_attach(take_stream, &handler, p);
	stream_write(take_stream, p->request.data, p->request.len);
	timer_once(p->deadline, ANSWER_MS);
}

static int write_request(const struct web_call *call, struct buf *out, struct err *err)
{
	const struct http1_header headers[] = { { "Host", call->proxy },
		                                { "Content-Type", "application/json" },
		                                { "Accept", "application/json" },
		                                { "Connection", "close" } };
	char *target = str_printf("/v1/%s", call->method);
	struct buf body = { 0 };
	int rc;

	if (target == NULL)
		return err_set_nomem(err);
	rc = fields_to_json(call->request_table, call->request, FIELDS_WITH_SECRETS, &body, err);
	if (rc == 0)
		rc = http1_write_request(out, "POST", target, headers, 4, body.data, body.len, err);
	buf_wipe(&body);
	free(target);
	return rc;
}

/* {"code": "UNAUTHENTICATED", "message": "…"} with the status that goes with it. */
static int read_refusal(const struct http1_message *m, struct err *err)
{
	struct value *body = NULL;
	struct err ignored = { 0 };
	const char *message = NULL;
	int code = grpc_err_from_http(m->status);

	if (json_read(m->body, m->body_len, &body, &ignored) == 0)
		message = value_get_text(body, "message");
	if (message != NULL)
		err_set(err, code, "%s", message);
	else
		err_set(err, code, "the proxy answers %d %s", m->status, http1_reason(m->status));
	value_free(body);
	return err->code;
}

static int read_answer(const struct web_call *call, const struct pending *p, void *out_response,
                       struct err *err)
{
	const struct http1_message *m;

	if (p->err.code != 0)
		return err_copy(err, &p->err);
	if (http1_state(p->http) != HTTP1_DONE)
		return err_set(err, ERR_UNAVAILABLE, "the proxy closed the connection");
	m = http1_message(p->http);
	if (m->status != 200)
		return read_refusal(m, err);
	return fields_from_json(call->response_table, m->body, m->body_len, out_response, err);
}

int web_call_wait(uv_loop_t *loop, const struct web_call *call, void *out_response, struct err *err)
{
	struct pending p = { 0 };
	int rc;

	p.http = http1_new(HTTP1_RESPONSE, NULL);
	p.deadline = timer_new(loop, on_deadline, &p);
	if (p.http == NULL || p.deadline == NULL)
		rc = err_set_nomem(err);
	else
		rc = write_request(call, &p.request, err);
	if (rc == 0)
		rc = proxy_link_start(loop, call->proxy, call->tls, NULL, on_link, &p, err);
	while (rc == 0 && !p.done)
		uv_run(loop, UV_RUN_ONCE);
	if (rc == 0)
		rc = read_answer(call, &p, out_response, err);
	buf_wipe(&p.request);
	timer_free(p.deadline);
	http1_free(p.http);
	return rc;
}
