/*
 * escape - the way out of a joined session, as ssh(1) has it: "~." at the beginning of a line.
 * "~~" there sends one tilde.
 */
#ifndef TSH_ESCAPE_H
#define TSH_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct escape {
	bool in_line; /* something other than a line end came last */
	bool tilde;   /* a tilde is held back */
};

/* Appends to `out` what is to be sent; true: the user wants to leave, the rest is dropped. */
bool escape_feed(struct escape *e, const void *keys, size_t len, struct buf *out);

#endif
