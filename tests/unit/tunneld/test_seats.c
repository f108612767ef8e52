#include "tunneld/seats.h"

#include "tests/unit/unit.h"

#include <stdio.h>

#define TTL 180000

static void one_agent_is_wanted_before_anything_is_known(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	assert_int_equal(seats_wanted(s), 1);
	assert_true(seats_claim(s, "a"));
	assert_int_equal(seats_wanted(s), 1);
	assert_int_equal(seats_claimed(s), 1);
	seats_free(s);
}

static void each_proxy_that_is_heard_of_wants_an_agent(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	assert_true(seats_claim(s, "a"));
	seats_see(s, "a", TTL, 0);
	seats_see(s, "b", TTL, 0);
	seats_see(s, "c", TTL, 0);
	seats_see(s, "c", TTL, 10);
	assert_int_equal(seats_wanted(s), 3);
	assert_true(seats_claim(s, "c"));
	assert_int_equal(seats_wanted(s), 3);
	assert_int_equal(seats_claimed(s), 2);
	seats_free(s);
}

static void nobody_sits_on_a_taken_seat(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	assert_true(seats_claim(s, "a"));
	assert_false(seats_claim(s, "a"));
	seats_release(s, "a", 0);
	seats_release(s, "a", 0);
	assert_int_equal(seats_claimed(s), 0);
	assert_true(seats_claim(s, "a"));
	seats_release(s, "unknown", 0);
	assert_int_equal(seats_claimed(s), 1);
	seats_free(s);
}

static void what_is_not_heard_of_any_more_is_forgotten_unless_it_is_claimed(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	seats_see(s, "a", TTL, 0);
	seats_see(s, "b", TTL, 0);
	assert_true(seats_claim(s, "a"));
	seats_see(s, "b", TTL, 1000);
	seats_expire(s, TTL);
	assert_int_equal(seats_wanted(s), 2);
	seats_expire(s, TTL + 1000);
	assert_int_equal(seats_wanted(s), 1);
	assert_int_equal(seats_known(s), 1);
	seats_free(s);
}

static void a_lost_proxy_is_sought_for_a_while(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	assert_true(seats_claim(s, "a"));
	assert_true(seats_claim(s, "b"));
	seats_release(s, "b", 1000);
	seats_expire(s, 1000 + SEATS_KEPT_MS - 1);
	assert_int_equal(seats_wanted(s), 2);
	seats_expire(s, 1000 + SEATS_KEPT_MS);
	assert_int_equal(seats_wanted(s), 1);
	seats_free(s);
}

/* An older list never shortens what a newer one said. */
static void the_longest_promise_holds(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	seats_see(s, "a", TTL, 0);
	seats_see(s, "a", 1, 10);
	seats_see(s, "b", INT64_MAX, 10); /* no time at all can be made of it */
	seats_expire(s, TTL - 1);
	assert_int_equal(seats_known(s), 1);
	seats_free(s);
}

static void a_list_of_inventions_makes_few_seekers(void **state)
{
	struct seats *s = seats_new();
	char id[16];

	(void)state;
	assert_true(seats_claim(s, "real"));
	for (int i = 0; i < 3 * SEATS_MAX; i++) {
		snprintf(id, sizeof(id), "%d", i);
		seats_see(s, id, TTL, 0);
	}
	assert_int_equal(seats_known(s), SEATS_MAX);
	assert_int_equal(seats_wanted(s), 1 + SEATS_SEEKERS);
	assert_false(seats_claim(s, "one more"));
	seats_free(s);
}

static void no_more_than_asked_for_are_wanted(void **state)
{
	struct seats *s = seats_new();

	(void)state;
	for (int i = 0; i < 5; i++)
		seats_see(s, (char[]){ (char)('a' + i), 0 }, TTL, 0);
	seats_set_most(s, 2);
	assert_int_equal(seats_wanted(s), 2);
	assert_true(seats_claim(s, "a"));
	assert_true(seats_claim(s, "b"));
	assert_int_equal(seats_wanted(s), 2);
	assert_false(seats_claim(s, "c"));
	seats_set_most(s, 1);
	assert_int_equal(seats_wanted(s), 1); /* one has to go */
	seats_set_most(s, 0);
	assert_int_equal(seats_wanted(s), 5);
	assert_true(seats_claim(s, "c"));
	seats_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_agent_is_wanted_before_anything_is_known),
		cmocka_unit_test(each_proxy_that_is_heard_of_wants_an_agent),
		cmocka_unit_test(nobody_sits_on_a_taken_seat),
		cmocka_unit_test(what_is_not_heard_of_any_more_is_forgotten_unless_it_is_claimed),
		cmocka_unit_test(a_lost_proxy_is_sought_for_a_while),
		cmocka_unit_test(the_longest_promise_holds),
		cmocka_unit_test(a_list_of_inventions_makes_few_seekers),
		cmocka_unit_test(no_more_than_asked_for_are_wanted),
	};

	return unit_run(tests);
}
