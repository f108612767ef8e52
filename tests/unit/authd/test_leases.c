#include "authd/hosts/leases.h"

#include "base/err.h"
#include "base/rand.h"

#include "tests/unit/unit.h"

#include <stdio.h>

static int setup(void **state)
{
	*state = leases_new();
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	leases_free(*state);
	return 0;
}

static void put(struct leases *l, const char *key, int64_t ttl, int64_t now)
{
	struct err err;

	assert_int_equal(leases_put(l, key, 1, ttl, now, &err), 0);
}

/* Asserts which lease is over now; NULL: none. */
static void assert_due(struct leases *l, int64_t now, const char *key)
{
	const struct lease *due = leases_first_due(l, now, 1000);

	if (key == NULL) {
		assert_null(due);
		return;
	}
	assert_non_null(due);
	assert_string_equal(due->key, key);
}

static void leases_end_in_the_order_of_their_deadlines(void **state)
{
	put(*state, "b", 200, 0);
	put(*state, "a", 100, 0);
	put(*state, "c", 300, 0);
	assert_due(*state, 99, NULL);
	assert_due(*state, 250, "a");
	assert_due(*state, 250, "b");
	assert_due(*state, 250, NULL);
	assert_due(*state, 300, "c");
}

static void one_that_is_kept_has_a_whole_ttl_again(void **state)
{
	put(*state, "a", 100, 0);
	put(*state, "b", 100, 0);
	assert_int_equal(leases_keep(*state, "a", 90)->ttl_ms, 100);
	assert_due(*state, 150, "b");
	assert_due(*state, 189, NULL);
	assert_due(*state, 190, "a");
}

static void one_that_is_ending_cannot_be_kept_but_put_anew(void **state)
{
	put(*state, "a", 100, 0);
	assert_due(*state, 100, "a");
	assert_null(leases_keep(*state, "a", 101));
	put(*state, "a", 100, 102);
	assert_non_null(leases_keep(*state, "a", 103));
	assert_due(*state, 202, NULL);
	assert_due(*state, 203, "a");
}

static void one_whose_end_came_to_nothing_is_handed_out_again(void **state)
{
	put(*state, "a", 100, 0);
	assert_due(*state, 100, "a");
	assert_due(*state, 1099, NULL);
	assert_due(*state, 1100, "a");
	leases_remove(*state, "a");
	assert_due(*state, 9999, NULL);
	assert_int_equal(leases_count(*state), 0);
}

static void what_is_not_there_is_not_kept(void **state)
{
	assert_null(leases_keep(*state, "a", 0));
	leases_remove(*state, "a");
	put(*state, "a", 100, 0);
	leases_clear(*state);
	assert_null(leases_keep(*state, "a", 0));
	assert_false(leases_has(*state, "a"));
	assert_int_equal(leases_count(*state), 0);
}

static void a_shorter_ttl_counts_from_when_it_is_put(void **state)
{
	put(*state, "a", 10000, 0);
	put(*state, "b", 500, 0);
	put(*state, "a", 100, 0);
	assert_due(*state, 100, "a");
}

static void all_begin_afresh(void **state)
{
	put(*state, "a", 100, 0);
	put(*state, "b", 200, 0);
	leases_restart(*state, 1000);
	assert_due(*state, 1099, NULL);
	assert_due(*state, 1150, "a");
	assert_due(*state, 1199, NULL);
	assert_due(*state, 1200, "b");
}

#define MANY 2000

/* Against a plain array: put, kept, removed and ended at random. */
static void many_leases_behave_as_an_array_of_deadlines_does(void **state)
{
	static int64_t deadlines[MANY]; /* 0: none */
	struct leases *l = *state;
	char key[16];

	for (int64_t now = 1; now < 20000; now++) {
		uint32_t i = rand_below(MANY);
		const struct lease *due;

		snprintf(key, sizeof(key), "/n/%u", i);
		switch (rand_below(4)) {
		case 0:
			put(l, key, 300 + rand_below(3000), now);
			deadlines[i] = leases_keep(l, key, now)->deadline;
			break;
		case 1:
			leases_remove(l, key);
			deadlines[i] = 0;
			break;
		default:
			assert_int_equal(leases_keep(l, key, now) != NULL, deadlines[i] != 0);
			if (deadlines[i] != 0)
				deadlines[i] = leases_keep(l, key, now)->deadline;
		}
		while ((due = leases_first_due(l, now, INT32_MAX)) != NULL) {
			i = (uint32_t)strtoul(due->key + 3, NULL, 10);
			assert_in_range(deadlines[i], now, now);
			deadlines[i] = 0;
			leases_remove(l, due->key);
		}
	}
	for (int64_t i = 0, held = 0; i < MANY; i++) {
		held += deadlines[i] != 0;
		if (i == MANY - 1)
			assert_int_equal(leases_count(l), held);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(leases_end_in_the_order_of_their_deadlines),
		CASE(one_that_is_kept_has_a_whole_ttl_again),
		CASE(one_that_is_ending_cannot_be_kept_but_put_anew),
		CASE(one_whose_end_came_to_nothing_is_handed_out_again),
		CASE(what_is_not_there_is_not_kept),
		CASE(a_shorter_ttl_counts_from_when_it_is_put),
		CASE(all_begin_afresh),
		CASE(many_leases_behave_as_an_array_of_deadlines_does),
	};

	return unit_run(tests);
}
