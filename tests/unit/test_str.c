#include "base/str.h"

#include "base/err.h"
#include "tests/unit/unit.h"

#include <string.h>

static void durations_are_read_and_written_as_go_does(void **state)
{
	static const struct {
		const char *in;
		int64_t ms;
		const char *out;
	} rows[] = {
		{ "8h", 28800000, "8h0m0s" }, { "1h30m", 5400000, "1h30m0s" },
		{ "250ms", 250, "250ms" },    { "90s", 90000, "1m30s" },
		{ "1.5s", 1500, "1.5s" },     { "0", 0, "0s" },
		{ "never", 0, "0s" },         { "1h1m1.25s", 3661250, "1h1m1.25s" },
	};
	char text[STR_DURATION_SIZE];
	struct err e = { 0 };
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(str_to_duration(rows[i].in, &ms, &e), 0);
		assert_int_equal(ms, rows[i].ms);
		assert_string_equal(str_from_duration(text, sizeof(text), ms), rows[i].out);
	}
}

static void what_is_no_duration_is_refused_with_the_way_to_write_it(void **state)
{
	static const char *const bad[] = { "",      "8",   "8 hours", "h",   "-1h",      "1h ",
		                           "1..5s", "nan", "1d",      "inf", "99999999h" };
	struct err e = { 0 };
	int64_t ms = -7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(str_to_duration(bad[i], &ms, &e), ERR_INVALID);
	assert_int_equal(ms, -7);
	str_to_duration("8 hours", &ms, &e);
	assert_string_equal(e.msg, "'8 hours' is not a duration (write '8h', '1h30m' or '90s')");
}

static void times_are_rfc_3339_in_utc(void **state)
{
	char text[STR_TIME_SIZE];
	struct err e = { 0 };
	int64_t ms;

	(void)state;
	assert_int_equal(str_to_time("2030-01-31T12:00:00Z", &ms, &e), 0);
	assert_string_equal(str_from_time(text, sizeof(text), ms), "2030-01-31T12:00:00Z");
	assert_int_equal(str_to_time("2030-01-31T12:00:00.25Z", &ms, &e), 0);
	assert_string_equal(str_from_time(text, sizeof(text), ms), "2030-01-31T12:00:00.250Z");
	assert_int_equal(str_to_time("2030-01-31 12:00", &ms, &e), ERR_INVALID);
	assert_int_equal(str_to_time("2030-01-31T12:00:00", &ms, &e), ERR_INVALID);
	assert_int_equal(str_to_time("2030-01-31T12:00:00+01:00", &ms, &e), ERR_INVALID);
}

static void numbers_are_whole_and_within_bounds(void **state)
{
	struct err e = { 0 };
	int64_t v = 5;

	(void)state;
	assert_int_equal(str_to_i64("12", 1, 12, &v, &e), 0);
	assert_int_equal(v, 12);
	assert_int_equal(str_to_i64("13", 1, 12, &v, &e), ERR_INVALID);
	assert_string_equal(e.msg, "13 is not between 1 and 12");
	assert_int_equal(str_to_i64("1x", 0, 99, &v, &e), ERR_INVALID);
	assert_int_equal(str_to_i64("", 0, 99, &v, &e), ERR_INVALID);
	assert_int_equal(str_to_i64(" 1", 0, 99, &v, &e), ERR_INVALID);
	assert_int_equal(str_to_i64("99999999999999999999", 0, INT64_MAX, &v, &e), ERR_INVALID);
	assert_int_equal(v, 12);
}

static void a_copy_that_does_not_fit_leaves_an_empty_string(void **state)
{
	char dst[4];

	(void)state;
	assert_int_equal(str_copy(dst, sizeof(dst), "abc"), 0);
	assert_string_equal(dst, "abc");
	assert_int_equal(str_copy(dst, sizeof(dst), "abcd"), ERR_LIMIT);
	assert_string_equal(dst, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_and_written_as_go_does),
		cmocka_unit_test(what_is_no_duration_is_refused_with_the_way_to_write_it),
		cmocka_unit_test(times_are_rfc_3339_in_utc),
		cmocka_unit_test(numbers_are_whole_and_within_bounds),
		cmocka_unit_test(a_copy_that_does_not_fit_leaves_an_empty_string),
	};

	return unit_run(tests);
}
