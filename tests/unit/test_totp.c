#include "crypto/totp.h"

#include "crypto/base32.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define KEY     ((const uint8_t *)"12345678901234567890")
#define KEY_LEN 20

static void codes_are_those_of_rfc_6238(void **state)
{
	static const struct {
		int64_t seconds;
		const char *code; /* the last six of the RFC's eight digits */
	} cases[] = {
		{ 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
		{ 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
	};
	char code[TOTP_CODE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		totp_code(KEY, KEY_LEN, cases[i].seconds / 30, code);
		assert_string_equal(code, cases[i].code);
	}
}

static void a_code_is_good_in_its_step_and_the_ones_beside_it(void **state)
{
	int64_t step = 0, now = 1111111109000;
	struct err err;

	(void)state;
	for (int64_t late = -2; late <= 2; late++) {
		int rc = totp_check(KEY, KEY_LEN, "081 804", now + late * TOTP_STEP_MS, 0, &step,
		                    &err);

		assert_int_equal(rc, late >= -1 && late <= 1 ? 0 : ERR_DENIED);
	}
	assert_int_equal(step, 1111111109 / 30);
}

static void no_code_is_good_twice(void **state)
{
	char later[TOTP_CODE_SIZE];
	int64_t step = 0;
	struct err err;

	(void)state;
	assert_int_equal(totp_check(KEY, KEY_LEN, "287082", 59000, 0, &step, &err), 0);
	assert_int_equal(totp_check(KEY, KEY_LEN, "287082", 59000, step, &step, &err), ERR_DENIED);
	totp_code(KEY, KEY_LEN, 2, later);
	assert_int_equal(totp_check(KEY, KEY_LEN, later, 59000, step, &step, &err), 0);
	assert_int_equal(step, 2);
	assert_int_equal(totp_check(KEY, KEY_LEN, "287082", 59000, step, &step, &err), ERR_DENIED);
}

static void what_is_no_code_is_refused(void **state)
{
	static const char *const bad[] = { "", "28708", "2870822", "28708x", "-87082", "287083" };
	int64_t step = 7;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(totp_check(KEY, KEY_LEN, bad[i], 59000, 0, &step, &err),
		                 ERR_DENIED);
	assert_int_equal(step, 7);
}

static void keys_are_made_anew_each_time(void **state)
{
	uint8_t a[TOTP_KEY_SIZE], b[TOTP_KEY_SIZE];

	(void)state;
	totp_key(a);
	totp_key(b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void the_uri_escapes_names(void **state)
{
	struct buf uri = { 0 };

	(void)state;
	totp_append_uri(&uri, "example", "a&b@c", KEY, KEY_LEN);
	assert_string_equal(buf_str(&uri), "otpauth://totp/example:a%26b%40c?secret="
	                                   "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=example");
	buf_deinit(&uri);
}

static void base32_matches_the_vectors_of_rfc_4648(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },         { "f", "MY" },         { "fo", "MZXQ" },
		{ "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "foobar", "MZXW6YTBOI" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = { 0 };

		base32_append(&b, cases[i][0], strlen(cases[i][0]));
		assert_string_equal(buf_str(&b), cases[i][1]);
		buf_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_rfc_6238),
		cmocka_unit_test(a_code_is_good_in_its_step_and_the_ones_beside_it),
		cmocka_unit_test(no_code_is_good_twice),
		cmocka_unit_test(what_is_no_code_is_refused),
		cmocka_unit_test(keys_are_made_anew_each_time),
		cmocka_unit_test(the_uri_escapes_names),
		cmocka_unit_test(base32_matches_the_vectors_of_rfc_4648),
	};

	return unit_run(tests);
}
