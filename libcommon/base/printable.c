#include "base/printable.h"

#include <stddef.h>
#include <string.h>

/* Bytes of the control character at `p`; 0: none. */
static size_t control_len(const char *p)
{
	const unsigned char *at = (const unsigned char *)p;

	if (at[0] < 0x20 || at[0] == 0x7f)
		return 1;
	return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f ? 2 : 0;
}

void printable_write(FILE *to, const char *text)
{
	while (*text != 0) {
		size_t skip = *text != '\n' ? control_len(text) : 0;

		putc(skip > 0 ? '?' : *text, to);
		text += skip > 0 ? skip : 1;
	}
}

void printable_make(char *text)
{
	while (*text != 0) {
		size_t skip = control_len(text);

		memset(text, '?', skip);
		text += skip > 0 ? skip : 1;
	}
}
