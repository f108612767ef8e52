/*
 * exchange - one plain request from a client and the API server's answer, streamed both ways.
 *
 *   exchange_start() --refused: answer() of ours, finish()
 *        |           \--exec, attach, portforward over an upgrade: the channel's
 *        '--> OPEN --answer() write()* finish()--> gone
 *               \____\____guard, failure: a Status if nothing was answered, else abort()--> gone
 *
 * Between a front (the client's HTTP/1.1 or HTTP/2) and a call upstream, and knows neither's
 * protocol. Memory is bounded by both windows: what one side has not taken is not consumed on the
 * other. Nothing here calls a front but from exchange_start(), a call's events, a guard or a timer.
 */
#ifndef KUBEPROXYD_EXCHANGE_EXCHANGE_H
#define KUBEPROXYD_EXCHANGE_EXCHANGE_H

#include "base/list.h"
#include "wire/http1.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct exchange;
struct kubeproxyd;
struct stream;
struct visit;

/* What an exchange does to its client. */
struct front_ops {
	/* Head of the answer; its body has `length` bytes, or CALL_LENGTH_UNKNOWN. */
	void (*answer)(void *front, int status, const struct http1_header *headers, size_t count,
	               int64_t length);
	void (*write)(void *front, const void *data, size_t len);
	bool (*full)(const void *front);
	/* Of the request's body so much has been dealt with. */
	void (*consume)(void *front, size_t len);
	/* The last: the answer is whole. */
	void (*finish)(void *front);
	/* Or this: it was begun and cannot be ended in order. */
	void (*abort)(void *front);
};

/* Borrowed until exchange_start() returns. */
struct exchange_request {
	const char *method;
	const char *target;
	const struct http1_header *headers; /* HTTP/2's pseudo fields may be among them */
	size_t count;
	int64_t length; /* of the body; 0: none; or CALL_LENGTH_UNKNOWN */
	/* HTTP/1.1, with an Upgrade: what a channel needs. Else NULL. */
	const struct http1_message *upgrade;
	struct stream *stream;
};

enum exchange_outcome {
	EXCHANGE_OPEN,     /* *out is it */
	EXCHANGE_ANSWERED, /* already, by finish() */
	EXCHANGE_TAKEN,    /* the stream is a channel's now */
};

enum exchange_outcome exchange_start(struct visit *visit, const struct exchange_request *request,
                                     const struct front_ops *ops, void *front,
                                     struct exchange **out);

/* --- what a front tells, while it is open --- */

void exchange_body(struct exchange *x, const void *data, size_t len);
void exchange_body_end(struct exchange *x);
void exchange_drain(struct exchange *x); /* the front is not full any more */
/* Whether nothing but the request's body is waited for, and how long nothing has moved. */
bool exchange_wants_body(const struct exchange *x);
int64_t exchange_silent_ms(const struct exchange *x);

void exchange_leave(struct exchange *x); /* the client is gone; no op is called. NULL allowed */

/* --- clients' connections, of either protocol --- */

/* The front's first member. */
struct front {
	struct list link; /* in the daemon's */
	void (*close)(struct front *f);
};

/* The daemon stops: exchanges are answered with a Status or aborted, connections closed. */
void fronts_close(struct kubeproxyd *k);

#endif
