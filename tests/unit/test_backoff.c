#include "base/backoff.h"

#include "tests/unit/unit.h"

static void each_wait_lies_between_a_quarter_of_its_ceiling_and_the_ceiling(void **state)
{
	static const int64_t ceilings[] = { 100, 200, 400, 800, 1000, 1000 };

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct backoff b = { .first_ms = 100, .most_ms = 1000 };

		for (size_t i = 0; i < sizeof(ceilings) / sizeof(*ceilings); i++) {
			int64_t wait = backoff_next(&b);

			assert_in_range(wait, ceilings[i] / 4, ceilings[i]);
		}
	}
}

static void a_success_begins_anew(void **state)
{
	struct backoff b = { .first_ms = 100, .most_ms = 60000 };

	(void)state;
	for (int i = 0; i < 8; i++)
		backoff_next(&b);
	backoff_reset(&b);
	assert_in_range(backoff_next(&b), 25, 100);
}

static void many_who_failed_together_spread_over_the_ceiling(void **state)
{
	int quarters[4] = { 0 };

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct backoff b = { .first_ms = 400, .most_ms = 400 };

		quarters[(backoff_next(&b) - 1) / 100]++;
	}
	for (int i = 1; i < 4; i++) /* a third each; the chance of a false alarm is nil */
		assert_in_range(quarters[i], 1100, 1600);
}

static void the_longest_waits_do_not_overflow(void **state)
{
	struct backoff b = { .first_ms = INT64_C(1) << 40, .most_ms = INT64_C(1) << 41 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_in_range(backoff_next(&b), INT64_C(1) << 38, INT64_C(1) << 41);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wait_lies_between_a_quarter_of_its_ceiling_and_the_ceiling),
		cmocka_unit_test(a_success_begins_anew),
		cmocka_unit_test(many_who_failed_together_spread_over_the_ceiling),
		cmocka_unit_test(the_longest_waits_do_not_overflow),
	};

	return unit_run(tests);
}
