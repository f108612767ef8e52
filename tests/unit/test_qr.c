#include "wire/qr.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define QUIET 4

/* The modules of an <svg>: '#' dark, ' ' light; 21 a side for so short a text. */
static void read_svg(const char *svg, char grid[21][21])
{
	memset(grid, ' ', 21 * 21);
	for (const char *at = strchr(svg, 'M'); at != NULL; at = strchr(at + 1, 'M')) {
		char *end;
		long x = strtol(at + 1, &end, 10) - QUIET, y = strtol(end, NULL, 10) - QUIET;

		assert_in_range(x, 0, 20);
		assert_in_range(y, 0, 20);
		grid[y][x] = '#';
	}
}

static void three_corners_of_the_picture_are_finder_patterns(void **state)
{
	static const char *const finder[] = { "#######", "#     #", "# ### #", "# ### #",
		                              "# ### #", "#     #", "#######" };
	static const int corners[][2] = { { 0, 0 }, { 14, 0 }, { 0, 14 } };
	struct buf svg = { 0 };
	char grid[21][21];
	struct err err;

	(void)state;
	assert_int_equal(qr_append_svg(&svg, "postern", &err), 0);
	assert_null(strstr(buf_str(&svg), "script"));
	read_svg(buf_str(&svg), grid);
	for (int c = 0; c < 3; c++)
		for (int y = 0; y < 7; y++)
			assert_memory_equal(&grid[corners[c][1] + y][corners[c][0]], finder[y], 7);
	buf_deinit(&svg);
}

static void the_text_is_the_same_picture(void **state)
{
	static const char *const blocks[] = { "\u2588", "\u2580", "\u2584", " " };
	struct buf svg = { 0 }, text = { 0 };
	char grid[21][21];
	const char *at;
	struct err err;

	(void)state;
	assert_int_equal(qr_append_svg(&svg, "postern", &err), 0);
	assert_int_equal(qr_append_text(&text, "postern", &err), 0);
	read_svg(buf_str(&svg), grid);
	at = buf_str(&text);
	for (int y = -QUIET; y < 21 + QUIET; y += 2, at++)
		for (int x = -QUIET; x < 21 + QUIET; x++) {
			bool inside = x >= 0 && x < 21;
			bool upper = inside && y >= 0 && y < 21 && grid[y][x] == '#';
			bool lower = inside && y + 1 >= 0 && y + 1 < 21 && grid[y + 1][x] == '#';
			const char *want = blocks[upper ? (lower ? 3 : 2) : lower ? 1 : 0];

			assert_memory_equal(at, want, strlen(want));
			at += strlen(want);
		}
	assert_string_equal(at, "");
	buf_deinit(&svg);
	buf_deinit(&text);
}

static void too_long_a_text_is_refused(void **state)
{
	char text[4000];
	struct buf out = { 0 };
	struct err err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(qr_append_text(&out, text, &err), ERR_LIMIT);
	assert_int_equal(qr_append_svg(&out, text, &err), ERR_LIMIT);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_corners_of_the_picture_are_finder_patterns),
		cmocka_unit_test(the_text_is_the_same_picture),
		cmocka_unit_test(too_long_a_text_is_refused),
	};

	return unit_run(tests);
}
