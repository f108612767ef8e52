/*
 * hash - SHA-256 at once or piece by piece, and HMAC-SHA-256 (libsodium); SHA-1 where a protocol
 * asks for it and nothing depends on its strength (RFC 6455's handshake).
 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE      32
#define HASH_SHA1_SIZE 20

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SIZE]);

void hash_sha1(const void *data, size_t len, uint8_t out[HASH_SHA1_SIZE]);

/* RFC 2104; a key of any length. */
void hash_hmac(const void *key, size_t key_len, const void *data, size_t len,
               uint8_t out[HASH_SIZE]);

/* A hash on its way: init, update as often as needed, final once. Copying the struct forks it. */
struct hash {
	uint64_t state[13];
};

void hash_init(struct hash *h);
void hash_update(struct hash *h, const void *data, size_t len);
void hash_final(struct hash *h, uint8_t out[HASH_SIZE]);

#endif
