#include "record/plain.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *name;
	const char *in;
	const char *out;
} cases[] = {
	{ "plain text", "hello\r\nworld\r\n", "hello\nworld\n" },
	{ "an unfinished line", "$ ", "$\n" },
	{ "colours", "\x1b[1;32mgreen\x1b[0m\r\n", "green\n" },
	{ "a title", "\x1b]0;alice@web-1: ~\x07$ ls\r\n", "$ ls\n" },
	{ "a title ended by ST", "\x1b]0;title\x1b\\$ ls\r\n", "$ ls\n" },
	{ "a device control string", "a\x1bP1$r0m\x1b\\b\r\n", "ab\n" },
	{ "a character set", "\x1b(Bx\x1b)0y\r\n", "xy\n" },
	{ "a backspaced word", "rm -rf\b\b\b\b\b\bls\x1b[K\r\n", "ls\n" },
	{ "a progress bar", " 10%\r 50%\r100%\r\n", "100%\n" },
	{ "insertion in the middle", "echo c\b\x1b[1@b\r\n", "echo bc\n" },
	{ "deletion in the middle", "abcd\b\b\b\x1b[2P\r\n", "ad\n" },
	{ "cursor left and right", "abc\x1b[2DX\x1b[CY\r\n", "aXcY\n" },
	{ "erase to the left", "abc\x1b[2D\x1b[1Kz\r\n", " zc\n" },
	{ "erase all", "abc\x1b[2K\rz\r\n", "z\n" },
	{ "erased characters", "abcd\r\x1b[2X\r\n", "  cd\n" },
	{ "a column", "ab\x1b[10Gc\r\n", "ab       c\n" },
	{ "tabs", "a\tb\r\n", "a       b\n" },
	{ "a cleared screen", "\x1b[H\x1b[2J$ \r\n", "$\n" },
	{ "rows of a full screen", "\x1b[1;1Hone\x1b[2;1Htwo", "one\ntwo\n" },
	{ "private modes", "\x1b[?2004hx\x1b[?2004l\r\n", "x\n" },
	{ "UTF-8", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\r\n",
	  "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n" },
	{ "a bad byte",
	  "a\xff"
	  "b\r\n",
	  "a\xef\xbf\xbd"
	  "b\n" },
	{ "an overlong slash", "\xe0\x80\xaf\r\n", "\xef\xbf\xbd\n" },
	{ "a character cut by another",
	  "\xc3"
	  "a\r\n",
	  "\xef\xbf\xbd"
	  "a\n" },
	{ "a character cut by the end", "a\xe2\x82", "a\xef\xbf\xbd\n" },
	{ "a bell", "a\ab\r\n", "ab\n" },
	{ "a sequence within a sequence", "\x1b[1\x1b[2Kok\r\n", "ok\n" },
	{ "huge parameters", "ab\x1b[99999999999Cc\x1b[99999999999Dd\r\n", NULL },
};

static void feed(const char *in, size_t piece, struct buf *out)
{
	struct plain *p = plain_new();
	size_t len = strlen(in);

	assert_non_null(p);
	for (size_t at = 0; at < len; at += piece)
		plain_feed(p, in + at, len - at < piece ? len - at : piece, out);
	plain_end(p, out);
	plain_free(p);
}

static void the_lines_are_what_the_screen_showed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= 3; piece++) {
			struct buf out = { 0 };

			feed(cases[i].in, piece, &out);
			if (cases[i].out != NULL && strcmp(buf_str(&out), cases[i].out) != 0)
				fail_msg("%s: got '%s'", cases[i].name, buf_str(&out));
			buf_deinit(&out);
		}
	}
}

static void a_line_without_end_is_broken_and_not_lost(void **state)
{
	struct plain *p = plain_new();
	struct buf out = { 0 };

	(void)state;
	for (int i = 0; i < PLAIN_COLUMNS + 10; i++)
		plain_feed(p, "x", 1, &out);
	plain_end(p, &out);
	assert_int_equal(out.len, PLAIN_COLUMNS + 10 + 2);
	plain_free(p);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lines_are_what_the_screen_showed),
		cmocka_unit_test(a_line_without_end_is_broken_and_not_lost),
	};

	return unit_run(tests);
}
