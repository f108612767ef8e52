/*
 * utf8 - characters out of bytes as they come, and back (RFC 3629).
 *
 * Terminal output is mostly UTF-8 but cut at any byte, and may be anything: what is no
 * character becomes U+FFFD, one for each broken sequence.
 */
#ifndef RECORD_UTF8_H
#define RECORD_UTF8_H

#include <stdint.h>

struct buf;

#define UTF8_REPLACEMENT 0xfffdu

/* { 0 } is the state between characters. */
struct utf8 {
	uint32_t character; /* bits so far */
	uint32_t least;     /* smallest character that may be written with so many bytes */
	unsigned missing;   /* bytes */
};

/* Takes one byte; returns how many characters (0 to 2) it put into out: two when the byte
 * ended a broken sequence and is a character itself. */
int utf8_feed(struct utf8 *u, uint8_t byte, uint32_t out[2]);

/* Whether a sequence was begun and not finished. */
static inline int utf8_pending(const struct utf8 *u)
{
	return u->missing > 0;
}

void utf8_append(struct buf *out, uint32_t character);

#endif
