#include "tsh/escape.h"

#include "base/buf.h"

#include <stdint.h>

/* One key; true: leave. */
static bool take(struct escape *e, uint8_t key, struct buf *out)
{
	bool held = e->tilde;

	e->tilde = false;
	if (held && key == '.')
		return true;
	if (!held && !e->in_line && key == '~') {
		e->tilde = true;
		return false;
	}
	if (held && key != '~')
		buf_append_byte(out, '~');
	buf_append_byte(out, key);
	e->in_line = key != '\r' && key != '\n';
	return false;
}

bool escape_feed(struct escape *e, const void *keys, size_t len, struct buf *out)
{
	const uint8_t *bytes = keys;

	for (size_t i = 0; i < len; i++) {
		if (take(e, bytes[i], out))
			return true;
	}
	return false;
}
