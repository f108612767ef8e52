#include "tests/bench/simulator/pulse.h"

#include "tests/bench/simulator/samples.h"

#include "base/err.h"
#include "base/str.h"
#include "loop/timer.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.pb.h"

#include <stdio.h>
#include <stdlib.h>

#define USER     "pulse"
#define RETRY_MS 100
#define WAIT_MS  1000 /* then the next put is made all the same */

struct pulse {
	struct rpc_client *put_by;
	struct rpc_client *watch_by;
	unsigned every_ms;
	unsigned number;     /* makes each put another */
	struct timer *again; /* the next put */
	struct timer *watch_again;
	struct rpc_stream *watch; /* NULL: none */
	bool watching;            /* it has said SYNCED */
	bool answered;            /* what is under way: the put, */
	bool seen;                /* and its event */
	uint64_t put_at;          /* 0: nothing is under way */
	uint64_t seen_at;
	struct samples ms;
};

/* --- putting --------------------------------------------------------------------------------- */

static void next(struct pulse *p)
{
	p->put_at = 0;
	timer_once(p->again, p->every_ms);
}

static void finish_when_both(struct pulse *p)
{
	if (!p->answered || !p->seen)
		return;
	samples_add(&p->ms, (double)(p->seen_at - p->put_at) / 1e6);
	next(p);
}

static void on_put(void *ctx, const void *response, const struct err *err)
{
	struct pulse *p = ctx;

	(void)response;
	if (p->again == NULL) {
		free(p); /* closed meanwhile */
		return;
	}
	p->answered = true;
	if (err != NULL)
		next(p);
	else
		finish_when_both(p);
}

/* Also when the event of the last one never came: its watch was cut. */
static void put(void *owner)
{
	static char name[] = USER, role[] = "access", kind[] = "user", version[] = "v2";
	struct pulse *p = owner;
	char *roles[] = { role };
	char number[24];
	pv_PutResourceRequest request = {
		.has_resource = true,
		.replace = true,
		.resource = { .which_of = pv_Resource_user_tag,
		              .of.user = { .kind = kind,
		                           .version = version,
		                           .has_metadata = true,
		                           .metadata = { .name = name, .description = number },
		                           .has_spec = true,
		                           .spec = { .roles = roles, .roles_count = 1 } } },
	};
	struct err err;

	snprintf(number, sizeof(number), "beat %u", p->number++);
	timer_once(p->again, p->watching ? WAIT_MS : RETRY_MS);
	if (!p->watching || (p->put_at != 0 && !p->answered))
		return;
	p->answered = p->seen = false;
	p->put_at = uv_hrtime();
	if (rpc_unary_start(p->put_by, AUTH_PUT_RESOURCE, &request, 0, on_put, p, NULL, &err) != 0)
		next(p);
}

/* --- watching -------------------------------------------------------------------------------- */

static void on_message(struct rpc_stream *s, const void *message)
{
	const pv_WatchEvent *event = message;
	struct pulse *p = rpc_stream_data(s);

	if (event->type == pv_WatchEvent_Type_SYNCED)
		p->watching = true;
	if (event->type != pv_WatchEvent_Type_PUT || !p->watching || p->put_at == 0 || p->seen)
		return;
	p->seen = true;
	p->seen_at = uv_hrtime();
	finish_when_both(p);
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct pulse *p = rpc_stream_data(s);

	(void)err;
	p->watch = NULL;
	p->watching = false;
	if (p->watch_again != NULL)
		timer_once(p->watch_again, RETRY_MS);
}

static void open_watch(void *owner)
{
	static const struct rpc_stream_events events = { .message = on_message,
		                                         .closed = on_closed };
	struct pulse *p = owner;
	pv_WatchKind kind = { .kind = (char *)(uintptr_t) "user", .name = (char *)(uintptr_t)USER };
	const pv_WatchRequest request = { .kinds = &kind, .kinds_count = 1 };
	struct err err;

	if (rpc_stream_start(p->watch_by, AUTH_WATCH, &request, 0, &events, p, &p->watch, &err) !=
	    0)
		timer_once(p->watch_again, RETRY_MS);
}

/* --- for its owner --------------------------------------------------------------------------- */

int pulse_open(uv_loop_t *loop, struct rpc_client *put_by, struct rpc_client *watch_by,
               unsigned every_ms, struct pulse **out, struct err *err)
{
	struct pulse *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->put_by = put_by;
	p->watch_by = watch_by;
	p->every_ms = every_ms;
	p->again = timer_new(loop, put, p);
	p->watch_again = timer_new(loop, open_watch, p);
	if (p->again == NULL || p->watch_again == NULL)
		return err_set_nomem(err);
	timer_once(p->watch_again, 0);
	timer_once(p->again, every_ms);
	*out = p;
	return 0;
}

void pulse_close(struct pulse *p)
{
	if (p == NULL)
		return;
	timer_free(p->again);
	timer_free(p->watch_again);
	p->again = p->watch_again = NULL;
	if (p->watch != NULL)
		rpc_stream_cancel(p->watch);
	samples_deinit(&p->ms);
	/* The process ends; a put under way frees it, or nobody does. */
}

size_t pulse_take(struct pulse *p, double *out_median, double *out_p99, double *out_last)
{
	size_t count = p->ms.count;

	*out_median = samples_at(&p->ms, 0.5);
	*out_p99 = samples_at(&p->ms, 0.99);
	*out_last = samples_at(&p->ms, 1);
	samples_clear(&p->ms);
	return count;
}
