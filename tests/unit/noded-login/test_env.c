#include "noded/login/env.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void the_last_of_a_name_counts(void **state)
{
	static struct env e;
	char a1[] = "A=1", ab[] = "AB=2", a3[] = "A=3=x", empty[] = "C=";

	(void)state;
	env_put(&e, a1);
	env_put(&e, ab);
	env_put(&e, a3);
	env_put(&e, empty);
	assert_int_equal(e.count, 3);
	assert_string_equal(env_get(&e, "A"), "3=x");
	assert_string_equal(env_get(&e, "AB"), "2");
	assert_string_equal(env_get(&e, "C"), "");
	assert_null(env_get(&e, "B"));
	env_remove(&e, "A");
	env_remove(&e, "nobody");
	assert_null(env_get(&e, "A"));
	assert_int_equal(e.count, 2);
	assert_null(e.vars[2]);
}

static void what_is_no_variable_is_left_out(void **state)
{
	static struct env e;
	char none[] = "NAME", nameless[] = "=value", nothing[] = "";

	(void)state;
	env_put(&e, none);
	env_put(&e, nameless);
	env_put(&e, nothing);
	assert_int_equal(e.count, 0);
	assert_null(e.vars[0]);
}

static void more_than_the_bound_is_left_out(void **state)
{
	static struct env e;
	static char names[ENV_MAX + 2][16];

	(void)state;
	for (int i = 0; i < ENV_MAX + 2; i++) {
		snprintf(names[i], sizeof(names[i]), "V%d=x", i);
		env_put(&e, names[i]);
	}
	assert_int_equal(e.count, ENV_MAX);
	assert_null(e.vars[ENV_MAX]);
	env_put(&e, strcpy(names[ENV_MAX + 1], "V7=y")); /* one that is there may still change */
	assert_string_equal(env_get(&e, "V7"), "y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_of_a_name_counts),
		cmocka_unit_test(what_is_no_variable_is_left_out),
		cmocka_unit_test(more_than_the_bound_is_left_out),
	};

	return unit_run(tests);
}
