/*
 * Watches on a cache: what the parts of a daemon are told.
 */
#include "cache/cache.h"

#include "tests/unit/cache_world.h"

/* One who watches the cache, and what it heard: "init +dev:two closed ". */
struct eye {
	struct world *w;
	struct cache_watch *watch;
	char heard[200];
	bool opens_again;
	bool closes_at_init;
};

static void hear(struct eye *e, const char *what, const char *rest)
{
	size_t used = strlen(e->heard);

	snprintf(e->heard + used, sizeof(e->heard) - used, "%s%s ", what, rest);
}

static void open_eye(struct eye *e, bool stays);

static void eye_init(void *ctx)
{
	struct eye *e = ctx;

	assert_true(cache_live(e->w->cache));
	hear(e, "init", "");
	if (e->closes_at_init) {
		cache_watch_close(e->watch);
		e->watch = NULL;
	}
}

/* The cache has changed already when it is told. */
static void eye_changed(void *ctx, const char *key, const pv_Resource *now)
{
	struct eye *e = ctx;

	assert_ptr_equal(cache_get(e->w->cache, key), now);
	hear(e, now != NULL ? "+" : "-", key + strlen("/roles/"));
}

static void eye_closed(void *ctx, const struct err *why)
{
	struct eye *e = ctx;

	assert_int_equal(why->code, ERR_UNAVAILABLE);
	hear(e, "closed", "");
	e->watch = NULL;
	if (e->opens_again)
		open_eye(e, false);
}

static void open_eye(struct eye *e, bool stays)
{
	static const char *const prefixes[] = { "/roles/d", "/locks/", NULL };
	const struct cache_watch_conf conf = { .prefixes = prefixes,
		                               .ctx = e,
		                               .init = eye_init,
		                               .changed = eye_changed,
		                               .closed = stays ? NULL : eye_closed };
	struct err err;

	assert_int_equal(cache_watch_open(e->w->cache, &conf, &e->watch, &err), 0);
}

static void heard(struct eye *e, const char *expected)
{
	turn_until(e->w->loop, strlen(e->heard) >= strlen(expected));
	assert_string_equal(e->heard, expected);
	*e->heard = 0;
}

static void a_watch_is_told_when_the_cache_is_current_and_then_what_it_asked_for(void **state)
{
	struct world *w = begin(*state);
	struct eye early = { .w = w };
	struct eye late = { .w = w };

	cache_begins(w);
	open_eye(&early, false);
	turn_until(w->loop, w->watch != NULL);
	send_init(w, true, 0);
	send_role(w, "dev", "one", 0);
	for (int i = 0; i < 20; i++)
		uv_run(w->loop, UV_RUN_NOWAIT);
	heard(&early, "");
	send_synced(w, 10);
	heard(&early, "init ");
	open_eye(&late, false);
	assert_string_equal(late.heard, "");
	heard(&late, "init ");
	send_role(w, "dev", "two", 11);
	send_role(w, "ops", "two", 12);
	send_delete(w, "role", "dev", 13);
	send_role(w, "dev", "three", 14);
	heard(&early, "+dev -dev +dev ");
	heard(&late, "+dev -dev +dev ");
	cache_watch_close(early.watch);
	cache_watch_close(late.watch);
	end(w);
}

static void a_watch_closes_with_the_cache_s_and_another_waits_for_the_next(void **state)
{
	struct world *w = begin_live(*state);
	struct eye e = { .w = w, .opens_again = true };

	open_eye(&e, false);
	heard(&e, "init ");
	break_off(w);
	heard(&e, "closed ");
	turn_until(w->loop, w->watches == 2);
	break_off(w); /* once more, before it was current */
	turn_until(w->loop, w->watches == 3);
	send_init(w, false, 10);
	heard(&e, "init ");
	send_role(w, "dev", "two", 11);
	heard(&e, "+dev ");
	cache_watch_close(e.watch);
	end(w);
}

static void a_watch_that_stays_is_told_again_when_the_cache_is_current(void **state)
{
	struct world *w = begin_live(*state);
	struct eye e = { .w = w };

	open_eye(&e, true);
	heard(&e, "init ");
	break_off(w);
	turn_until(w->loop, w->watches == 2);
	send_init(w, true, 0);
	send_role(w, "dev", "changed meanwhile", 0);
	send_synced(w, 20);
	heard(&e, "init "); /* and no word of each: it reads what there is */
	send_role(w, "dev", "two", 21);
	heard(&e, "+dev ");
	cache_watch_close(e.watch);
	end(w);
}

static void a_watch_may_be_closed_from_its_callback(void **state)
{
	struct world *w = begin_live(*state);
	struct eye first = { .w = w, .closes_at_init = true };
	struct eye second = { .w = w };

	open_eye(&first, false);
	open_eye(&second, false);
	heard(&second, "init ");
	heard(&first, "init ");
	assert_null(first.watch);
	send_role(w, "dev", "two", 11);
	heard(&second, "+dev ");
	assert_string_equal(first.heard, "");
	cache_watch_close(second.watch);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_watch_is_told_when_the_cache_is_current_and_then_what_it_asked_for),
		loop_test(a_watch_closes_with_the_cache_s_and_another_waits_for_the_next),
		loop_test(a_watch_that_stays_is_told_again_when_the_cache_is_current),
		loop_test(a_watch_may_be_closed_from_its_callback),
	};

	return unit_run(tests);
}
