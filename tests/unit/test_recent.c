#include "store/recent.h"

#include "tests/unit/unit.h"

#include <stdio.h>

static void each_first_part_has_its_own_newest_revision(void **state)
{
	static const struct {
		const char *prefix;
		uint64_t newest;
	} expected[] = {
		{ "/nodes/", 4 },    { "/nodes/b", 4 }, { "/roles/", 2 },
		{ "/roles/x/y", 2 }, { "/locks/", 0 },  { "/", 5 },
		{ "/no", 5 },        { "/single", 5 },  { "", 5 },
	};
	struct recent *r = recent_new();

	(void)state;
	recent_note(r, "/nodes/a", 1);
	recent_note(r, "/roles/a", 2);
	recent_note(r, "/nodes/a", 3);
	recent_note(r, "/nodes/b", 4);
	recent_note(r, "/single", 5);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		if (recent_of(r, expected[i].prefix) != expected[i].newest)
			fail_msg("'%s'", expected[i].prefix);
	recent_free(r);
}

static void what_is_not_told_apart_counts_as_changed(void **state)
{
	struct recent *r = recent_new();
	char key[256];

	(void)state;
	snprintf(key, sizeof(key), "/%0200d/a", 1);
	recent_note(r, key, 7);
	assert_int_equal(recent_of(r, key), 7);
	assert_int_equal(recent_of(r, "/nodes/"), 0);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "/%u/a", i);
		recent_note(r, key, 8 + i);
	}
	assert_int_equal(recent_of(r, "/nodes/"), 2007);
	recent_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_first_part_has_its_own_newest_revision),
		cmocka_unit_test(what_is_not_told_apart_counts_as_changed),
	};

	return unit_run(tests);
}
