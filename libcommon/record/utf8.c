#include "record/utf8.h"

#include "base/buf.h"

#include <stdbool.h>

/* Begins a sequence; false: the byte cannot. */
static bool begin(struct utf8 *u, uint8_t byte)
{
	if (byte >= 0xc2 && byte <= 0xdf)
		*u = (struct utf8){ byte & 0x1fu, 0x80, 1 };
	else if (byte >= 0xe0 && byte <= 0xef)
		*u = (struct utf8){ byte & 0x0fu, 0x800, 2 };
	else if (byte >= 0xf0 && byte <= 0xf4)
		*u = (struct utf8){ byte & 0x07u, 0x10000, 3 };
	else
		return false;
	return true;
}

static int first_byte(struct utf8 *u, uint8_t byte, uint32_t *out)
{
	if (byte < 0x80)
		*out = byte;
	else if (begin(u, byte))
		return 0;
	else
		*out = UTF8_REPLACEMENT;
	return 1;
}

static bool allowed(const struct utf8 *u)
{
	return u->character >= u->least && u->character <= 0x10ffff &&
	       (u->character < 0xd800 || u->character > 0xdfff);
}

int utf8_feed(struct utf8 *u, uint8_t byte, uint32_t out[2])
{
	if (u->missing == 0)
		return first_byte(u, byte, out);
	if ((byte & 0xc0) != 0x80) {
		u->missing = 0;
		out[0] = UTF8_REPLACEMENT;
		return 1 + first_byte(u, byte, out + 1);
	}
	u->character = u->character << 6 | (byte & 0x3fu);
	u->missing--;
	if (u->missing > 0)
		return 0;
	out[0] = allowed(u) ? u->character : UTF8_REPLACEMENT;
	return 1;
}

void utf8_append(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_append_byte(out, (uint8_t)c);
		return;
	}
	if (c < 0x800) {
		buf_append_byte(out, (uint8_t)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buf_append_byte(out, (uint8_t)(0xe0 | c >> 12));
		buf_append_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	} else {
		buf_append_byte(out, (uint8_t)(0xf0 | c >> 18));
		buf_append_byte(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		buf_append_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_append_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
}
