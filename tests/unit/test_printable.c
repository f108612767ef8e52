#include "base/printable.h"

#include "tests/unit/unit.h"

static void what_others_made_up_cannot_control_the_terminal(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "web-1 env=prod\n", "web-1 env=prod\n" },
		{ "a\x1b[2Jb", "a?[2Jb" },
		{ "a\rb\x7f", "a?b?" },
		{ "a\xc2\x9b"
		  "2Jb",
		  "a?2Jb" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "cut\xc2", "cut\xc2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = NULL;
		size_t len;
		FILE *to = open_memstream(&text, &len);

		assert_non_null(to);
		printable_write(to, cases[i].in);
		fclose(to);
		assert_string_equal(text, cases[i].out);
		free(text);
	}
}

static void what_becomes_a_cell_of_a_table_is_one_line(void **state)
{
	char text[] = "a\x1b[2Jb\n\x7f\xc2\x9b\xc3\xa9\xc2";

	(void)state;
	printable_make(text);
	assert_string_equal(text, "a?[2Jb????\xc3\xa9\xc2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_made_up_cannot_control_the_terminal),
		cmocka_unit_test(what_becomes_a_cell_of_a_table_is_one_line),
	};

	return unit_run(tests);
}
