#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/http_conn.h"
#include "rpc/server_inside.h"
#include "wire/fields.h"
#include "wire/grpc.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX   "/v1/"
#define DOCUMENT "/v1/openapi.json"

struct json_call {
	struct rpc_call call;
	struct http_conn *http; /* NULL: the client has gone, or it is answered */
	bool begun;             /* a streamed answer has begun */
	bool answered;          /* a unary one was sent */
};

static struct json_call *of_call(const struct rpc_call *c)
{
	return container_of(c, struct json_call, call);
}

/* --- answering -----------------------------------------------------------------------------------
 */

static const struct http1_header object_type[] = { { "Content-Type", "application/json" },
	                                           { "Cache-Control", "no-store" },
	                                           { "X-Content-Type-Options", "nosniff" } };
static const struct http1_header lines_type[] = { { "Content-Type", "application/x-ndjson" },
	                                          { "Cache-Control", "no-store" },
	                                          { "X-Content-Type-Options", "nosniff" } };

/* {"code": "NOT_FOUND", "message": "…"}; NULL when memory runs out. */
static char *error_text(const struct err *e)
{
	json_t *object =
	        json_pack("{s:s, s:s+}", "code", grpc_code_name(e->code), "message", e->msg, "");
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static void respond_error(struct http_conn *http, int status, const struct err *e)
{
	struct http1_header headers[4];
	char *text = error_text(e), seconds[12];
	size_t count = 3;

	memcpy(headers, object_type, sizeof(object_type));
	if (e->retry_ms != 0) {
		snprintf(seconds, sizeof(seconds), "%u", (e->retry_ms + 999) / 1000);
		headers[count++] = (struct http1_header){ "Retry-After", seconds };
	}
	http_conn_respond(http, status, headers, count, text, text != NULL ? strlen(text) : 0);
	free(text);
}

static int send_message(struct rpc_call *c, const void *message, struct err *err)
{
	struct json_call *j = of_call(c);
	struct buf b = { 0 };
	int rc;

	if (j->http == NULL)
		return err_set(err, ERR_CANCELED, "the client has gone");
	rc = fields_to_json(c->signature->response, message, FIELDS_WITH_SECRETS, &b, err);
	if (rc == 0 && !call_streams_out(c)) {
		j->answered = true;
		http_conn_respond(j->http, 200, object_type, 3, b.data, b.len);
	} else if (rc == 0) {
		if (!j->begun)
			http_conn_begin(j->http, 200, lines_type, 3);
		j->begun = true;
		buf_append_byte(&b, '\n');
		http_conn_send(j->http, b.data, b.len);
	}
	buf_wipe(&b);
	return rc;
}

static int send_encoded(struct rpc_call *c, const void *data, size_t len, struct err *err)
{
	const struct fields_table *table = c->signature->response;
	void *message = calloc(1, table->size);
	int rc;

	if (message == NULL)
		return err_set_nomem(err);
	rc = fields_decode(table, data, len, message, err);
	if (rc == 0)
		rc = send_message(c, message, err);
	fields_release(table, message);
	free(message);
	return rc;
}

/* The last line of a stream that fails: {"error": {…}}. */
static void send_error_line(struct http_conn *http, const struct err *result)
{
	char *text = error_text(result);
	struct buf b = { 0 };

	buf_appendf(&b, "{\"error\":%s}\n", text != NULL ? text : "{}");
	http_conn_send(http, b.data, b.len);
	buf_deinit(&b);
	free(text);
}

static void end_call(struct rpc_call *c, const struct err *result)
{
	struct json_call *j = of_call(c);

	if (j->http == NULL || j->answered)
		return;
	if (result->code == 0 && !j->begun)
		http_conn_begin(j->http, 200, lines_type, 3); /* a stream of nothing */
	else if (!j->begun)
		respond_error(j->http, grpc_http_status(result->code), result);
	else if (result->code != 0)
		send_error_line(j->http, result);
	if (result->code == 0 || j->begun)
		http_conn_end(j->http);
	j->http = NULL;
}

static bool writable(const struct rpc_call *c)
{
	const struct json_call *j = of_call(c);

	return j->http != NULL && (!j->begun || http_conn_writable(j->http));
}

/* Only client streams are paused, and there are none here. */
static void pause_call(struct rpc_call *c, bool paused)
{
	(void)c;
	(void)paused;
}

static void free_call(struct rpc_call *c)
{
	free(of_call(c));
}

static const struct call_wire wire = { .send = send_message,
	                               .send_encoded = send_encoded,
	                               .end = end_call,
	                               .writable = writable,
	                               .pause = pause_call,
	                               .free = free_call,
	                               .is_json = true };

/* --- requests ------------------------------------------------------------------------------------
 */

static bool origin_is_known(const struct rpc_server *s, const char *origin)
{
	const char *const *known = s->conf.origins;

	if (origin == NULL)
		return true;
	for (; known != NULL && *known != NULL; known++)
		if (strcmp(*known, origin) == 0)
			return true;
	return false;
}

/* "application/json", maybe with parameters; a form cannot send that across origins. */
static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	return type != NULL && strncasecmp(type, json, len) == 0 &&
	       (type[len] == 0 || type[len] == ';' || type[len] == ' ');
}

/* 0, or the HTTP status of what is wrong with the request before its body is looked at. */
static int check_request(const struct rpc_server *s, const struct http1_message *m,
                         struct call_target *out_target, struct err *err)
{
	const char *name = str_starts(m->target, PREFIX) ? m->target + strlen(PREFIX) : "";

	if (!call_find(s, name, out_target)) {
		err_set(err, ERR_NOT_FOUND, "no such method '%s'", m->target);
		return 404;
	}
	if (strcmp(m->method, "POST") != 0) {
		err_set(err, ERR_INVALID, "'%s' wants POST", m->target);
		return 405;
	}
	if (!origin_is_known(s, http1_header(m, "origin"))) {
		err_set(err, ERR_DENIED, "this origin may not call");
		return 403;
	}
	if (!is_json(http1_header(m, "content-type"))) {
		err_set(err, ERR_INVALID, "content-type must be application/json");
		return 415;
	}
	if (out_target->signature->kind == RPC_CLIENT_STREAM ||
	    out_target->signature->kind == RPC_BIDI) {
		err_set(err, ERR_UNSUPPORTED, "'%s' streams requests: call it by gRPC", name);
		return 501;
	}
	return 0;
}

static void respond_document(struct http_conn *http, const struct rpc_server *s)
{
	struct buf text = { 0 };
	struct err err;
	int rc = s->conf.document(&text, &err);

	if (rc == 0)
		http_conn_respond(http, 200, object_type, 3, text.data, text.len);
	else
		respond_error(http, grpc_http_status(rc), &err);
	buf_deinit(&text);
}

static bool asks_for_document(const struct rpc_server *s, const struct http1_message *m)
{
	return s->conf.document != NULL && str_eq(m->method, "GET") && str_eq(m->target, DOCUMENT);
}

static struct json_call *new_call(struct rpc_conn *conn, struct http_conn *http,
                                  const struct call_target *target, struct err *err)
{
	struct json_call *j = calloc(1, sizeof(*j));
	void *request = calloc(1, target->signature->request->size);

	if (j == NULL || request == NULL)
		err_set_nomem(err);
	else if (call_init(&j->call, conn, &wire, target, 0, err) == 0) {
		j->http = http;
		j->call.request = request;
		return j;
	}
	free(j);
	free(request);
	return NULL;
}

static void on_request(struct http_conn *http, const struct http1_message *m)
{
	struct rpc_conn *conn = http_conn_ctx(http);
	struct call_target target;
	struct err err = { 0 };
	struct json_call *j;
	int status;

	if (asks_for_document(conn->server, m)) {
		respond_document(http, conn->server);
		return;
	}
	status = check_request(conn->server, m, &target, &err);
	if (status != 0) {
		respond_error(http, status, &err);
		return;
	}
	j = new_call(conn, http, &target, &err);
	if (j == NULL)
		respond_error(http, grpc_http_status(err.code), &err);
	else if (fields_from_json(target.signature->request, m->body, m->body_len, j->call.request,
	                          &err) != 0)
		call_cancel(&j->call, &err);
	else
		call_begin(&j->call);
}

/* There is one at most. */
static struct rpc_call *current_call(const struct rpc_conn *c)
{
	return list_empty(&c->calls) ? NULL : container_of(c->calls.next, struct rpc_call, link);
}

static void on_writable(struct http_conn *http)
{
	struct rpc_call *c = current_call(http_conn_ctx(http));

	if (c == NULL || c->state != CALL_OPEN || c->events == NULL || c->events->writable == NULL)
		return;
	call_enter(c);
	c->events->writable(c);
	call_leave(c);
}

static void on_canceled(struct http_conn *http)
{
	struct rpc_call *c = current_call(http_conn_ctx(http));
	struct err err;

	if (c == NULL)
		return;
	of_call(c)->http = NULL;
	err_set(&err, ERR_CANCELED, "the client has gone");
	call_cancel(c, &err);
}

static void on_closed(struct http_conn *http)
{
	struct rpc_conn *conn = http_conn_ctx(http);

	conn->json = NULL;
	conn_gone(conn);
}

int json_conn_start(struct rpc_conn *c, struct err *err)
{
	const struct rpc_server_conf *conf = &c->server->conf;
	struct http_conn_conf http = { .loop = conf->loop,
		                       .limits = { .body_max = conn_message_max(c) },
		                       .request_ms = conf->head_ms,
		                       .idle_ms = conf->idle_ms,
		                       .ctx = c,
		                       .request = on_request,
		                       .writable = on_writable,
		                       .canceled = on_canceled,
		                       .closed = on_closed };

	c->json = http_conn_new(&http, c->stream, err);
	return c->json != NULL ? 0 : err->code;
}
