#include "crypto/hex.h"

#include "base/err.h"

#include <sodium.h>
#include <string.h>

char *hex_encode(char *dst, const void *data, size_t len)
{
	return sodium_bin2hex(dst, 2 * len + 1, data, len);
}

int hex_decode(const char *text, void *dst, size_t len, struct err *err)
{
	const char *end;
	size_t got;

	if (strlen(text) != 2 * len)
		return err_set(err, ERR_INVALID, "expected %zu hex digits", 2 * len);
	if (sodium_hex2bin(dst, len, text, 2 * len, NULL, &got, &end) != 0 || got != len)
		return err_set(err, ERR_INVALID, "not hex digits");
	return 0;
}
