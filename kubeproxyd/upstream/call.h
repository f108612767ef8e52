/*
 * call - one request to the API server and its answer, both streaming.
 *
 *   upstream_call_start() --> answer() --> data()* --> end()          the struct is gone then
 *                        \________\___________\--> failed()           the same
 *
 * The answer may come, and end, before the request's body has: what is left of that is dropped.
 * Back-pressure: write while not upstream_call_full(), go on in drain(); of what data() brought no
 * more than CALL_WINDOW bytes are ever unconsumed. No callback comes from within a call into here.
 */
#ifndef KUBEPROXYD_UPSTREAM_CALL_H
#define KUBEPROXYD_UPSTREAM_CALL_H

#include "wire/http1.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct headers;
struct upstream;
struct upstream_call;

#define CALL_WINDOW         (256u * 1024)
#define CALL_LENGTH_UNKNOWN (-1) /* a body whose end is told when it is there */

struct upstream_request {
	const char *method;
	const char *target;      /* as upstream_target() gave it */
	struct headers *headers; /* taken over: empty afterwards, also on failure */
	int64_t length;          /* of the body; 0: none; or CALL_LENGTH_UNKNOWN */
};

struct upstream_events {
	/* `length` of the body, CALL_LENGTH_UNKNOWN. Borrowed until return. */
	void (*answer)(void *owner, int status, const struct http1_header *headers, size_t count,
	               int64_t length);
	void (*data)(void *owner, const uint8_t *data, size_t len);
	/* The request's body may go on. */
	void (*drain)(void *owner);
	/* The last one: the whole answer has come. */
	void (*end)(void *owner);
	/* Or this: ERR_UNAVAILABLE, ERR_CORRUPT (it speaks no HTTP that we accept). */
	void (*failed)(void *owner, const struct err *err);
};

/* ERR_LIMIT: too many connections; ERR_INVALID: a header that cannot be written. */
int upstream_call_start(struct upstream *u, struct upstream_request *request,
                        const struct upstream_events *events, void *owner,
                        struct upstream_call **out, struct err *err);

/* The request's body, and its end. After the end of a call's `length` nothing may follow. */
void upstream_call_write(struct upstream_call *c, const void *data, size_t len);
void upstream_call_finish(struct upstream_call *c);
bool upstream_call_full(const struct upstream_call *c);

/* So much of what data() brought has been dealt with. */
void upstream_call_consume(struct upstream_call *c, size_t len);

/* Drops it; no callback comes. NULL allowed. */
void upstream_call_cancel(struct upstream_call *c);

#endif
