#include "loop/dial_via.h"

#include "base/buf.h"
#include "base/err.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/http1.h"
#include "wire/http_proxy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct dial_via {
	uv_loop_t *loop;
	const struct http_proxy *proxy; /* NULL: straight */
	char *target;
	struct dial *dial;     /* NULL: over */
	struct stream *stream; /* to the proxy, while it is asked */
	struct http1 *answer;
	struct timer *deadline;
	uint64_t ends; /* by the loop's clock */
	unsigned timeout_ms;
	dial_cb cb;
	void *owner;
};

static void dial_via_free(struct dial_via *d)
{
	free(d->target);
	http1_free(d->answer);
	timer_free(d->deadline);
	free(d);
}

static void finish(struct dial_via *d, struct stream *take_stream, const struct err *why)
{
	dial_cb cb = d->cb;
	void *owner = d->owner;
	struct err err;

	if (why != NULL) {
		err = *why;
		if (d->proxy != NULL)
			err_wrap(&err, "HTTP proxy '%s' towards '%s'", http_proxy_addr(d->proxy),
			         d->target);
	}
	dial_via_free(d);
	cb(owner, take_stream, why != NULL ? &err : NULL);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* What is left unused is the target's, and its owner's to read, who attaches in the callback. */
static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct dial_via *d = owner;
	struct err err;
	bool through;
	size_t used;

	if (http_proxy_answer(d->answer, data, len, &used, &through, &err) != 0) {
		stream_reset(s, &err);
		return len;
	}
	if (through)
		finish(d, s, NULL);
	return used;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct err hung_up;

	(void)s;
	if (err == NULL) {
		err_set(&hung_up, ERR_UNAVAILABLE, "it hung up without an answer");
		err = &hung_up;
	}
	finish(owner, NULL, err);
}

static const struct stream_handler asking = { .on_data = on_data, .on_close = on_close };

static void on_deadline(void *owner)
{
	struct dial_via *d = owner;
	struct err err;

	err_set(&err, ERR_TIMEOUT, "no answer within %u ms", d->timeout_ms);
	stream_reset(d->stream, &err);
}

static void ask(struct dial_via *d)
{
	uint64_t now = uv_now(d->loop);
	struct buf request = { 0 };
	struct err err;

	stream_attach(d->stream, &asking, d);
	if (http_proxy_ask(d->proxy, d->target, &request, &err) != 0)
		stream_reset(d->stream, &err);
	else
		stream_write(d->stream, request.data, request.len);
	buf_wipe(&request);
	timer_once(d->deadline, d->ends > now ? (int64_t)(d->ends - now) : 0);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void on_dialed(void *owner, struct stream *take_stream, const struct err *why)
{
	struct dial_via *d = owner;

	d->dial = NULL;
	if (why != NULL || d->proxy == NULL) {
		finish(d, take_stream, why);
		return;
	}
	d->stream = take_stream;
	ask(d);
}

static int prepare(struct dial_via *d, const char *addr, struct err *err)
{
	d->target = strdup(addr);
	d->deadline = timer_new(d->loop, on_deadline, d);
	d->answer = http_proxy_answer_new();
	if (d->target == NULL || d->deadline == NULL || d->answer == NULL)
		return err_set_nomem(err);
	return 0;
}

int dial_via_start(uv_loop_t *loop, const struct http_proxy *proxy, const char *addr,
                   unsigned timeout_ms, dial_cb cb, void *owner, struct dial_via **out,
                   struct err *err)
{
	bool covered = http_proxy_covers(proxy, addr);
	struct dial_via *d = calloc(1, sizeof(*d));
	int rc = 0;

	if (d == NULL)
		return err_set_nomem(err);
	d->loop = loop;
	d->proxy = covered ? proxy : NULL;
	d->ends = uv_now(loop) + timeout_ms;
	d->timeout_ms = timeout_ms;
	d->cb = cb;
	d->owner = owner;
	if (covered)
		rc = prepare(d, addr, err);
	if (rc == 0)
		rc = dial_start(loop, covered ? http_proxy_addr(proxy) : addr, timeout_ms,
		                on_dialed, d, &d->dial, err);
	if (rc != 0) {
		dial_via_free(d);
		return rc;
	}
	if (out != NULL)
		*out = d;
	return 0;
}

void dial_via_cancel(struct dial_via *d)
{
	static const struct err canceled = { ERR_CANCELED, "canceled" };

	if (d == NULL)
		return;
	if (d->dial != NULL)
		dial_cancel(d->dial);
	else
		stream_reset(d->stream, &canceled);
}
