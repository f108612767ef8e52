#include "crypto/gcm_wrap.h"

#include "base/rand.h"

#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>

#define TEXT_MAX 2048
#define CASES    4000

/* One random message, sealed by one implementation and opened by the other. */
struct message {
	unsigned char key[32];
	unsigned char iv[12];
	unsigned char add[64];
	unsigned char text[TEXT_MAX];
	unsigned char tag[16];
	size_t len;
	size_t add_len;
};

static void random_message(struct message *m)
{
	rand_bytes(m, sizeof(*m));
	m->len = rand_below(TEXT_MAX);
	m->add_len = rand_below(sizeof(m->add) + 1);
}

static int seal_real(const struct message *m, unsigned char *out, unsigned char tag[16])
{
	mbedtls_gcm_context gcm;
	int ret;

	mbedtls_gcm_init(&gcm);
	ret = __real_mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, m->key, 256);
	if (ret == 0)
		ret = __real_mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, m->len, m->iv, 12,
		                                       m->add, m->add_len, m->text, out, 16, tag);
	__real_mbedtls_gcm_free(&gcm);
	return ret;
}

/* The result of opening with the wrapped functions; the text in `out`. */
static int open_wrapped(const struct message *m, const unsigned char *sealed,
                        const unsigned char tag[16], unsigned char *out)
{
	mbedtls_gcm_context gcm;
	int ret;

	mbedtls_gcm_init(&gcm);
	ret = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, m->key, 256);
	if (ret == 0)
		ret = mbedtls_gcm_auth_decrypt(&gcm, m->len, m->iv, 12, m->add, m->add_len, tag, 16,
		                               sealed, out);
	mbedtls_gcm_free(&gcm);
	return ret;
}

/* 0 when both implementations agree on this message, in place too. */
static int compare_once(void)
{
	unsigned char a[TEXT_MAX], b[TEXT_MAX + 1], tag_a[16], tag_b[16];
	size_t shift = rand_below(2); /* misaligned every other time */
	mbedtls_gcm_context gcm;
	struct message m;
	int bad;

	random_message(&m);
	bad = seal_real(&m, a, tag_a);
	mbedtls_gcm_init(&gcm);
	bad |= mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, m.key, 256);
	memcpy(b + shift, m.text, m.len);
	bad |= mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, m.len, m.iv, 12, m.add,
	                                 m.add_len, b + shift, b + shift, 16, tag_b);
	mbedtls_gcm_free(&gcm);
	bad |= memcmp(a, b + shift, m.len) != 0 || memcmp(tag_a, tag_b, 16) != 0;
	bad |= open_wrapped(&m, a, tag_a, a) != 0 || memcmp(a, m.text, m.len) != 0;
	return bad;
}

static void both_implementations_agree_on_random_messages(void **state)
{
	(void)state;
	for (int i = 0; i < CASES; i++)
		assert_int_equal(compare_once(), 0);
}

static void *compare_many(void *bad)
{
	for (int i = 0; i < CASES / 4; i++)
		*(int *)bad |= compare_once();
	return NULL;
}

static void both_agree_over_four_threads(void **state)
{
	pthread_t threads[4];
	int bad[4] = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, compare_many, &bad[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(bad[i], 0);
	}
}

static void every_forgery_is_refused_and_leaves_no_text(void **state)
{
	unsigned char sealed[TEXT_MAX], out[TEXT_MAX], tag[16];
	static const unsigned char zeroes[TEXT_MAX];

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct message m;
		unsigned char *victims[] = { tag, m.iv, sealed, m.add, m.key };

		random_message(&m);
		m.len += m.len == 0;
		m.add_len += m.add_len == 0;
		assert_int_equal(seal_real(&m, sealed, tag), 0);
		victims[i % 5][0] ^= (unsigned char)(1u << rand_below(8));
		assert_int_equal(open_wrapped(&m, sealed, tag, out), MBEDTLS_ERR_GCM_AUTH_FAILED);
		assert_memory_equal(out, zeroes, m.len);
	}
}

static void a_context_that_gets_another_key_forgets_the_first(void **state)
{
	unsigned char sealed[TEXT_MAX], tag[16], out[TEXT_MAX];
	mbedtls_gcm_context gcm;
	struct message m;

	(void)state;
	random_message(&m);
	assert_int_equal(seal_real(&m, sealed, tag), 0);
	mbedtls_gcm_init(&gcm);
	m.key[0] ^= 1;
	mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, m.key, 256);
	assert_int_not_equal(mbedtls_gcm_auth_decrypt(&gcm, m.len, m.iv, 12, m.add, m.add_len, tag,
	                                              16, sealed, out),
	                     0);
	m.key[0] ^= 1;
	mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, m.key, 256);
	assert_int_equal(mbedtls_gcm_auth_decrypt(&gcm, m.len, m.iv, 12, m.add, m.add_len, tag, 16,
	                                          sealed, out),
	                 0);
	mbedtls_gcm_free(&gcm);
}

/* 128-bit keys, short tags and long nonces go to mbedTLS itself: same results as before. */
static void what_libsodium_does_not_do_still_works(void **state)
{
	unsigned char sealed[64], tag[16], out[64];
	static const struct {
		unsigned bits;
		size_t iv_len, tag_len;
	} cases[] = { { 128, 12, 16 }, { 192, 12, 16 }, { 256, 16, 16 }, { 256, 12, 12 } };
	struct message m;

	(void)state;
	random_message(&m);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mbedtls_gcm_context gcm;

		mbedtls_gcm_init(&gcm);
		mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, m.key, cases[i].bits);
		mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, 64, m.text, cases[i].iv_len,
		                          m.add, 8, m.text, sealed, cases[i].tag_len, tag);
		assert_int_equal(mbedtls_gcm_auth_decrypt(&gcm, 64, m.text, cases[i].iv_len, m.add,
		                                          8, tag, cases[i].tag_len, sealed, out),
		                 0);
		assert_memory_equal(out, m.text, 64);
		mbedtls_gcm_free(&gcm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_implementations_agree_on_random_messages),
		cmocka_unit_test(both_agree_over_four_threads),
		cmocka_unit_test(every_forgery_is_refused_and_leaves_no_text),
		cmocka_unit_test(a_context_that_gets_another_key_forgets_the_first),
		cmocka_unit_test(what_libsodium_does_not_do_still_works),
	};

	return unit_run(tests);
}
