#include "crypto/digest.h"

#include <sodium.h>

_Static_assert(DIGEST_SIZE == crypto_hash_sha256_BYTES, "SHA-256 has 32 bytes");

void digest_sha256(uint8_t out[DIGEST_SIZE], const void *data, size_t len)
{
	static const uint8_t none = 0;

	crypto_hash_sha256(out, data != NULL ? data : &none, len);
}
