/*
 * web_call - one call of the JSON API at a proxy's public port: what curl would do.
 *
 *   LINKING --> ASKING --> CLOSING --> callback
 *      |___________|___________^   failure, deadline
 */
#ifndef RPC_WEB_CALL_H
#define RPC_WEB_CALL_H

#include <uv.h>

struct err;
struct fields_table;
struct tls_conf;
struct x509_set;

struct web_call {
	const char *proxy; /* host:port */
	struct tls_conf *tls;
	const char *method; /* "Login" */
	const struct fields_table *request_table;
	const void *request; /* may hold secrets; every copy is wiped */
	const struct fields_table *response_table;
};

/* `response` is borrowed until return and NULL on failure; err is NULL on success. Errors of the
 * server come with its code and message. */
typedef void (*web_call_cb)(void *owner, const void *response, const struct err *err);

/* Everything in `call` is borrowed until return, but for its tables. Fails and never calls back,
 * or calls back exactly once, later, a minute at most. */
int web_call_start(uv_loop_t *loop, const struct web_call *call, web_call_cb cb, void *owner,
                   struct err *err);

/* The same for tools: runs the loop until the answer is there; fills *out_response
 * (fields_release() it). */
int web_call_wait(uv_loop_t *loop, const struct web_call *call, void *out_response,
                  struct err *err);

/* The authorities that this machine trusts, or those of the file that SSL_CERT_FILE names, as for
 * curl: for proxies that are known by no pin. */
int web_call_roots(struct x509_set **out, struct err *err);

#define WEB_CALL_ALPN "http/1.1"

#endif
