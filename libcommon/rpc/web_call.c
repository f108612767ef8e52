#include "rpc/web_call.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "crypto/x509_set.h"
#include "file/file.h"
#include "loop/proxy_link.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/fields.h"
#include "wire/grpc.h"
#include "wire/http1.h"
#include "wire/json.h"

#include <stdbool.h>
#include <stdlib.h>

#define ANSWER_MS    30000
#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"
#define ROOTS_MAX    (8 * 1024 * 1024)

struct asking {
	uv_loop_t *loop;
	const struct fields_table *response_table;
	struct buf request;
	struct http1 *http;
	struct timer *deadline;
	struct stream *stream; /* NULL: not there yet, or gone */
	struct err err;        /* code 0: the message in http is the answer */
	web_call_cb cb;
	void *owner;
};

static void asking_free(struct asking *c)
{
	buf_wipe(&c->request);
	timer_free(c->deadline);
	http1_free(c->http);
	free(c);
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

static int read_answer(const struct asking *c, void *out_response, struct err *err)
{
	const struct http1_message *m;

	if (c->err.code != 0)
		return err_copy(err, &c->err);
	if (http1_state(c->http) != HTTP1_DONE)
		return err_set(err, ERR_UNAVAILABLE, "the proxy closed the connection");
	m = http1_message(c->http);
	if (m->status != 200)
		return read_refusal(m, err);
	return fields_from_json(c->response_table, m->body, m->body_len, out_response, err);
}

/* Once nothing is under way. */
static void finish(struct asking *c)
{
	void *response = calloc(1, c->response_table->size);
	struct err err = { 0 };
	int rc = response != NULL ? read_answer(c, response, &err) : err_set_nomem(&err);

	c->cb(c->owner, rc == 0 ? response : NULL, rc != 0 ? &err : NULL);
	if (rc == 0)
		fields_release(c->response_table, response);
	free(response);
	asking_free(c);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct asking *c = owner;
	size_t used = 0;

	if (http1_state(c->http) == HTTP1_DONE)
		return len;
	if (http1_feed(c->http, data, len, &used, &c->err) != 0)
		stream_reset(s, &c->err);
	else if (http1_state(c->http) == HTTP1_DONE)
		stream_close(s);
	return used;
}

static void on_end(void *owner, struct stream *s)
{
	struct asking *c = owner;

	if (http1_eof(c->http, &c->err) != 0)
		stream_reset(s, &c->err);
	else
		stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct asking *c = owner;

	(void)s;
	if (err != NULL && c->err.code == 0 && http1_state(c->http) != HTTP1_DONE)
		c->err = *err;
	finish(c);
}

static const struct stream_handler handler = { .on_data = on_data,
	                                       .on_end = on_end,
	                                       .on_close = on_close };

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "the proxy does not answer" };
	struct asking *c = owner;

	stream_reset(c->stream, &late);
}

static void on_link(void *owner, struct stream *take_stream, const struct err *err)
{
	struct asking *c = owner;

	if (err != NULL) {
		c->err = *err;
		finish(c);
		return;
	}
	c->stream = take_stream;
	stream_attach(take_stream, &handler, c);
	stream_write(take_stream, c->request.data, c->request.len);
	timer_once(c->deadline, ANSWER_MS);
}

int web_call_start(uv_loop_t *loop, const struct web_call *call, web_call_cb cb, void *owner,
                   struct err *err)
{
	struct asking *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return err_set_nomem(err);
	*c = (struct asking){ .loop = loop,
		              .response_table = call->response_table,
		              .http = http1_new(HTTP1_RESPONSE, NULL),
		              .cb = cb,
		              .owner = owner };
	c->deadline = timer_new(loop, on_deadline, c);
	rc = c->http != NULL && c->deadline != NULL ? write_request(call, &c->request, err)
	                                            : err_set_nomem(err);
	if (rc == 0)
		rc = proxy_link_start(loop, call->proxy, NULL, call->tls, NULL, on_link, c, err);
	if (rc != 0)
		asking_free(c);
	return rc;
}

/* --- for tools ------------------------------------------------------------------------------- */

struct waiting {
	const struct fields_table *table;
	void *out;
	bool done;
	struct err err;
};

static void on_answer(void *owner, const void *response, const struct err *err)
{
	struct waiting *w = owner;

	w->done = true;
	if (err != NULL)
		w->err = *err;
	else
		fields_clone(w->table, response, w->out, &w->err);
}

int web_call_wait(uv_loop_t *loop, const struct web_call *call, void *out_response, struct err *err)
{
	struct waiting w = { .table = call->response_table, .out = out_response };

	if (web_call_start(loop, call, on_answer, &w, err) != 0)
		return err->code;
	while (!w.done)
		uv_run(loop, UV_RUN_ONCE);
	return w.err.code != 0 ? err_copy(err, &w.err) : 0;
}

int web_call_roots(struct x509_set **out, struct err *err)
{
	const char *path = getenv("SSL_CERT_FILE");
	struct x509_set *roots = NULL;
	struct buf pem = { 0 };
	int rc = file_read(str_empty(path) ? SYSTEM_ROOTS : path, ROOTS_MAX, &pem, err);

	if (rc == 0)
		rc = x509_set_new(&roots, err);
	if (rc == 0)
		rc = x509_set_add_bundle(roots, pem.data, pem.len, err);
	buf_deinit(&pem);
	if (rc == 0) {
		*out = roots;
		return 0;
	}
	x509_set_unref(roots);
	return err_wrap(err, "trusted authorities of this machine");
}
