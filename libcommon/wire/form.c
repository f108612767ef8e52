#include "wire/form.h"

#include "base/buf.h"
#include "base/err.h"

#include <string.h>

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int append_escaped(const uint8_t *at, size_t len, struct buf *out)
{
	int high = len > 2 ? hex_value(at[1]) : -1;
	int low = len > 2 ? hex_value(at[2]) : -1;

	if (high < 0 || low < 0 || high + low == 0)
		return -1;
	buf_append_byte(out, (uint8_t)(high << 4 | low));
	return 0;
}

static int append_decoded(const uint8_t *value, size_t len, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '%') {
			if (append_escaped(value + i, len - i, out) != 0)
				return err_set(err, ERR_INVALID, "the form is not encoded well");
			i += 2;
		} else {
			buf_append_byte(out, value[i] == '+' ? ' ' : value[i]);
		}
	}
	return buf_check(out, err);
}

int form_get(const uint8_t *body, size_t len, const char *name, struct buf *out, struct err *err)
{
	size_t name_len = strlen(name);

	for (size_t at = 0; at < len;) {
		const uint8_t *end = memchr(body + at, '&', len - at);
		size_t size = end != NULL ? (size_t)(end - body) - at : len - at;

		if (size > name_len && memcmp(body + at, name, name_len) == 0 &&
		    body[at + name_len] == '=')
			return append_decoded(body + at + name_len + 1, size - name_len - 1, out,
			                      err);
		at += size + 1;
	}
	return err_set(err, ERR_NOT_FOUND, "the form has no field '%s'", name);
}

void form_append_html(struct buf *out, const char *text)
{
	for (; *text != 0; text++) {
		if (strchr("<>&\"'", *text) != NULL)
			buf_appendf(out, "&#%d;", *text);
		else
			buf_append_byte(out, (uint8_t)*text);
	}
}
