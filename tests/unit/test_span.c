#include "base/span.h"

#include "tests/unit/unit.h"

static const uint8_t bytes[] = { 1, 2, 3, 0, 2, 0xfe, 0xff, 9 };

static void numbers_and_vectors_come_in_turn(void **state)
{
	struct span s = span_of(bytes, sizeof(bytes));
	struct span v;

	(void)state;
	assert_int_equal(span_number(&s, 3), 0x010203);
	v = span_vector(&s, 2);
	assert_false(v.failed);
	assert_int_equal(v.left, 2);
	assert_int_equal(span_number(&v, 2), 0xfeff);
	assert_int_equal(s.left, 1);
	assert_int_equal(*span_skip(&s, 1), 9);
	assert_false(s.failed);
	assert_int_equal(span_u32_at(bytes + 4), 0x02feff09);
}

static void failure_is_sticky(void **state)
{
	struct span s = span_of(bytes, 3);

	(void)state;
	assert_int_equal(span_number(&s, 4), 0);
	assert_true(s.failed);
	assert_int_equal(span_number(&s, 1), 0);
	assert_null(span_skip(&s, 0));
}

static void a_vector_that_is_not_all_there_fails_with_its_span(void **state)
{
	struct span s = span_of(bytes, 2); /* says 1 byte, then has it; then says 2 */
	struct span v = span_vector(&s, 1);

	(void)state;
	assert_false(v.failed);
	assert_int_equal(v.left, 1);
	s = span_of(bytes + 1, 2);
	v = span_vector(&s, 1);
	assert_true(v.failed && s.failed);
	assert_int_equal(v.left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_vectors_come_in_turn),
		cmocka_unit_test(failure_is_sticky),
		cmocka_unit_test(a_vector_that_is_not_all_there_fails_with_its_span),
	};

	return unit_run(tests);
}
