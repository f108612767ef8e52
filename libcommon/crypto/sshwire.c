#include "crypto/sshwire.h"

#include "base/buf.h"

#include <string.h>

void sshwire_init(struct sshwire *r, const void *data, size_t len)
{
	r->in = span_of(data, len);
}

uint8_t sshwire_u8(struct sshwire *r)
{
	return (uint8_t)span_number(&r->in, 1);
}

uint32_t sshwire_u32(struct sshwire *r)
{
	return (uint32_t)span_number(&r->in, 4);
}

uint64_t sshwire_u64(struct sshwire *r)
{
	return span_number(&r->in, 8);
}

struct sshwire_string sshwire_string(struct sshwire *r)
{
	struct span s = span_vector(&r->in, 4);

	return s.failed ? (struct sshwire_string){ (const uint8_t *)"", 0 }
	                : (struct sshwire_string){ s.at, s.left };
}

bool sshwire_more(const struct sshwire *r)
{
	return !r->in.failed && r->in.left > 0;
}

bool sshwire_end(const struct sshwire *r)
{
	return !r->in.failed && r->in.left == 0;
}

bool sshwire_is(struct sshwire_string s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

size_t sshwire_mpint_bits(struct sshwire_string s)
{
	size_t bits;

	if (s.len == 0 || (s.data[0] & 0x80) != 0)
		return 0;
	if (s.data[0] == 0) { /* there only to keep the sign positive */
		if (s.len == 1 || (s.data[1] & 0x80) == 0)
			return 0;
		return (s.len - 1) * 8;
	}
	bits = (s.len - 1) * 8;
	for (uint8_t top = s.data[0]; top != 0; top >>= 1)
		bits++;
	return bits;
}

void sshwire_put_string(struct buf *out, const void *data, size_t len)
{
	buf_append_u32(out, (uint32_t)len);
	buf_append(out, data, len);
}

void sshwire_put_text(struct buf *out, const char *text)
{
	sshwire_put_string(out, text, strlen(text));
}

void sshwire_put_mpint(struct buf *out, const uint8_t *number_bytes, size_t len)
{
	bool sign;

	while (len > 0 && number_bytes[0] == 0) {
		number_bytes++;
		len--;
	}
	sign = len > 0 && (number_bytes[0] & 0x80) != 0;
	buf_append_u32(out, (uint32_t)(len + sign));
	if (sign)
		buf_append_byte(out, 0);
	buf_append(out, number_bytes, len);
}
