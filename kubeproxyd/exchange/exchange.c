#include "kubeproxyd/exchange/exchange.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "kubeproxyd/access/guards.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/channels/talk.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/exchange/exchange_audit.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/request/status.h"
#include "kubeproxyd/upstream/call.h"
#include "kubeproxyd/upstream/upstream.h"
#include "loop/timer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How the client reads an answer of ours. */
struct reader {
	bool head; /* the request is a HEAD: no answer has a body */
	bool text; /* kubectl's discovery shows the words of a text, and of a Status "unknown" */
};

struct exchange {
	struct list link; /* in the daemon's */
	struct kubeproxyd *k;
	const struct front_ops *ops;
	void *front;
	struct reader reader;
	struct guest *guest;
	struct guard guard;
	struct timer *deadline;     /* of the answer's head; NULL: it may take its time */
	struct upstream_call *call; /* NULL: not begun, or over */
	size_t owed_up;             /* of the request's body, taken from the front, not consumed */
	size_t owed_down;           /* of the answer's */
	int status;                 /* 0: not answered */
	char method[8];
	bool open; /* on its way to the API server */
};

/* Told once, however it ended; a client that left before the answer has heard none. */
static void exchange_free(struct exchange *x)
{
	if (x->open)
		audit_request(x->guest, x->method, x->status);
	list_remove(&x->link);
	x->k->requests--;
	upstream_call_cancel(x->call);
	guard_stop(&x->guard);
	timer_free(x->deadline);
	guest_unref(x->guest);
	free(x);
}

/* --- answers of ours ------------------------------------------------------------------------- */

static struct reader reader_of(const struct exchange_request *r)
{
	struct reader reader = { .head = strcmp(r->method, "HEAD") == 0 };

	for (size_t i = 0; i < r->count; i++)
		if (strcasecmp(r->headers[i].name, "accept") == 0 &&
		    strstr(r->headers[i].value, "g=apidiscovery.k8s.io") != NULL)
			reader.text = true;
	return reader;
}

static void answer_status(const struct front_ops *ops, void *front, struct reader reader,
                          const struct err *why)
{
	const struct http1_header type = { "Content-Type",
		                           reader.text ? "text/plain" : "application/json" };
	int code = status_of_err(why);
	struct buf body = { 0 };

	if (reader.text)
		buf_append_str(&body, why->msg);
	else
		status_append(&body, code, why->msg);
	ops->answer(front, code, &type, 1, (int64_t)body.len);
	if (!reader.head)
		ops->write(front, body.data, body.len);
	ops->finish(front);
	buf_deinit(&body);
}

/* It cannot go on; the client hears why if it has heard nothing yet. */
static void end(struct exchange *x, const struct err *why)
{
	const struct front_ops *ops = x->ops;
	void *front = x->front;
	bool answered = x->status != 0;
	struct reader reader = x->reader;

	if (!answered)
		x->status = status_of_err(why);
	exchange_free(x);
	if (answered)
		ops->abort(front);
	else
		answer_status(ops, front, reader, why);
}

/* --- the API server's answer ----------------------------------------------------------------- */

static void on_answer(void *owner, int status, const struct http1_header *headers, size_t count,
                      int64_t length)
{
	struct exchange *x = owner;
	struct headers passed = { .count = 0 };
	struct err err;

	timer_free(x->deadline);
	x->deadline = NULL;
	if (headers_take_answer(&passed, headers, count, &err) != 0) {
		end(x, &err);
	} else {
		x->status = status;
		guard_moved(&x->guard);
		x->ops->answer(x->front, status, passed.items, passed.count, length);
	}
	headers_deinit(&passed);
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	struct exchange *x = owner;

	guard_moved(&x->guard);
	x->owed_down += len;
	x->ops->write(x->front, data, len);
	exchange_drain(x);
}

static void on_drain(void *owner)
{
	struct exchange *x = owner;
	size_t owed = x->owed_up;

	if (owed == 0 || upstream_call_full(x->call))
		return;
	x->owed_up = 0;
	x->ops->consume(x->front, owed);
}

static void on_end(void *owner)
{
	struct exchange *x = owner;
	const struct front_ops *ops = x->ops;
	void *front = x->front;

	x->call = NULL;
	exchange_free(x);
	ops->finish(front);
}

static void on_failed(void *owner, const struct err *err)
{
	struct exchange *x = owner;

	x->call = NULL;
	end(x, err);
}

/* --- what ends it ---------------------------------------------------------------------------- */

static void on_guard(void *owner, const struct err *why)
{
	struct exchange *x = owner;

	audit_cut(x->guest, why);
	end(x, why);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "the API server did not answer in time", 0 };

	end(owner, &late);
}

/* --- the request ----------------------------------------------------------------------------- */

static int call_upstream(struct exchange *x, const struct exchange_request *r, struct err *err)
{
	static const struct upstream_events events = {
		.answer = on_answer,
		.data = on_data,
		.drain = on_drain,
		.end = on_end,
		.failed = on_failed,
	};
	struct headers headers = { .count = 0 };
	struct upstream_request request = {
		.method = r->method,
		.headers = &headers,
		.length = r->length,
	};
	char *target = upstream_target(x->k->upstream, r->target);
	int rc = target != NULL ? guest_headers(x->guest, r->headers, r->count, &headers, err)
	                        : err_set_nomem(err);

	request.target = target;
	if (rc == 0)
		rc = upstream_call_start(x->k->upstream, &request, &events, x, &x->call, err);
	headers_deinit(&headers);
	free(target);
	return rc;
}

static int set_deadline(struct exchange *x, struct err *err)
{
	if (attributes_is_long(&x->guest->attributes))
		return 0;
	x->deadline = timer_new(x->k->loop, on_deadline, x);
	if (x->deadline == NULL)
		return err_set_nomem(err);
	timer_once(x->deadline, x->k->conf.request_timeout);
	return 0;
}

static int open_exchange(struct guest *guest, const struct exchange_request *r,
                         const struct front_ops *ops, void *front, struct exchange **out,
                         struct err *err)
{
	struct kubeproxyd *k = guest->visit->k;
	struct exchange *x;

	if (k->requests >= k->conf.max_requests)
		return err_set(err, ERR_LIMIT, "kubeproxyd serves %u requests already; try again",
		               k->requests);
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return err_set_nomem(err);
	x->k = k;
	x->ops = ops;
	x->front = front;
	x->reader = reader_of(r);
	x->guest = guest_ref(guest);
	str_copy(x->method, sizeof(x->method), r->method);
	list_append(&k->exchanges, &x->link);
	k->requests++;
	if (guard_start(&x->guard, guest, on_guard, x, err) != 0 || set_deadline(x, err) != 0 ||
	    call_upstream(x, r, err) != 0) {
		exchange_free(x);
		return err->code;
	}
	x->open = true;
	*out = x;
	return 0;
}

/* It goes its way: to the API server, or as a channel. */
static int forward(struct guest *guest, const struct exchange_request *r,
                   const struct front_ops *ops, void *front, enum exchange_outcome *out_outcome,
                   struct exchange **out, struct err *err)
{
	*out_outcome = r->upgrade == NULL ? EXCHANGE_OPEN : EXCHANGE_TAKEN;
	if (r->upgrade == NULL)
		return open_exchange(guest, r, ops, front, out, err);
	if (attributes_is_channel(&guest->attributes))
		return talk_start(guest, r->upgrade, r->stream, err);
	return err_set(err, ERR_UNSUPPORTED,
	               "only exec, attach and portforward of pods may change the protocol");
}

/* Who asks for what is decided. What somebody known is refused is in the audit log. */
static int dispatch(struct visit *visit, const struct exchange_request *r,
                    const struct front_ops *ops, void *front, enum exchange_outcome *out_outcome,
                    struct exchange **out, struct err *err)
{
	struct attributes attributes;
	struct guest *guest;
	int rc;

	if (visit->refused.code != 0)
		return err_copy(err, &visit->refused);
	if (attributes_read(&attributes, r->method, r->target, err) != 0)
		return err->code;
	if (audit_is_full(visit))
		return err_set(err, ERR_UNAVAILABLE,
		               "too much waits to be told to the cluster's audit log; try later");
	rc = guest_admit(visit, &attributes, r->headers, r->count, &guest, err);
	if (rc == 0) {
		rc = forward(guest, r, ops, front, out_outcome, out, err);
		guest_unref(guest);
	}
	if (rc != 0)
		audit_refusal(visit, &attributes, r->method, status_of_err(err), err);
	return rc;
}

enum exchange_outcome exchange_start(struct visit *visit, const struct exchange_request *request,
                                     const struct front_ops *ops, void *front,
                                     struct exchange **out)
{
	enum exchange_outcome outcome = EXCHANGE_ANSWERED;
	struct err err;

	if (dispatch(visit, request, ops, front, &outcome, out, &err) == 0)
		return outcome;
	answer_status(ops, front, reader_of(request), &err);
	return EXCHANGE_ANSWERED;
}

void exchange_body(struct exchange *x, const void *data, size_t len)
{
	guard_moved(&x->guard);
	x->owed_up += len;
	upstream_call_write(x->call, data, len);
	on_drain(x);
}

void exchange_body_end(struct exchange *x)
{
	upstream_call_finish(x->call);
}

void exchange_drain(struct exchange *x)
{
	size_t owed = x->owed_down;

	if (owed == 0 || x->ops->full(x->front))
		return;
	x->owed_down = 0;
	upstream_call_consume(x->call, owed);
}

bool exchange_wants_body(const struct exchange *x)
{
	return x->owed_up == 0 && !upstream_call_full(x->call);
}

int64_t exchange_silent_ms(const struct exchange *x)
{
	return (int64_t)(uv_now(x->k->loop) - x->guard.moved);
}

void exchange_leave(struct exchange *x)
{
	if (x != NULL)
		exchange_free(x);
}

void fronts_close(struct kubeproxyd *k)
{
	static const struct err over = { ERR_UNAVAILABLE, "kubeproxyd is shutting down", 0 };

	k->stopping = true;
	while (!list_empty(&k->exchanges))
		end(container_of(k->exchanges.next, struct exchange, link), &over);
	while (!list_empty(&k->fronts)) {
		struct front *f = container_of(k->fronts.next, struct front, link);

		list_remove(&f->link);
		f->close(f);
	}
}
