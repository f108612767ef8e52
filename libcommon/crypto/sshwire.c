#include "crypto/sshwire.h"

#include "base/buf.h"

#include <string.h>

void sshwire_init(struct sshwire *r, const void *data, size_t len)
{
	*r = (struct sshwire){ .at = data, .left = len };
}

static const uint8_t *take(struct sshwire *r, size_t len)
{
	const uint8_t *at = r->at;

	if (r->bad || len > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	r->left -= len;
	return at;
}

static uint64_t number(struct sshwire *r, size_t len)
{
	const uint8_t *at = take(r, len);
	uint64_t v = 0;

	for (size_t i = 0; at != NULL && i < len; i++)
		v = v << 8 | at[i];
	return v;
}

uint8_t sshwire_u8(struct sshwire *r)
{
	return (uint8_t)number(r, 1);
}

uint32_t sshwire_u32(struct sshwire *r)
{
	return (uint32_t)number(r, 4);
}

uint64_t sshwire_u64(struct sshwire *r)
{
	return number(r, 8);
}

struct sshwire_string sshwire_string(struct sshwire *r)
{
	size_t len = sshwire_u32(r);
	const uint8_t *at = take(r, len);

	return at != NULL ? (struct sshwire_string){ at, len }
	                  : (struct sshwire_string){ (const uint8_t *)"", 0 };
}

bool sshwire_more(const struct sshwire *r)
{
	return !r->bad && r->left > 0;
}

bool sshwire_end(const struct sshwire *r)
{
	return !r->bad && r->left == 0;
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
