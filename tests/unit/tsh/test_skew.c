#include "tsh/skew.h"

#include "tests/unit/unit.h"

static void a_clock_that_is_off_is_named_and_a_little_is_not(void **state)
{
	static const struct {
		int64_t local, server;
		const char *text;
	} cases[] = {
		{ 1000000, 1000000, "" },
		{ 1029999, 1000000, "" },
		{ 1420000, 1000000, "this machine's clock is 7m0s ahead of the cluster's" },
		{ 1000000, 4600000, "this machine's clock is 1h0m0s behind the cluster's" },
		{ 1000000, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SKEW_TEXT_SIZE];

		assert_string_equal(skew_text(text, cases[i].local, cases[i].server),
		                    cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_is_off_is_named_and_a_little_is_not),
	};

	return unit_run(tests);
}
