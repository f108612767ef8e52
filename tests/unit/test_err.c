#include "base/err.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

static void wrap_puts_context_before_the_cause(void **state)
{
	struct err e = { 0 };

	(void)state;
	err_set(&e, ERR_NOT_FOUND, "no such user '%s'", "bob");
	assert_int_equal(err_wrap(&e, "sign certificate"), ERR_NOT_FOUND);
	assert_string_equal(e.msg, "sign certificate: no such user 'bob'");
}

static void a_message_that_is_too_long_is_cut_and_says_so(void **state)
{
	struct err e = { 0 };
	char big[2 * ERR_MSG_SIZE];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	assert_int_equal(err_set(&e, ERR_INVALID, "%s", big), ERR_INVALID);
	assert_int_equal(strlen(e.msg), ERR_MSG_SIZE - 1);
	assert_string_equal(e.msg + ERR_MSG_SIZE - 4, "...");
	err_wrap(&e, "read file");
	assert_memory_equal(e.msg, "read file: xxx", 14);
	assert_string_equal(e.msg + ERR_MSG_SIZE - 4, "...");
}

static void the_text_of_errno_comes_last(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set_errno(&e, ERR_IO, ENOENT, "open '%s'", "/x"), ERR_IO);
	assert_string_equal(e.msg, "open '/x': No such file or directory");
}

static void every_code_has_a_name(void **state)
{
	(void)state;
	for (int code = 0; code < ERR_CODES; code++)
		assert_non_null(err_name(code));
	assert_string_equal(err_name(-1), "unknown");
	assert_string_equal(err_name(ERR_CODES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrap_puts_context_before_the_cause),
		cmocka_unit_test(a_message_that_is_too_long_is_cut_and_says_so),
		cmocka_unit_test(the_text_of_errno_comes_last),
		cmocka_unit_test(every_code_has_a_name),
	};

	return unit_run(tests);
}
