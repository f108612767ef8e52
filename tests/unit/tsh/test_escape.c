#include "tsh/escape.h"

#include "base/buf.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *keys;
	const char *sent;
	bool left;
} cases[] = {
	{ "ls\r", "ls\r", false },    { "~.", "", true },     { "ls\r~.x", "ls\r", true },
	{ "ls ~.", "ls ~.", false },  { "~~.", "~.", false }, { "~x", "~x", false },
	{ "\r~\r~.", "\r~\r", true }, { "~", "", false },     { "cd ~\r~.", "cd ~\r", true },
	{ "~~\r~.", "~\r", true },
};

static void only_a_tilde_at_the_beginning_of_a_line_leads_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= 8; piece += 7) {
			struct escape e = { 0 };
			struct buf out = { 0 };
			size_t len = strlen(cases[i].keys);
			bool left = false;

			for (size_t at = 0; at < len && !left; at += piece)
				left = escape_feed(&e, cases[i].keys + at,
				                   len - at < piece ? len - at : piece, &out);
			if (left != cases[i].left || strcmp(buf_str(&out), cases[i].sent) != 0)
				fail_msg("case %zu: sent '%s'", i, buf_str(&out));
			buf_deinit(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_tilde_at_the_beginning_of_a_line_leads_out),
	};

	return unit_run(tests);
}
