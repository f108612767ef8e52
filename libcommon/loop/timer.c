#include "loop/timer.h"

#include "base/list.h"
#include "base/rand.h"

#include <stdlib.h>

struct timer {
	uv_timer_t uv;
	timer_cb cb;
	void *owner;
	int64_t period; /* 0: once */
	bool firing;    /* its callback runs */
};

struct timer *timer_new(uv_loop_t *loop, timer_cb cb, void *owner)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	uv_timer_init(loop, &t->uv);
	t->cb = cb;
	t->owner = owner;
	return t;
}

static void on_closed(uv_handle_t *h)
{
	free(container_of(h, struct timer, uv));
}

void timer_free(struct timer *t)
{
	if (t != NULL)
		uv_close((uv_handle_t *)&t->uv, on_closed);
}

static void on_timeout(uv_timer_t *uv)
{
	struct timer *t = container_of(uv, struct timer, uv);

	if (t->period > 0)
		timer_every(t, t->period); /* before the callback, which may free or stop us */
	t->firing = true;
	t->cb(t->owner);
	t->firing = false; /* freed memory goes only when the loop closes handles */
}

/* A timer that sets itself to "at once" means the next turn: libuv 1.44 would run it within this
 * one, again and again, and nothing else. */
static void start(struct timer *t, int64_t ms)
{
	if (ms <= 0 && t->firing)
		ms = 1;
	uv_timer_start(&t->uv, on_timeout, ms > 0 ? (uint64_t)ms : 0, 0);
}

void timer_once(struct timer *t, int64_t ms)
{
	t->period = 0;
	start(t, ms);
}

void timer_every(struct timer *t, int64_t ms)
{
	t->period = ms > 0 ? ms : 1;
	start(t, rand_jitter(t->period));
}

void timer_stop(struct timer *t)
{
	uv_timer_stop(&t->uv);
}

bool timer_active(const struct timer *t)
{
	return uv_is_active((const uv_handle_t *)&t->uv);
}

void timer_unref(struct timer *t)
{
	uv_unref((uv_handle_t *)&t->uv);
}
