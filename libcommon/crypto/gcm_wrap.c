#include "crypto/gcm_wrap.h"

#include "crypto/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BITS 256
#define IV_LEN   crypto_aead_aes256gcm_NPUBBYTES
#define TAG_LEN  crypto_aead_aes256gcm_ABYTES

/* Many buckets, so that lists stay short with 10,000 connections; few locks, held for a few steps.
 */
#define BUCKETS 4096
#define LOCKS   64

struct entry {
	crypto_aead_aes256gcm_state state; /* first: it wants 16-byte alignment */
	const mbedtls_gcm_context *ctx;
	struct entry *next;
};

static struct entry *buckets[BUCKETS];
static pthread_mutex_t locks[LOCKS] = { [0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER };

static size_t bucket_of(const mbedtls_gcm_context *ctx)
{
	uint64_t mixed = (uint64_t)(uintptr_t)ctx * UINT64_C(0x9e3779b97f4a7c15);

	return mixed >> 52; /* the top 12 bits: 0 to BUCKETS - 1 */
}

static void lock(size_t bucket)
{
	pthread_mutex_lock(&locks[bucket % LOCKS]);
}

static void unlock(size_t bucket)
{
	pthread_mutex_unlock(&locks[bucket % LOCKS]);
}

static struct entry **find(size_t bucket, const mbedtls_gcm_context *ctx)
{
	struct entry **at = &buckets[bucket];

	while (*at != NULL && (*at)->ctx != ctx)
		at = &(*at)->next;
	return at;
}

/* What comes back stays: only the thread that owns ctx would drop it. */
static const crypto_aead_aes256gcm_state *state_of(const mbedtls_gcm_context *ctx)
{
	size_t bucket = bucket_of(ctx);
	struct entry *e;

	lock(bucket);
	e = *find(bucket, ctx);
	unlock(bucket);
	return e != NULL ? &e->state : NULL;
}

static void drop(const mbedtls_gcm_context *ctx)
{
	size_t bucket = bucket_of(ctx);
	struct entry **at;
	struct entry *e;

	lock(bucket);
	at = find(bucket, ctx);
	e = *at;
	if (e != NULL)
		*at = e->next;
	unlock(bucket);
	secret_free(e, sizeof(*e));
}

/* Without memory there is no entry, and mbedTLS does the work. */
static void enter(const mbedtls_gcm_context *ctx, const unsigned char *key)
{
	size_t bucket = bucket_of(ctx);
	struct entry *e;

	if (sodium_init() < 0 || !crypto_aead_aes256gcm_is_available())
		return;
	e = aligned_alloc(_Alignof(struct entry), sizeof(*e));
	if (e == NULL)
		return;
	crypto_aead_aes256gcm_beforenm(&e->state, key);
	e->ctx = ctx;
	lock(bucket);
	e->next = buckets[bucket];
	buckets[bucket] = e;
	unlock(bucket);
}

/* Exactly in place is fine with libsodium, half over each other is not. */
static bool overlaps_badly(const unsigned char *in, const unsigned char *out, size_t len)
{
	return in != out && in < out + len && out < in + len;
}

int __wrap_mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
                              const unsigned char *key, unsigned int keybits)
{
	int ret;

	drop(ctx);
	ret = __real_mbedtls_gcm_setkey(ctx, cipher, key, keybits);
	if (ret == 0 && cipher == MBEDTLS_CIPHER_ID_AES && keybits == KEY_BITS)
		enter(ctx, key);
	return ret;
}

int __wrap_mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
                                     const unsigned char *iv, size_t iv_len,
                                     const unsigned char *add, size_t add_len,
                                     const unsigned char *input, unsigned char *output,
                                     size_t tag_len, unsigned char *tag)
{
	const crypto_aead_aes256gcm_state *state = state_of(ctx);

	if (state == NULL || mode != MBEDTLS_GCM_ENCRYPT || iv_len != IV_LEN ||
	    tag_len != TAG_LEN || overlaps_badly(input, output, length))
		return __real_mbedtls_gcm_crypt_and_tag(ctx, mode, length, iv, iv_len, add, add_len,
		                                        input, output, tag_len, tag);
	crypto_aead_aes256gcm_encrypt_detached_afternm(output, tag, NULL, input, length, add,
	                                               add_len, NULL, iv, state);
	return 0;
}

int __wrap_mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length,
                                    const unsigned char *iv, size_t iv_len,
                                    const unsigned char *add, size_t add_len,
                                    const unsigned char *tag, size_t tag_len,
                                    const unsigned char *input, unsigned char *output)
{
	const crypto_aead_aes256gcm_state *state = state_of(ctx);

	if (state == NULL || iv_len != IV_LEN || tag_len != TAG_LEN ||
	    overlaps_badly(input, output, length))
		return __real_mbedtls_gcm_auth_decrypt(ctx, length, iv, iv_len, add, add_len, tag,
		                                       tag_len, input, output);
	if (crypto_aead_aes256gcm_decrypt_detached_afternm(output, NULL, input, length, tag, add,
	                                                   add_len, iv, state) == 0)
		return 0;
	if (length > 0)
		sodium_memzero(output, length);
	return MBEDTLS_ERR_GCM_AUTH_FAILED;
}

void __wrap_mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
	if (ctx != NULL)
		drop(ctx);
	__real_mbedtls_gcm_free(ctx);
}
