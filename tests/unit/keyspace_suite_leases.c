/*
 * The part of the suite about time and company: expiry, leases, locks, many writers.
 */
#include "tests/unit/keyspace_suite.h"

#include "tests/unit/keyspace_peer.h"

#include <stdlib.h>

static void expired_items_are_gone_at_once(void **state)
{
	struct fixture *f = *state;

	put(f, "/e/a", "stays");
	put_for(f, "/e/b", "goes", 1000);
	assert_value(f, "/e/b", "goes");
	clock_fake_advance(&f->clock, 1000);
	assert_value(f, "/e/b", NULL);
	assert_keys(f, (struct keyspace_query){ .prefix = "/e/" }, "/e/a ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/e/", .limit = 1 }, "/e/a ");
	assert_int_equal(run_op(f, keyspace_op_update("/e/b", "x", 1, 0)), ERR_NOT_FOUND);
	assert_int_equal(create(f, "/e/b", "anew"), 0);
	clock_fake_advance(&f->clock, 100000);
	assert_value(f, "/e/b", "anew");
}

static void expired_items_do_not_count_towards_a_page(void **state)
{
	struct fixture *f = *state;

	put_for(f, "/e/a", "1", 10);
	put(f, "/e/b", "2");
	put(f, "/e/c", "3");
	clock_fake_advance(&f->clock, 10);
	assert_keys(f, (struct keyspace_query){ .prefix = "/e/", .limit = 2 }, "/e/b /e/c ");
}

static void a_lease_is_kept_alive_until_its_item_is_gone(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w = watch(f, "/lease", 0);
	const struct keyspace_event *event;
	uint64_t first;

	put_for(f, "/lease", "v", 2000);
	clock_fake_advance(&f->clock, 1000);
	assert_int_equal(run_op(f, keyspace_op_extend("/lease", f->clock.wall + 2000)), 0);
	clock_fake_advance(&f->clock, 1500);
	assert_value(f, "/lease", "v");
	event = next_event(f, w);
	first = event->item.revision;
	assert_int_equal(event->item.expires, START_MS + 2000);
	event = next_event(f, w);
	assert_int_equal(event->type, KEYSPACE_EVENT_PUT);
	assert_int_equal(event->item.expires, START_MS + 3000);
	assert_true(event->item.revision > first);
	run_op(f, keyspace_op_delete("/lease"));
	assert_int_equal(run_op(f, keyspace_op_extend("/lease", f->clock.wall + 2000)),
	                 ERR_NOT_FOUND);
	put_for(f, "/lease", "w", 10);
	clock_fake_advance(&f->clock, 10);
	assert_int_equal(run_op(f, keyspace_op_extend("/lease", f->clock.wall + 2000)),
	                 ERR_NOT_FOUND);
	keyspace_watch_close(w);
}

static void an_expired_item_becomes_a_delete_within_two_seconds(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w = watch(f, "/", 0);
	int64_t best = INT64_MAX;

	/* The machine may be busy, but not each time. */
	for (int i = 0; i < 3; i++) {
		int64_t start;

		put_for(f, "/a", "1", 1000);
		assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
		clock_fake_advance(&f->clock, 1000);
		start = clock_mono_ms(clock_system());
		assert_value(f, "/a", NULL);
		assert_event(f, w, KEYSPACE_EVENT_DELETE, "/a", "");
		if (clock_mono_ms(clock_system()) - start < best)
			best = clock_mono_ms(clock_system()) - start;
	}
	assert_true(best < 2000);
	keyspace_watch_close(w);
}

/* --- locks: a key that only one can create ---------------------------------------------------- */

static int release_lock(struct fixture *f, const char *key)
{
	return run_op(f, keyspace_op_delete(key));
}

/* Waits for its holder to release it, as often as somebody else is faster. */
static void acquire_lock(struct fixture *f, const char *key, const char *who)
{
	struct keyspace_watch *w = watch(f, key, 0);

	while (create(f, key, who) != 0) {
		assert_int_equal(f->err.code, ERR_EXISTS);
		while (next_event(f, w)->type != KEYSPACE_EVENT_DELETE)
			;
	}
	keyspace_watch_close(w);
}

static int number_at(struct fixture *f, const char *key)
{
	struct keyspace_item item;
	int number;

	assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
	number = atoi((char *)item.value);
	keyspace_item_deinit(&item);
	return number;
}

static void put_number(struct fixture *f, const char *key, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	assert_int_equal(put(f, key, text), 0);
}

/* Finds the lock taken, says so, and doubles the number once it has the lock. */
static int double_when_free(struct fixture *f, const struct peer_order *order)
{
	int taken = create(f, order->key, "peer");

	peer_answer(taken);
	acquire_lock(f, order->key, "peer");
	put_number(f, "/number", number_at(f, "/number") * 2);
	return release_lock(f, order->key);
}

static void a_lock_is_held_by_one_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);

	assert_int_equal(release_lock(f, "/locks/a"), ERR_NOT_FOUND);
	acquire_lock(f, "/locks/a", "me");
	put_number(f, "/number", 7);
	assert_int_equal(peer_do(&p, double_when_free, "/locks/a", "", 0), ERR_EXISTS);
	acquire_lock(f, "/locks/b", "me"); /* another name: nobody's yet */
	put_number(f, "/number", 9);
	assert_int_equal(release_lock(f, "/locks/a"), 0);
	assert_int_equal(peer_wait(&p), 0);
	assert_int_equal(number_at(f, "/number"), 18);
	assert_int_equal(release_lock(f, "/locks/a"), ERR_NOT_FOUND);
	assert_int_equal(release_lock(f, "/locks/b"), 0);
	assert_int_equal(release_lock(f, "/locks/b"), ERR_NOT_FOUND);
	peer_kill(&p);
}

/* --- many at once ----------------------------------------------------------------------------- */

#define ROUNDS 50

struct round {
	int open;
	int codes[ERR_CODES];
};

static void count_code(void *arg, uint64_t revision, const struct err *err)
{
	struct round *round = arg;

	(void)revision;
	round->open--;
	round->codes[err != NULL ? err->code : 0]++;
}

static void assert_not_torn(struct fixture *f)
{
	struct keyspace_item item;

	if (keyspace_get(f->ks, "/k", &item, &f->err) != 0)
		return;
	assert_int_equal(item.len, 8);
	assert_true(memcmp(item.value, "aaaaaaaa", 8) == 0 ||
	            memcmp(item.value, "bbbbbbbb", 8) == 0);
	keyspace_item_deinit(&item);
}

/* All that can be done to one key, at once, fifty times. */
static void do_everything(struct fixture *f, struct round *round)
{
	const struct keyspace_op ops[] = {
		keyspace_op_put("/k", "aaaaaaaa", 8, 0),
		keyspace_op_swap("/k", "aaaaaaaa", 8, "bbbbbbbb", 8, 0),
		keyspace_op_create("/k", "aaaaaaaa", 8, 0),
		keyspace_op_delete("/k"),
		keyspace_op_update("/k", "bbbbbbbb", 8, 0),
	};

	for (int i = 0; i < ROUNDS; i++) {
		for (size_t j = 0; j < sizeof(ops) / sizeof(*ops); j++, round->open++)
			assert_int_equal(
			        keyspace_write(f->ks, &ops[j], 1, count_code, round, &f->err), 0);
		while (round->open > 0) {
			struct pollfd pfd = { .fd = keyspace_fd(f->ks), .events = POLLIN };

			assert_not_torn(f);
			poll(&pfd, 1, -1);
			keyspace_dispatch(f->ks);
		}
	}
}

static void writes_at_once_fail_only_by_their_conditions(void **state)
{
	struct fixture *f = *state;
	struct round round = { 0 };

	do_everything(f, &round);
	/* In the order they were asked for: put, swap and delete hold, create and update do not. */
	assert_int_equal(round.codes[0], 3 * ROUNDS);
	assert_int_equal(round.codes[ERR_EXISTS], ROUNDS);
	assert_int_equal(round.codes[ERR_NOT_FOUND], ROUNDS);
}

static int failed_by_conditions_only(const struct round *round)
{
	return round->codes[0] + round->codes[ERR_EXISTS] + round->codes[ERR_NOT_FOUND] +
	               round->codes[ERR_CONFLICT] ==
	       5 * ROUNDS;
}

static int peer_does_everything(struct fixture *f, const struct peer_order *order)
{
	struct round round = { 0 };

	(void)order;
	do_everything(f, &round);
	return failed_by_conditions_only(&round);
}

static void two_that_write_at_once_disturb_each_other_only_by_conditions(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);
	struct round round = { 0 };

	peer_send(&p, peer_does_everything, "", "", 0);
	do_everything(f, &round);
	assert_true(failed_by_conditions_only(&round));
	assert_int_equal(peer_wait(&p), true);
	peer_kill(&p);
}

const struct CMUnitTest *keyspace_suite_leases(size_t *out_count)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_items_are_gone_at_once),
		cmocka_unit_test(expired_items_do_not_count_towards_a_page),
		cmocka_unit_test(a_lease_is_kept_alive_until_its_item_is_gone),
		cmocka_unit_test(an_expired_item_becomes_a_delete_within_two_seconds),
		cmocka_unit_test(a_lock_is_held_by_one_at_a_time),
		cmocka_unit_test(writes_at_once_fail_only_by_their_conditions),
		cmocka_unit_test(two_that_write_at_once_disturb_each_other_only_by_conditions),
	};

	*out_count = sizeof(tests) / sizeof(tests[0]);
	return tests;
}
