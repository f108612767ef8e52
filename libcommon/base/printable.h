/*
 * printable - text that others may have made up, on its way to somebody's terminal.
 *
 * Control characters could steer it: C0, DEL, and C1 in its UTF-8 form (U+0080 to U+009F).
 */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include <stdio.h>

/* Prints it with "?" for each control character; line ends stay. */
void printable_write(FILE *to, const char *text);

/* In place, "?" for each byte of one; line ends too. */
void printable_make(char *text);

#endif
