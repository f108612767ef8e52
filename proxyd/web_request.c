#include "proxyd/web_request.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "daemon/host.h"
#include "proxyd/proxyd.h"
#include "rpc/client.h"
#include "rpc/http_conn.h"
#include "wire/grpc.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 30000

struct web_request *web_request_new(struct proxyd *p, struct http_conn *conn)
{
	struct web_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->p = p;
	r->conn = conn;
	return r;
}

void web_request_free(struct web_request *r)
{
	if (r == NULL)
		return;
	if (r->token != NULL)
		explicit_bzero(r->token, strlen(r->token));
	free(r->token);
	free(r);
}

static void on_called(void *ctx, const void *response, const struct err *err)
{
	struct web_request *r = ctx;

	r->call = NULL;
	if (r->conn != NULL)
		r->answer(r, response, err);
	web_request_free(r);
}

void web_request_call(struct web_request *r, unsigned call, const void *request, web_answer answer)
{
	struct err err = { 0 };

	r->answer = answer;
	if (rpc_unary_start(host_client(r->p->host), call, request, CALL_TIMEOUT_MS, on_called, r,
	                    &r->call, &err) == 0)
		return;
	answer(r, NULL, &err);
	web_request_free(r);
}

void web_request_abandon(struct web_request *r)
{
	r->conn = NULL;
	if (r->call != NULL)
		rpc_stream_cancel(r->call); /* on_called frees */
	else
		web_request_free(r);
}

/* --- answers --------------------------------------------------------------------------------- */

static const struct http1_header json_headers[] = {
	{ "Content-Type", "application/json" },
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Strict-Transport-Security", "max-age=31536000" },
};

static const struct http1_header page_headers[] = {
	{ "Content-Type", "text/html; charset=utf-8" },
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	/* With "no-referrer" a browser would say "Origin: null" when it sends our own form. */
	{ "Referrer-Policy", "same-origin" },
	{ "Content-Security-Policy",
	  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
	  "frame-ancestors 'none'; base-uri 'none'" },
	{ "Strict-Transport-Security", "max-age=31536000" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int append_error(const struct err *why, struct buf *out, struct err *err)
{
	struct value *map = value_new(VALUE_MAP);
	int rc;

	if (map == NULL)
		return err_set_nomem(err);
	rc = value_put(map, "code", value_new_text(grpc_code_name(why->code)), err);
	if (rc == 0)
		rc = value_put(map, "message", value_new_text(why->msg), err);
	if (rc == 0)
		rc = json_write(map, false, out, err);
	value_free(map);
	return rc;
}

static void respond_error(struct web_request *r, const struct err *why)
{
	struct buf body = { 0 };
	struct err ignored = { 0 };

	append_error(why, &body, &ignored);
	http_conn_respond(r->conn, grpc_http_status(why->code), json_headers, COUNT(json_headers),
	                  body.data, body.len);
	buf_deinit(&body);
}

void web_answer_json(struct web_request *r, const void *response, const struct err *err)
{
	struct err why = { 0 };
	struct buf body = { 0 };

	if (err == NULL &&
	    fields_to_json(r->response, response, FIELDS_WITH_SECRETS, &body, &why) != 0)
		err = &why;
	if (err != NULL)
		respond_error(r, err);
	else
		http_conn_respond(r->conn, 200, json_headers, COUNT(json_headers), body.data,
		                  body.len);
	buf_wipe(&body);
}

void web_answer_page(struct web_request *r, int status, const char *title, const char *body)
{
	struct buf page = { 0 };

	buf_appendf(&page,
	            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	            "<meta name=\"viewport\" content=\"width=device-width\">\n"
	            "<title>%s</title>\n"
	            "<style>body{font:16px/1.5 sans-serif;max-width:26em;margin:4em auto;"
	            "padding:0 1em}input,button{font:inherit;width:100%%;box-sizing:border-box;"
	            "padding:.4em;margin:.2em 0 1em}</style></head>\n<body><h1>%s</h1>\n%s\n"
	            "</body></html>\n",
	            title, title, body);
	http_conn_respond(r->conn, status, page_headers, COUNT(page_headers), page.data, page.len);
	buf_wipe(&page);
}
