/*
 * digest - SHA-256 (FIPS 180-4) of bytes at hand or as they come.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

void digest_sha256(uint8_t out[DIGEST_SIZE], const void *data, size_t len);

#endif
