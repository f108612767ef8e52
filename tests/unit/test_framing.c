#include "wire/framing.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields.h"

#include "proto/dial.fields.h"

#include "tests/unit/unit.h"

#include <string.h>

static void a_message_comes_back_from_any_prefix_that_holds_it(void **state)
{
	pv_DialRequest in = { .target = (char *)"web-1", .login = (char *)"root" };
	struct buf bytes = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(framing_append(&pv_DialRequest_table, &in, 4096, &bytes, &err), 0);
	buf_append_str(&bytes, "SSH-2.0-"); /* what follows is left alone */
	for (size_t len = 0; len <= bytes.len; len++) {
		pv_DialRequest out = { 0 };
		size_t used = 99;

		assert_int_equal(framing_decode(&pv_DialRequest_table, bytes.data, len, 4096, &out,
		                                &used, &err),
		                 0);
		if (len < bytes.len - 8) {
			assert_int_equal(used, 0);
			continue;
		}
		assert_int_equal(used, bytes.len - 8);
		assert_string_equal(out.target, "web-1");
		fields_release(&pv_DialRequest_table, &out);
	}
	buf_deinit(&bytes);
}

static void a_length_beyond_the_bound_is_refused_at_once(void **state)
{
	static const uint8_t huge[] = { 0, 1, 0, 1 };
	pv_DialRequest out = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	(void)state;
	assert_int_equal(framing_decode(&pv_DialRequest_table, huge, 4, 65536, &out, &used, &err),
	                 ERR_LIMIT);
}

static void bytes_that_are_no_message_are_refused(void **state)
{
	static const uint8_t bad[] = { 0, 0, 0, 2, 0xff, 0xff };
	pv_DialRequest out = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	(void)state;
	assert_int_equal(framing_decode(&pv_DialRequest_table, bad, 6, 65536, &out, &used, &err),
	                 ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back_from_any_prefix_that_holds_it),
		cmocka_unit_test(a_length_beyond_the_bound_is_refused_at_once),
		cmocka_unit_test(bytes_that_are_no_message_are_refused),
	};

	return unit_run(tests);
}
