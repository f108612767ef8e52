#include "tests/unit/keyspace_suite.h"

#include "tests/unit/keyspace_fixture.h"

#include <string.h>

#define TESTS_MAX 64

static keyspace_suite_open chosen;

static int setup(void **state)
{
	return fixture_setup_with(state, chosen);
}

static int run_part(const char *name, const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest prepared[TESTS_MAX];

	assert_true(count <= TESTS_MAX);
	memcpy(prepared, tests, count * sizeof(*tests));
	for (size_t i = 0; i < count; i++) {
		prepared[i].setup_func = setup;
		prepared[i].teardown_func = fixture_teardown;
	}
	return _cmocka_run_group_tests(name, prepared, count, NULL, NULL);
}

int keyspace_suite_run(keyspace_suite_open open)
{
	const struct {
		const char *name;
		const struct CMUnitTest *(*tests)(size_t *out_count);
	} parts[] = {
		{ "items", keyspace_suite_items },
		{ "leases", keyspace_suite_leases },
		{ "events", keyspace_suite_events },
	};
	int failed = 0;

	chosen = open;
	unit_heed_filter();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t count;
		const struct CMUnitTest *tests = parts[i].tests(&count);

		failed += run_part(parts[i].name, tests, count);
	}
	return failed;
}
