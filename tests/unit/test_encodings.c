#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/hex.h"
#include "crypto/pem.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

static void base64_matches_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *padded, *url;
	} cases[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+", "-__-" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = { 0 };

		base64_append(&b, cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(buf_str(&b), cases[i].padded);
		buf_clear(&b);
		base64url_append(&b, cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(buf_str(&b), cases[i].url);
		buf_clear(&b);
		assert_int_equal(base64_decode(cases[i].padded, strlen(cases[i].padded), &b, &err),
		                 0);
		assert_string_equal(buf_str(&b), cases[i].plain);
		buf_clear(&b);
		assert_int_equal(base64url_decode(cases[i].url, strlen(cases[i].url), &b, &err), 0);
		assert_string_equal(buf_str(&b), cases[i].plain);
		buf_deinit(&b);
	}
}

static void base64_that_is_not_exact_is_refused(void **state)
{
	static const char *const bad[] = { "Zg",   "Zg=",  "Zg===",    "Z",     "Zm9v\n", " Zm9v",
		                           "Zh==", "-__-", "Zg==Zg==", "Zm9v=", "Zm*v" };
	struct buf b = { 0 };
	struct err err;

	(void)state;
	buf_append_str(&b, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &b, &err), ERR_INVALID);
		assert_string_equal(buf_str(&b), "kept");
	}
	assert_int_equal(base64url_decode("Zg==", 4, &b, &err), ERR_INVALID);
	buf_deinit(&b);
}

static void hex_takes_exactly_its_digits(void **state)
{
	static const char *const bad[] = { "", "0", "00f", "00ff00", "0g", "0 ff", "zz00", " 00f" };
	uint8_t bytes[2];
	char text[5];
	struct err err;

	(void)state;
	assert_int_equal(hex_decode("00Ff", bytes, 2, &err), 0);
	assert_string_equal(hex_encode(text, bytes, 2), "00ff");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hex_decode(bad[i], bytes, 2, &err), ERR_INVALID);
}

static void pem_blocks_are_read_one_after_the_other(void **state)
{
	char label[PEM_LABEL_SIZE];
	struct buf text = { 0 }, der = { 0 };
	size_t used, at = 0;
	uint8_t big[200];
	struct err err;

	(void)state;
	memset(big, 7, sizeof(big));
	buf_append_str(&text, "words\n");
	pem_append(&text, "ONE", big, sizeof(big));
	buf_append_str(&text, "more words\n");
	pem_append(&text, "TWO", "x", 1);
	assert_true(pem_is(text.data, text.len));
	assert_int_equal(pem_next(buf_str(&text), text.len, label, &der, &used, &err), 0);
	assert_string_equal(label, "ONE");
	assert_int_equal(der.len, sizeof(big));
	assert_memory_equal(der.data, big, sizeof(big));
	at += used;
	buf_clear(&der);
	assert_int_equal(pem_next(buf_str(&text) + at, text.len - at, label, &der, &used, &err), 0);
	assert_string_equal(label, "TWO");
	at += used;
	assert_int_equal(pem_next(buf_str(&text) + at, text.len - at, label, &der, &used, &err),
	                 ERR_NOT_FOUND);
	buf_deinit(&text);
	buf_deinit(&der);
}

static void broken_pem_is_refused(void **state)
{
	static const char *const bad[] = {
		"-----BEGIN ",
		"-----BEGIN A\n-----\n",
		"-----BEGIN A-----\nAAAA\n",
		"-----BEGIN A-----\nAAAA\n-----END B-----\n",
		"-----BEGIN A-----\nA A=\n-----END A-----\n",
		"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n",
		"-----BEGIN "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-----\n",
	};
	char label[PEM_LABEL_SIZE];
	struct buf der = { 0 };
	struct err err;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pem_next(bad[i], strlen(bad[i]), label, &der, &used, &err),
		                 ERR_INVALID);
	buf_deinit(&der);
}

static void hashes_match_known_ones(void **state)
{
	uint8_t once[HASH_SIZE], pieces[HASH_SIZE];
	char text[2 * HASH_SIZE + 1];
	struct hash h;

	(void)state;
	hash_sha256("abc", 3, once);
	assert_string_equal(hex_encode(text, once, HASH_SIZE),
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_init(&h);
	hash_update(&h, "a", 1);
	hash_update(&h, "bc", 2);
	hash_final(&h, pieces);
	assert_memory_equal(once, pieces, HASH_SIZE);
	/* RFC 4231, test case 2 */
	hash_hmac("Jefe", 4, "what do ya want for nothing?", 28, once);
	assert_string_equal(hex_encode(text, once, HASH_SIZE),
	                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_matches_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64_that_is_not_exact_is_refused),
		cmocka_unit_test(hex_takes_exactly_its_digits),
		cmocka_unit_test(pem_blocks_are_read_one_after_the_other),
		cmocka_unit_test(broken_pem_is_refused),
		cmocka_unit_test(hashes_match_known_ones),
	};

	return unit_run(tests);
}
