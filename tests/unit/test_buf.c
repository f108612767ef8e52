#include "base/buf.h"

#include "base/err.h"
#include "tests/unit/unit.h"

#include <string.h>

static void what_is_appended_comes_out_in_order(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_append_str(&b, "a");
	buf_appendf(&b, "%d-%s", 42, "x");
	buf_append_byte(&b, '!');
	assert_string_equal(buf_str(&b), "a42-x!");
	buf_deinit(&b);
	assert_string_equal(buf_str(&b), "");
}

static void numbers_are_big_endian(void **state)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 7 };
	struct buf b = { 0 };

	(void)state;
	buf_append_u16(&b, 0x0102);
	buf_append_u32(&b, 0x03040506);
	buf_append_u64(&b, 7);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	buf_deinit(&b);
}

static void past_its_bound_it_stays_as_it_is_and_says_so(void **state)
{
	struct err e = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_append_str(&b, "1234");
	assert_int_equal(buf_check(&b, &e), 0);
	buf_append_byte(&b, '5');
	buf_append_str(&b, "");
	assert_string_equal(buf_str(&b), "1234");
	assert_int_equal(buf_check(&b, &e), ERR_LIMIT);
	assert_string_equal(e.msg, "more than 4 bytes");
	buf_clear(&b);
	buf_append_str(&b, "ok");
	assert_int_equal(buf_check(&b, &e), 0);
	buf_deinit(&b);
}

static void a_huge_reserve_does_not_wrap_around(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_append_str(&b, "x");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.failed, ERR_LIMIT);
	buf_deinit(&b);
}

static void consume_drops_the_front_and_keeps_the_rest(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_append_str(&b, "headbody");
	buf_consume(&b, 4);
	assert_string_equal(buf_str(&b), "body");
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	buf_deinit(&b);
}

static void take_hands_the_bytes_over(void **state)
{
	struct buf b = { 0 };
	uint8_t *taken;
	size_t len;

	(void)state;
	buf_append_str(&b, "mine");
	taken = buf_take(&b, &len);
	assert_int_equal(len, 4);
	assert_string_equal((char *)taken, "mine");
	assert_int_equal(b.len, 0);
	free(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_comes_out_in_order),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(past_its_bound_it_stays_as_it_is_and_says_so),
		cmocka_unit_test(a_huge_reserve_does_not_wrap_around),
		cmocka_unit_test(consume_drops_the_front_and_keeps_the_rest),
		cmocka_unit_test(take_hands_the_bytes_over),
	};

	return unit_run(tests);
}
