#include "crypto/password.h"
#include "crypto/pin.h"
#include "crypto/secret.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct password_cost cheap = { .passes = 1, .memory = 8192 };
static const struct password_cost dearer = { .passes = 2, .memory = 16384 };

static void the_right_password_is_taken_and_no_other(void **state)
{
	static const char *const wrong[] = { "", "correct hors", "correct horse ",
		                             "Correct horse" };
	char hash[PASSWORD_HASH_SIZE];
	struct err err;

	(void)state;
	assert_int_equal(password_hash("correct horse", &cheap, hash, &err), 0);
	assert_memory_equal(hash, "$argon2id$", 10);
	assert_int_equal(password_verify(hash, "correct horse", &err), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(password_verify(hash, wrong[i], &err), ERR_DENIED);
	assert_int_equal(password_verify("", "correct horse", &err), ERR_DENIED);
	assert_int_equal(password_verify("$argon2id$v=19$m=8", "correct horse", &err), ERR_DENIED);
}

static void an_unknown_user_is_told_the_same_as_a_wrong_password(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	struct err wrong, nobody;

	(void)state;
	assert_int_equal(password_hash("x", &cheap, hash, &wrong), 0);
	assert_int_equal(password_verify(hash, "y", &wrong), ERR_DENIED);
	assert_int_equal(password_verify_nobody("y", &cheap, &nobody), ERR_DENIED);
	assert_string_equal(wrong.msg, nobody.msg);
}

static void passwords_of_no_or_too_many_bytes_are_refused(void **state)
{
	char hash[PASSWORD_HASH_SIZE], big[PASSWORD_MAX + 2];
	struct err err;

	(void)state;
	memset(big, 'x', sizeof(big));
	big[PASSWORD_MAX + 1] = 0;
	assert_int_equal(password_hash("", &cheap, hash, &err), ERR_INVALID);
	assert_int_equal(password_hash(big, &cheap, hash, &err), ERR_INVALID);
	big[PASSWORD_MAX] = 0;
	assert_int_equal(password_hash(big, &cheap, hash, &err), 0);
}

static void a_hash_of_another_cost_is_outdated(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	struct err err;

	(void)state;
	assert_int_equal(password_hash("x", &cheap, hash, &err), 0);
	assert_false(password_is_outdated(hash, &cheap));
	assert_true(password_is_outdated(hash, &dearer));
	assert_true(password_is_outdated("rubbish", &cheap));
}

static void tokens_differ_and_fit_into_a_url(void **state)
{
	char a[SECRET_TOKEN_SIZE], b[SECRET_TOKEN_SIZE];

	(void)state;
	secret_token(a);
	secret_token(b);
	assert_int_equal(strlen(a), 43);
	assert_int_equal(
	        strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
	assert_false(secret_str_equal(a, b));
	assert_true(secret_str_equal(a, a));
	assert_false(secret_str_equal(a, NULL));
	assert_false(secret_str_equal(NULL, NULL));
	assert_false(secret_str_equal("ab", "abc"));
}

static void pins_are_read_strictly(void **state)
{
	static const char good[] =
	        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char *const bad[] = {
		"",
		"sha256:",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015adx",
		"sha1:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	char text[PIN_TEXT_SIZE];
	struct pin pin, abc;
	struct err err;

	(void)state;
	assert_int_equal(pin_parse(good, &pin, &err), 0);
	assert_string_equal(pin_format(&pin, text), good);
	pin_of_spki("abc", 3, &abc);
	assert_true(pin_equal(&pin, &abc));
	abc.sha256[31] ^= 1;
	assert_false(pin_equal(&pin, &abc));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pin_parse(bad[i], &pin, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_is_taken_and_no_other),
		cmocka_unit_test(an_unknown_user_is_told_the_same_as_a_wrong_password),
		cmocka_unit_test(passwords_of_no_or_too_many_bytes_are_refused),
		cmocka_unit_test(a_hash_of_another_cost_is_outdated),
		cmocka_unit_test(tokens_differ_and_fit_into_a_url),
		cmocka_unit_test(pins_are_read_strictly),
	};

	return unit_run(tests);
}
