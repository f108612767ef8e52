#include "base/rates.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>

static const struct rate ten = { .per_second = 10, .burst = 3 };

static void a_burst_passes_and_then_one_in_each_span(void **state)
{
	struct rates *r = rates_new(8);
	struct err err;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(rates_take(r, "a", &ten, 5000, &err), 0);
	assert_int_equal(rates_take(r, "a", &ten, 5000, &err), ERR_LIMIT);
	assert_int_equal(err.retry_ms, 100);
	assert_int_equal(rates_take(r, "a", &ten, 5099, &err), ERR_LIMIT);
	assert_int_equal(err.retry_ms, 1);
	assert_int_equal(rates_take(r, "a", &ten, 5100, &err), 0);
	assert_int_equal(rates_take(r, "a", &ten, 5100, &err), ERR_LIMIT);
	rates_free(r);
}

static void trying_too_early_costs_nothing(void **state)
{
	struct rates *r = rates_new(8);
	struct err err;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(rates_take(r, "a", &ten, 0, &err), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(rates_take(r, "a", &ten, 99, &err), ERR_LIMIT);
	assert_int_equal(rates_take(r, "a", &ten, 100, &err), 0);
	rates_free(r);
}

static void names_do_not_share(void **state)
{
	struct rates *r = rates_new(8);
	struct err err;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(rates_take(r, "a", &ten, 0, &err), 0);
	assert_int_equal(rates_take(r, "a", &ten, 0, &err), ERR_LIMIT);
	assert_int_equal(rates_take(r, "b", &ten, 0, &err), 0);
	rates_free(r);
}

static void no_bound_is_no_bound(void **state)
{
	static const struct rate none = { 0 };
	struct rates *r = rates_new(1);
	struct err err;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rates_take(r, "a", &none, 0, &err), 0);
	assert_int_equal(rates_count(r), 0);
	rates_free(r);
}

static void only_who_was_busy_lately_is_remembered(void **state)
{
	struct rates *r = rates_new(4);
	char name[16];
	struct err err;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(rates_take(r, name, &ten, i * 1000, &err), 0);
		assert_in_range(rates_count(r), 1, 4);
	}
	rates_free(r);
}

static void a_table_full_of_busy_names_refuses_more(void **state)
{
	struct rates *r = rates_new(2);
	struct err err;

	(void)state;
	assert_int_equal(rates_take(r, "a", &ten, 0, &err), 0);
	assert_int_equal(rates_take(r, "b", &ten, 0, &err), 0);
	assert_int_equal(rates_take(r, "c", &ten, 0, &err), ERR_LIMIT);
	assert_true(err.retry_ms > 0);
	assert_int_equal(rates_take(r, "a", &ten, 0, &err), 0);
	rates_free(r);
}

static void a_full_table_is_looked_through_once_a_second(void **state)
{
	struct rates *r = rates_new(2);
	struct err err;

	(void)state;
	assert_int_equal(rates_take(r, "a", &ten, 0, &err), 0);
	assert_int_equal(rates_take(r, "b", &ten, 0, &err), 0);
	assert_int_equal(rates_take(r, "c", &ten, 50, &err), ERR_LIMIT);
	assert_int_equal(rates_take(r, "c", &ten, 1049, &err), ERR_LIMIT); /* a, b are idle now */
	assert_int_equal(err.retry_ms, 1000);
	assert_int_equal(rates_take(r, "c", &ten, 1050, &err), 0);
	assert_int_equal(rates_count(r), 1);
	rates_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_passes_and_then_one_in_each_span),
		cmocka_unit_test(trying_too_early_costs_nothing),
		cmocka_unit_test(names_do_not_share),
		cmocka_unit_test(no_bound_is_no_bound),
		cmocka_unit_test(only_who_was_busy_lately_is_remembered),
		cmocka_unit_test(a_table_full_of_busy_names_refuses_more),
		cmocka_unit_test(a_full_table_is_looked_through_once_a_second),
	};

	return unit_run(tests);
}
