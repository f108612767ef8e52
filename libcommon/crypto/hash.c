#include "crypto/hash.h"

#include <assert.h>
#include <mbedtls/sha1.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(struct hash) == sizeof(crypto_hash_sha256_state), "libsodium's own size");

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SIZE])
{
	crypto_hash_sha256(out, data, len);
}

void hash_sha1(const void *data, size_t len, uint8_t out[HASH_SHA1_SIZE])
{
	mbedtls_sha1_ret(data, len, out);
}

void hash_hmac(const void *key, size_t key_len, const void *data, size_t len,
               uint8_t out[HASH_SIZE])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_len);
	crypto_auth_hmacsha256_update(&state, data, len);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

static crypto_hash_sha256_state *state_of(struct hash *h)
{
	return (crypto_hash_sha256_state *)(void *)h->state;
}

void hash_init(struct hash *h)
{
	crypto_hash_sha256_init(state_of(h));
}

void hash_update(struct hash *h, const void *data, size_t len)
{
	crypto_hash_sha256_update(state_of(h), data, len);
}

void hash_final(struct hash *h, uint8_t out[HASH_SIZE])
{
	crypto_hash_sha256_final(state_of(h), out);
}
