#include "base/map.h"

#include "base/err.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define MANY 5000

static void *number(long n)
{
	return (void *)(n + 1);
}

static void a_key_put_is_found_until_it_is_removed(void **state)
{
	struct map *m = map_new();
	void *old = m;

	(void)state;
	assert_int_equal(map_put(m, "a", number(1), &old), 0);
	assert_null(old);
	assert_int_equal(map_put(m, "a", number(2), &old), 0);
	assert_ptr_equal(old, number(1));
	assert_ptr_equal(map_get(m, "a"), number(2));
	assert_null(map_get(m, "b"));
	assert_ptr_equal(map_remove(m, "a"), number(2));
	assert_null(map_remove(m, "a"));
	assert_int_equal(map_count(m), 0);
	map_free(m);
}

static void many_keys_survive_growth_and_removals(void **state)
{
	struct map *m = map_new();
	char key[32];

	(void)state;
	for (long round = 0; round < 3; round++) {
		for (long i = 0; i < MANY; i++) {
			snprintf(key, sizeof(key), "k%ld", i);
			assert_int_equal(map_put(m, key, number(i), NULL), 0);
		}
		for (long i = 0; i < MANY; i += 2) {
			snprintf(key, sizeof(key), "k%ld", i);
			assert_ptr_equal(map_remove(m, key), number(i));
		}
	}
	assert_int_equal(map_count(m), MANY / 2);
	for (long i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "k%ld", i);
		assert_ptr_equal(map_get(m, key), i % 2 ? number(i) : NULL);
	}
	map_free(m);
}

static void a_walk_sees_each_entry_once_and_may_remove_it(void **state)
{
	struct map *m = map_new();
	const char *key;
	long seen = 0;
	size_t at = 0;
	char name[32];

	(void)state;
	for (long i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "k%ld", i);
		assert_int_equal(map_put(m, name, number(i), NULL), 0);
	}
	while (map_next(m, &at, &key) != NULL) {
		snprintf(name, sizeof(name), "%s", key);
		map_remove(m, name);
		seen++;
	}
	assert_int_equal(seen, 100);
	assert_int_equal(map_count(m), 0);
	map_free(m);
	map_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_put_is_found_until_it_is_removed),
		cmocka_unit_test(many_keys_survive_growth_and_removals),
		cmocka_unit_test(a_walk_sees_each_entry_once_and_may_remove_it),
	};

	return unit_run(tests);
}
