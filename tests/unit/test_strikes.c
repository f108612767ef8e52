#include "loop/strikes.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>

#define WINDOW_MS 10000

static int check(struct strikes *s, const char *addr, int64_t now)
{
	struct err err = { 0 };

	return strikes_check(s, addr, now, &err);
}

static void too_many_are_too_many_for_that_network_and_for_a_while(void **state)
{
	struct strikes *s = strikes_new(2, WINDOW_MS);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(check(s, "192.0.2.7:22", 1000), 0);
		strikes_add(s, "192.0.2.7:51234", 1000 + i);
	}
	assert_int_equal(check(s, "192.0.2.7:22", 1000 + WINDOW_MS - 1), ERR_LIMIT);
	assert_int_equal(check(s, "192.0.2.8:22", 1000), 0);
	assert_int_equal(check(s, "192.0.2.7:22", 1000 + WINDOW_MS), 0);
	strikes_add(s, "192.0.2.7:51234", 1000 + WINDOW_MS); /* counted anew */
	assert_int_equal(check(s, "192.0.2.7:22", 1000 + WINDOW_MS), 0);
	strikes_free(s);
}

static void addresses_of_one_network_count_together(void **state)
{
	struct strikes *s = strikes_new(1, WINDOW_MS);

	(void)state;
	strikes_add(s, "[2001:db8::1]:51234", 0);
	strikes_add(s, "[2001:db8::2]:51234", 0);
	assert_int_equal(check(s, "[2001:db8::3]:22", 0), ERR_LIMIT);
	assert_int_equal(check(s, "[2001:db8:0:1::1]:22", 0), 0);
	strikes_free(s);
}

static void the_quiet_ones_are_forgotten_for_new_ones(void **state)
{
	struct strikes *s = strikes_new(0, WINDOW_MS);
	char text[32];

	(void)state;
	strikes_add(s, "192.0.2.7:51234", 0);
	strikes_add(s, "192.0.2.8:51234", 0);
	strikes_add(s, "192.0.2.7:51234", 0); /* 192.0.2.8 is the older now */
	for (int i = 0; i < STRIKES_NETWORKS_MAX - 1; i++) {
		snprintf(text, sizeof(text), "10.0.%d.%d:1", i / 256, i % 256);
		strikes_add(s, text, 0);
	}
	assert_int_equal(check(s, "192.0.2.7:22", 0), ERR_LIMIT);
	assert_int_equal(check(s, "192.0.2.8:22", 0), 0);
	strikes_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_are_too_many_for_that_network_and_for_a_while),
		cmocka_unit_test(addresses_of_one_network_count_together),
		cmocka_unit_test(the_quiet_ones_are_forgotten_for_new_ones),
	};

	return unit_run(tests);
}
