/*
 * text_file - a file that the administrator named, "-" being standard input.
 */
#ifndef TCTL_TEXT_FILE_H
#define TCTL_TEXT_FILE_H

#include <stddef.h>

struct buf;
struct err;

/* Appends the content. ERR_NOT_FOUND, ERR_LIMIT (more than max bytes), ERR_IO, ERR_NOMEM. */
int text_file_read(const char *file, size_t max, struct buf *out, struct err *err);

#endif
