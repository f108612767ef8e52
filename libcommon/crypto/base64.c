#include "crypto/base64.h"

#include "base/buf.h"
#include "base/err.h"

#include <sodium.h>
#include <string.h>

static void append(struct buf *out, const void *data, size_t len, int variant)
{
	size_t size = sodium_base64_encoded_len(len, variant); /* with the 0 at the end */
	char *dst = (char *)buf_reserve(out, size);

	if (dst == NULL)
		return;
	sodium_bin2base64(dst, size, data, len, variant);
	buf_commit(out, size - 1);
}

static int decode(const char *text, size_t len, struct buf *out, int variant, struct err *err)
{
	size_t size = len / 4 * 3 + len % 4;
	uint8_t *dst = buf_reserve(out, size);
	const char *end;
	size_t got;

	if (dst == NULL)
		return buf_check(out, err);
	if (sodium_base642bin(dst, size, text, len, NULL, &got, &end, variant) != 0 ||
	    end != text + len) {
		dst[0] = 0;
		return err_set(err, ERR_INVALID, "not base64");
	}
	buf_commit(out, got);
	return 0;
}

void base64_append(struct buf *out, const void *data, size_t len)
{
	append(out, data, len, sodium_base64_VARIANT_ORIGINAL);
}

void base64url_append(struct buf *out, const void *data, size_t len)
{
	append(out, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int base64_decode(const char *text, size_t len, struct buf *out, struct err *err)
{
	return decode(text, len, out, sodium_base64_VARIANT_ORIGINAL, err);
}

int base64url_decode(const char *text, size_t len, struct buf *out, struct err *err)
{
	return decode(text, len, out, sodium_base64_VARIANT_URLSAFE_NO_PADDING, err);
}
