#include "crypto/key.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/pubkey.h"

#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>

/* openssl ecparam -name prime256v1 -genkey, and the same key as PKCS#8 */
static const char sec1[] = "-----BEGIN EC PARAMETERS-----\n"
                           "BggqhkjOPQMBBw==\n"
                           "-----END EC PARAMETERS-----\n"
                           "-----BEGIN EC PRIVATE KEY-----\n"
                           "MHcCAQEEIBHInTZO1HX29GaOj//yhwp3jc0Q09V+s7nFknw9HudHoAoGCCqGSM49\n"
                           "AwEHoUQDQgAEA46rFBdW2gY3QpQlzImeIZ5mWjq2jNxsKq6t5CAZg6zgTyVUdXAB\n"
                           "J0Qfk/gj5kovLl6X9bn8dk4qv4JaW0Y1Iw==\n"
                           "-----END EC PRIVATE KEY-----\n";
static const char pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEcidNk7Udfb0Zo6P\n"
                            "//KHCneNzRDT1X6zucWSfD0e50ehRANCAAQDjqsUF1baBjdClCXMiZ4hnmZaOraM\n"
                            "3Gwqrq3kIBmDrOBPJVR1cAEnRB+T+CPmSi8uXpf1ufx2Tiq/glpbRjUj\n"
                            "-----END PRIVATE KEY-----\n";
static const char rsa_1024[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                               "MIICWwIBAAKBgQDElwfBTlth8YN3WyKshQs+7oD7dls8nTNSmFlGtBxld+HRLWGZ\n"
                               "EAVJis1jr5bUR/7Lrzwof5F0WADifiM6Eb4U2b5IJ/HWhi5BFzp6122cyIVi0zeH\n"
                               "QpG9IXdkXwz9GAbIu22mc6qIK4HZ3VuEufAZvsnnCPNiWhQzBDf42zsz6wIDAQAB\n"
                               "AoGAXN0zLp9DD5s0jPciA/i8/TdQ+nhIVPO1QLjywzFlkJD2vQcA6Xrl5H2K1CIn\n"
                               "z5NKyxC2DDNmlFzV3ifToCStcvwJqgEukygg87Yi+8oM0IAAEykRrNVUlD3EQkFl\n"
                               "/d8mxofpxBR4fqHbcEsYio8UUwOi0sf2t2P6M+tQut/sH0ECQQDjZ5OQHxBQnUpI\n"
                               "JxT/rOskT7YoWjjAFZzjfkx1mYEfDq+In0Hfo6ZsNE6jb0k4TatpCnCf6aSyxFz5\n"
                               "dyvbdVFxAkEA3U9+icLDHFgW4nhAHB42/CPrRdtSpw5yJ5NhmAvgWhxz6BllK/Hz\n"
                               "kqoxBUpOdnJ37XlJPK+T/LycZITY1dbtGwJAfIM9/O/FUx6Mia08hjH8Hkm3B6k+\n"
                               "4Y3z9Ww2GT4PwR2dZ0UsIHPOr/iEBmDsynNco4sf169qiqeR8NYboXI/QQJAB8fD\n"
                               "qxQtx9FQ/KU9m790L2kT3GDZhwX6/WkxBSdlu8VETeSWqfTXm1BgaM8z8vYTQUYC\n"
                               "TR/fFAONe/svpFTqAQJADvw32yL3h/bzNpxwB2guJrWCuag/WXPZ1ljxox/TRkHT\n"
                               "JX24rzwAb9ZitEv3u9O50PxJBp85xTGrFuuDdILdbA==\n"
                               "-----END RSA PRIVATE KEY-----\n";

static struct key *load(const char *pem)
{
	struct key *k;
	struct err err;

	if (key_load(pem, strlen(pem), &k, &err) != 0)
		fail_msg("%s", err.msg);
	return k;
}

static void openssls_two_forms_of_one_key_are_the_same_key(void **state)
{
	struct key *a = load(sec1), *b = load(pkcs8);

	(void)state;
	assert_true(pubkey_equal(key_public(a), key_public(b)));
	key_unref(a);
	key_unref(b);
}

static void a_key_survives_pem_and_der(void **state)
{
	struct buf pem = { 0 }, der = { 0 };
	struct key *k, *from_pem, *from_der;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(&k, &err), 0);
	assert_int_equal(key_append_pem(k, &pem, &err), 0);
	assert_int_equal(key_append_der(k, &der, &err), 0);
	assert_memory_equal(buf_str(&pem), "-----BEGIN EC PRIVATE KEY-----\n", 31);
	from_pem = load(buf_str(&pem));
	assert_int_equal(key_load(der.data, der.len, &from_der, &err), 0);
	assert_true(pubkey_equal(key_public(k), key_public(from_pem)));
	assert_true(pubkey_equal(key_public(k), key_public(from_der)));
	key_unref(from_der);
	key_unref(from_pem);
	key_unref(k);
	buf_wipe(&pem);
	buf_wipe(&der);
}

static void a_signature_is_good_for_its_key_and_text_alone(void **state)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct key *k, *other;
	struct err err;
	size_t len;

	(void)state;
	assert_int_equal(key_generate(&k, &err), 0);
	assert_int_equal(key_generate(&other, &err), 0);
	assert_int_equal(key_sign(k, "text", 4, signature, &len, &err), 0);
	assert_int_equal(pubkey_verify(key_public(k), "text", 4, signature, len, &err), 0);
	assert_int_equal(pubkey_verify(key_public(k), "texu", 4, signature, len, &err), ERR_DENIED);
	assert_int_equal(pubkey_verify(key_public(other), "text", 4, signature, len, &err),
	                 ERR_DENIED);
	assert_int_equal(pubkey_verify(key_public(k), "text", 4, signature, len - 1, &err),
	                 ERR_DENIED);
	assert_int_equal(pubkey_verify(key_public(k), "text", 4, signature, 0, &err), ERR_DENIED);
	key_unref(k);
	key_unref(other);
}

static void *sign_many(void *key)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct err err;
	size_t len;

	for (int i = 0; i < 50; i++) {
		if (key_sign(key, "text", 4, signature, &len, &err) != 0 ||
		    pubkey_verify(key_public(key), "text", 4, signature, len, &err) != 0)
			return key;
	}
	return NULL;
}

static void many_threads_sign_with_one_key(void **state)
{
	pthread_t threads[4];
	struct key *k = load(sec1);
	void *failed;

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, sign_many, k);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	key_unref(k);
}

static void what_is_no_key_or_a_weak_one_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"rubbish",
		"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
		"-----BEGIN EC PRIVATE KEY-----\nAAAA\n",
		"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n"
		"-----END EC PRIVATE KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		rsa_1024,
	};
	struct key *k;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(key_load(bad[i], strlen(bad[i]), &k, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "1024 bits"));
}

static void public_keys_survive_pem_and_refuse_more(void **state)
{
	struct key *k = load(sec1);
	struct buf pem = { 0 }, longer = { 0 };
	const uint8_t *der;
	struct pubkey *p;
	struct err err;
	size_t len;

	(void)state;
	pubkey_append_pem(key_public(k), &pem);
	assert_int_equal(pubkey_load(pem.data, pem.len, &p, &err), 0);
	assert_true(pubkey_equal(p, key_public(k)));
	pubkey_unref(p);
	der = pubkey_der(key_public(k), &len);
	buf_append(&longer, der, len);
	buf_append_byte(&longer, 0);
	assert_int_equal(pubkey_load(longer.data, longer.len, &p, &err), ERR_INVALID);
	assert_int_equal(pubkey_load(der, len - 1, &p, &err), ERR_INVALID);
	assert_int_equal(pubkey_load(sec1, strlen(sec1), &p, &err), ERR_INVALID);
	buf_deinit(&pem);
	buf_deinit(&longer);
	key_unref(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssls_two_forms_of_one_key_are_the_same_key),
		cmocka_unit_test(a_key_survives_pem_and_der),
		cmocka_unit_test(a_signature_is_good_for_its_key_and_text_alone),
		cmocka_unit_test(many_threads_sign_with_one_key),
		cmocka_unit_test(what_is_no_key_or_a_weak_one_is_refused),
		cmocka_unit_test(public_keys_survive_pem_and_refuse_more),
	};

	return unit_run(tests);
}
