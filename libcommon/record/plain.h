/*
 * plain - what a terminal would have shown, as lines of text.
 *
 * Escape sequences (ECMA-48, and xterm's OSC, DCS, APC, PM) and control characters go; one
 * line is kept in which carriage return, backspace, cursor left and right, tab, and the
 * erase, insert and delete sequences within a line work as on the screen, so that edited
 * command lines and progress bars come out as they looked at last. Programs that draw the
 * whole screen come out as the text they wrote, in the order they wrote it.
 */
#ifndef RECORD_PLAIN_H
#define RECORD_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PLAIN_COLUMNS 4096 /* a longer line is broken there */

struct plain;

struct plain *plain_new(void); /* NULL when memory runs out */
void plain_free(struct plain *p);

/* Takes terminal output in pieces of any size and appends every line that was finished. */
void plain_feed(struct plain *p, const void *data, size_t len, struct buf *out);

/* Appends the unfinished line, if there is one, with a newline. */
void plain_end(struct plain *p, struct buf *out);

#endif
