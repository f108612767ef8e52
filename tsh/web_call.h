/*
 * web_call - one call of the JSON API at the proxy's public port: what curl would do.
 */
#ifndef TSH_WEB_CALL_H
#define TSH_WEB_CALL_H

#include <uv.h>

struct err;
struct fields_table;
struct tls_conf;

struct web_call {
	const char *proxy; /* host:port */
	struct tls_conf *tls;
	const char *method; /* "Login" */
	const struct fields_table *request_table;
	const void *request; /* may hold secrets; every copy is wiped */
	const struct fields_table *response_table;
};

/* Runs the loop until the answer is there; fills *out_response (fields_release() it). Errors
 * of the server come with its code and message. */
int web_call_wait(uv_loop_t *loop, const struct web_call *call, void *out_response,
                  struct err *err);

#endif
