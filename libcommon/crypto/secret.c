#include "crypto/secret.h"

#include "base/rand.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

bool secret_equal(const void *a, const void *b, size_t len)
{
	return a != NULL && b != NULL && sodium_memcmp(a, b, len) == 0;
}

bool secret_str_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL || strlen(a) != strlen(b))
		return false;
	return sodium_memcmp(a, b, strlen(a)) == 0;
}

void secret_token(char out[SECRET_TOKEN_SIZE])
{
	uint8_t bytes[32];

	rand_bytes(bytes, sizeof(bytes));
	sodium_bin2base64(out, SECRET_TOKEN_SIZE, bytes, sizeof(bytes),
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

void secret_free(void *p, size_t len)
{
	if (p != NULL)
		sodium_memzero(p, len);
	free(p);
}

void secret_str_free(char *s)
{
	secret_free(s, s != NULL ? strlen(s) : 0);
}
