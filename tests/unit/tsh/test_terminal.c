#include "tsh/terminal.h"

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
		terminal_print(to, cases[i].in);
		fclose(to);
		assert_string_equal(text, cases[i].out);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_made_up_cannot_control_the_terminal),
	};

	return unit_run(tests);
}
