#include "kubeproxyd/access/guards.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "loop/timer.h"

#include <stdlib.h>

#define GATHER_MS 10 /* changes that come within are one */

struct guards {
	struct kubeproxyd *k;
	struct list list; /* struct guard */
	struct timer *soon;
	struct timer *old; /* locks have become too old for the strict */
	unsigned round;    /* of judging all of them */
	struct cache_watch *watch;
};

/* --- one ------------------------------------------------------------------------------------- */

static void end(struct guard *g, const struct err *why)
{
	struct err copy = *why;

	guard_stop(g);
	g->end(g->owner, &copy);
}

/* When the clock has something to say next: ms from now; 0: it is due; INT64_MAX: never. */
static int64_t next_due(const struct guard *g)
{
	const struct guest *who = g->guest;
	const struct kubeproxyd *k = who->visit->k;
	int64_t idle = who->limits.client_idle_timeout;
	int64_t due = INT64_MAX;

	if (who->end != 0)
		due = who->end - clock_wall_ms(k->clock);
	if (idle > 0) {
		idle -= (int64_t)(uv_now(k->loop) - g->moved);
		due = idle < due ? idle : due;
	}
	return due > 0 ? due : 0;
}

static int arm(struct guard *g, struct err *err);

static void on_timer(void *owner)
{
	struct guard *g = owner;
	int64_t idle = g->guest->limits.client_idle_timeout;
	char text[STR_DURATION_SIZE];
	struct err err;

	if (guest_check_again(g->guest, &err) != 0) {
		end(g, &err);
		return;
	}
	if (idle > 0 && uv_now(g->guest->visit->k->loop) - g->moved >= (uint64_t)idle) {
		err_set(&err, ERR_TIMEOUT, "client exceeded idle timeout of %s",
		        str_from_duration(text, sizeof(text), idle));
		end(g, &err);
		return;
	}
	if (arm(g, &err) != 0)
		end(g, &err);
}

/* The timer as the limits are now. ERR_NOMEM. */
static int arm(struct guard *g, struct err *err)
{
	int64_t due = next_due(g);

	if (due == INT64_MAX) {
		timer_free(g->timer);
		g->timer = NULL;
		return 0;
	}
	if (g->timer == NULL)
		g->timer = timer_new(g->guest->visit->k->loop, on_timer, g);
	if (g->timer == NULL)
		return err_set_nomem(err);
	timer_once(g->timer, due + 1);
	return 0;
}

int guard_start(struct guard *g, struct guest *guest,
                void (*on_end)(void *owner, const struct err *why), void *owner, struct err *err)
{
	struct kubeproxyd *k = guest->visit->k;

	*g = (struct guard){ .end = on_end, .owner = owner, .moved = uv_now(k->loop) };
	g->guest = guest_ref(guest);
	list_append(&k->guards->list, &g->link);
	if (arm(g, err) == 0)
		return 0;
	guard_stop(g);
	return err->code;
}

void guard_stop(struct guard *g)
{
	if (g->guest == NULL)
		return;
	list_remove(&g->link);
	timer_free(g->timer);
	g->timer = NULL;
	guest_unref(g->guest);
	g->guest = NULL;
}

void guard_moved(struct guard *g)
{
	if (g->guest != NULL)
		g->moved = uv_now(g->guest->visit->k->loop);
}

/* --- all ------------------------------------------------------------------------------------- */

/* The next that must go, of those that were not looked at in this round: whoever is ended may take
 * others with it. */
static struct guard *next_denied(struct guards *all, struct err *err)
{
	for (struct list *at = all->list.next; at != &all->list; at = at->next) {
		struct guard *g = container_of(at, struct guard, link);

		if (g->round == all->round)
			continue;
		g->round = all->round;
		if (guest_check_again(g->guest, err) != 0 || arm(g, err) != 0)
			return g;
	}
	return NULL;
}

static void on_soon(void *owner)
{
	struct guards *all = owner;
	struct guard *g;
	struct err err;

	all->round++;
	while ((g = next_denied(all, &err)) != NULL)
		end(g, &err);
	if (!all->k->current)
		timer_once(all->old, GUEST_LOCKS_OLD_MS);
}

void guards_recheck(struct guards *g)
{
	if (!timer_active(g->soon))
		timer_once(g->soon, GATHER_MS);
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	(void)key;
	(void)now;
	guards_recheck(ctx);
}

static void on_init(void *ctx)
{
	guards_recheck(ctx); /* while authd was away there may have been any change */
}

static int watch(struct guards *g, struct err *err)
{
	static const char *const prefixes[] = { "/roles/", "/locks/", "/settings/", "/authorities/",
		                                NULL };
	const struct cache_watch_conf conf = {
		.prefixes = prefixes,
		.ctx = g,
		.init = on_init,
		.changed = on_changed,
	};

	return cache_watch_open(g->k->cache, &conf, &g->watch, err);
}

int guards_open(struct kubeproxyd *k, struct guards **out, struct err *err)
{
	struct guards *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set_nomem(err);
	g->k = k;
	list_init(&g->list);
	*out = g;
	g->soon = timer_new(k->loop, on_soon, g);
	g->old = timer_new(k->loop, on_soon, g);
	if (g->soon == NULL || g->old == NULL)
		return err_set_nomem(err);
	return watch(g, err);
}

void guards_close(struct guards *g)
{
	if (g == NULL)
		return;
	cache_watch_close(g->watch);
	timer_free(g->soon);
	timer_free(g->old);
	free(g);
}
