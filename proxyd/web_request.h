/*
 * web_request - one request being answered: what came, a call to authd under way, the answer.
 *
 * Outlives its connection until the call's callback has come.
 */
#ifndef PROXYD_WEB_REQUEST_H
#define PROXYD_WEB_REQUEST_H

#include "wire/fields.h"

#include <stddef.h>

struct err;
struct http_conn;
struct proxyd;
struct rpc_stream;
struct web_request;

/* Answers from what authd said: `response` on success, else err. */
typedef void (*web_answer)(struct web_request *r, const void *response, const struct err *err);

struct web_request {
	struct proxyd *p;
	struct http_conn *conn; /* NULL: the client went away */
	struct rpc_stream *call;
	web_answer answer;
	const struct fields_table *response; /* of the call, for web_answer_json() */
	char *token;                         /* of an invite, for the page; wiped */
};

/* NULL when memory runs out. It is the connection's present request. */
struct web_request *web_request_new(struct proxyd *p, struct http_conn *conn);
void web_request_free(struct web_request *r);

/* Starts a call of proto/auth.service.h; `answer` comes once unless the client has gone, then the
 * request is freed. On failure the request is answered with the error and freed. */
void web_request_call(struct web_request *r, unsigned call, const void *request, web_answer answer);

/* The client is gone: no answer any more; frees now or when the call has ended. */
void web_request_abandon(struct web_request *r);

/* A web_answer for the JSON API: the message, or {"code","message"} with the HTTP status. */
void web_answer_json(struct web_request *r, const void *response, const struct err *err);

/* Answers with a page: status and an HTML body. */
void web_answer_page(struct web_request *r, int status, const char *title, const char *body);

#endif
