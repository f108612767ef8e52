/*
 * editor - a text in a file of its own, and the administrator's editor on it.
 */
#ifndef TCTL_EDITOR_H
#define TCTL_EDITOR_H

#include <stddef.h>

struct err;

#define EDITOR_PATH_SIZE 512

/* Writes the text into a new file that others may not read (in $TMPDIR, else /tmp). ERR_IO. */
int editor_open(char out_path[EDITOR_PATH_SIZE], const void *text, size_t len, struct err *err);

/* Runs $VISUAL, $EDITOR or vi on it and waits. ERR_IO: it did not end well. */
int editor_run(const char *path, struct err *err);

#endif
