#include "proxyd/web.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/stream.h"
#include "proxyd/proxyd.h"
#include "proxyd/web_invite.h"
#include "proxyd/web_request.h"
#include "proto/auth.service.h"
#include "rpc/http_conn.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX (64 * 1024)

/* A connection's own: the request that is being answered, if any. */
struct web {
	struct proxyd *p;
	struct web_request *now;
};

/* --- the JSON calls -------------------------------------------------------------------------- */

/* What is added to a request that we pass on. May be NULL. */
typedef int (*complete)(void *request, const char *client_addr, struct err *err);

static int complete_login(void *request, const char *client_addr, struct err *err)
{
	pv_LoginRequest *login = request;

	return fields_set_str(&login->client_addr, client_addr, err);
}

static int complete_validate(void *request, const char *client_addr, struct err *err)
{
	pv_ValidateTrustedClusterRequest *validate = request;

	return fields_set_str(&validate->client_addr, client_addr, err);
}

static const struct json_call {
	const char *path;
	unsigned call;
	const struct fields_table *request;
	const struct fields_table *response;
	complete complete;
} json_calls[] = {
	{ "/v1/ValidateTrustedCluster", AUTH_VALIDATE_TRUSTED_CLUSTER,
	  &pv_ValidateTrustedClusterRequest_table, &pv_ValidateTrustedClusterResponse_table,
	  complete_validate },
	{ "/v1/Ping", AUTH_PING, &pv_PingRequest_table, &pv_PingResponse_table, NULL },
	{ "/v1/Login", AUTH_LOGIN, &pv_LoginRequest_table, &pv_LoginResponse_table,
	  complete_login },
	{ "/v1/GetInvite", AUTH_GET_INVITE, &pv_GetInviteRequest_table, &pv_GetInviteResponse_table,
	  NULL },
	{ "/v1/AcceptInvite", AUTH_ACCEPT_INVITE, &pv_AcceptInviteRequest_table, &pv_Empty_table,
	  NULL },
};

/* Any of those requests fits. */
union any_request {
	pv_PingRequest ping;
	pv_LoginRequest login;
	pv_GetInviteRequest get_invite;
	pv_AcceptInviteRequest accept_invite;
	pv_ValidateTrustedClusterRequest validate;
};

static void answer_error(struct web_request *r, int code, const char *text)
{
	struct err err = { 0 };

	err_set(&err, code, "%s", text);
	web_answer_json(r, NULL, &err);
	web_request_free(r);
}

/* An origin names no port when it is the scheme's own. */
static bool is_public_addr(const char *addr, const char *authority)
{
	size_t len = strlen(authority);

	if (strncasecmp(addr, authority, len) != 0)
		return false;
	return addr[len] == 0 || str_eq(addr + len, ":443");
}

/* The browser's word where a request comes from; other clients say nothing. */
static bool origin_is_ours(const struct proxyd *p, const struct http1_message *m)
{
	const char *origin = http1_header(m, "Origin");

	if (origin == NULL)
		return true;
	if (!str_starts(origin, "https://"))
		return false;
	for (size_t i = 0; i < p->conf.public_addrs.count; i++)
		if (is_public_addr(p->conf.public_addrs.items[i], origin + 8))
			return true;
	return false;
}

static bool is_json(const struct http1_message *m)
{
	const char *type = http1_header(m, "Content-Type");

	return type != NULL && strncasecmp(type, "application/json", 16) == 0 &&
	       (type[16] == 0 || type[16] == ';' || type[16] == ' ');
}

static void serve_call(struct web_request *r, const struct json_call *call,
                       const struct http1_message *m)
{
	union any_request request = { 0 };
	struct err err = { 0 };
	int rc;

	r->response = call->response;
	rc = fields_from_json(call->request, m->body, m->body_len, &request, &err);
	if (rc == 0 && call->complete != NULL)
		rc = call->complete(&request, stream_peer(http_conn_stream(r->conn)), &err);
	if (rc != 0) {
		web_answer_json(r, NULL, &err);
		web_request_free(r);
	} else {
		web_request_call(r, call->call, &request, web_answer_json);
	}
	fields_release(call->request, &request);
}

static const struct json_call *find_call(const char *target)
{
	for (size_t i = 0; i < sizeof(json_calls) / sizeof(json_calls[0]); i++)
		if (str_eq(target, json_calls[i].path))
			return &json_calls[i];
	return NULL;
}

static void serve_json(struct web_request *r, const struct http1_message *m)
{
	const struct json_call *call = find_call(m->target);
	bool get = str_eq(m->method, "GET");

	if (call == NULL)
		answer_error(r, ERR_NOT_FOUND, "no such page");
	else if (get && call->call == AUTH_PING)
		serve_call(r, call, m);
	else if (!str_eq(m->method, "POST"))
		answer_error(r, ERR_INVALID, "this call is made with POST");
	else if (!is_json(m))
		answer_error(r, ERR_INVALID, "the content type must be application/json");
	else
		serve_call(r, call, m);
}

/* --- connections ----------------------------------------------------------------------------- */

static void on_request(struct http_conn *c, const struct http1_message *m)
{
	struct web *w = http_conn_ctx(c);
	struct web_request *r = web_request_new(w->p, c);

	if (r == NULL) {
		http_conn_close(c);
		return;
	}
	w->now = r;
	log_debug("web", "request", kv("method", m->method),
	          kv("addr", stream_peer(http_conn_stream(c))));
	if (!origin_is_ours(w->p, m))
		answer_error(r, ERR_DENIED, "requests from other sites are refused");
	else if (!web_invite_serve(r, m))
		serve_json(r, m);
}

static void on_canceled(struct http_conn *c)
{
	struct web *w = http_conn_ctx(c);

	web_request_abandon(w->now);
	w->now = NULL;
}

static void on_closed(struct http_conn *c)
{
	free(http_conn_ctx(c));
}

void web_serve(struct proxyd *p, struct stream *take_stream)
{
	struct web *w = calloc(1, sizeof(*w));
	const struct http_conn_conf conf = {
		.loop = p->loop,
		.limits = { .body_max = BODY_MAX },
		.ctx = w,
		.request = on_request,
		.canceled = on_canceled,
		.closed = on_closed,
	};
	struct err err = { 0 };

	if (w == NULL) {
		stream_reset(take_stream, NULL);
		return;
	}
	w->p = p;
	if (http_conn_new(&conf, take_stream, &err) == NULL) {
		log_error("connection failed", kv("reason", err.msg));
		free(w);
	}
}
