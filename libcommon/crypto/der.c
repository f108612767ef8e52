#include "crypto/der.h"

#include "base/buf.h"

#include <string.h>
#include <time.h>

size_t der_begin(struct buf *out, uint8_t tag)
{
	buf_append_byte(out, tag);
	return out->len;
}

/* Writes the length in front of the content, which moves up for it. */
void der_end(struct buf *out, size_t begun)
{
	uint8_t header[1 + sizeof(size_t)];
	size_t len, header_len = 1;

	if (out->failed != 0)
		return;
	len = out->len - begun;
	if (len < 0x80) {
		header[0] = (uint8_t)len;
	} else {
		for (size_t rest = len; rest > 0; rest >>= 8)
			header_len++;
		header[0] = (uint8_t)(0x80 | (header_len - 1));
		for (size_t i = header_len - 1, rest = len; i > 0; i--, rest >>= 8)
			header[i] = (uint8_t)rest;
	}
	if (buf_reserve(out, header_len) == NULL)
		return;
	memmove(out->data + begun + header_len, out->data + begun, len);
	memcpy(out->data + begun, header, header_len);
	buf_commit(out, header_len);
}

void der_put(struct buf *out, uint8_t tag, const void *content, size_t len)
{
	size_t at = der_begin(out, tag);

	buf_append(out, content, len);
	der_end(out, at);
}

void der_put_integer(struct buf *out, const uint8_t *number, size_t len)
{
	size_t at = der_begin(out, DER_INTEGER);

	if (len == 0 || (number[0] & 0x80) != 0)
		buf_append_byte(out, 0);
	buf_append(out, number, len);
	der_end(out, at);
}

void der_put_bits(struct buf *out, const void *bytes, size_t len)
{
	size_t at = der_begin(out, DER_BITS);

	buf_append_byte(out, 0);
	buf_append(out, bytes, len);
	der_end(out, at);
}

void der_put_time(struct buf *out, int64_t seconds)
{
	time_t when = (time_t)seconds;
	char text[32];
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm);
	if (tm.tm_year < 150)
		der_put(out, DER_UTC_TIME, text + 2, strlen(text) - 2);
	else
		der_put(out, DER_GENERALIZED_TIME, text, strlen(text));
}
