/*
 * openapi - the JSON calls of a service as an OpenAPI 3.0 document, made from the same tables that
 * serve them: the signatures' names, the messages' fields and formats.
 *
 * Calls that stream requests are gRPC only and left out. A stream of answers is a line of JSON each
 * (application/x-ndjson). Source: OpenAPI Specification 3.0.3.
 */
#ifndef RPC_OPENAPI_H
#define RPC_OPENAPI_H

struct buf;
struct err;
struct rpc_method;
struct rpc_offer;

struct openapi_conf {
	const char *title;
	const char *version;
	const struct rpc_offer *offer;
	/* Appends who may make a call, in a sentence. May be NULL. */
	void (*describe)(const struct rpc_method *method, struct buf *out);
};

/* Appends the document. ERR_NOMEM. */
int openapi_write(const struct openapi_conf *conf, struct buf *out, struct err *err);

#endif
