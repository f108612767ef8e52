#include "crypto/base32.h"

#include "base/buf.h"

#include <stdint.h>

void base32_append(struct buf *out, const void *data, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	const uint8_t *in = data;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 5; have -= 5)
			buf_append_byte(out, alphabet[bits >> (have - 5) & 31]);
	}
	if (have > 0)
		buf_append_byte(out, alphabet[bits << (5 - have) & 31]);
}
