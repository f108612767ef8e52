/*
 * fifo - bytes that wait for their turn, in pieces: what is long grows without being copied, and
 * what has gone gives its memory back at once. Pieces are wiped when they go.
 */
#ifndef BASE_FIFO_H
#define BASE_FIFO_H

#include "base/list.h"

#include <stddef.h>

struct err;

struct fifo {
	struct list pieces;
	size_t len; /* bytes that wait */
};

void fifo_init(struct fifo *f);
void fifo_wipe(struct fifo *f); /* empty, and usable again */

/* A copy of the bytes, behind the others; all or, with ERR_NOMEM, none. How many may wait is the
 * caller's to bound. */
int fifo_append(struct fifo *f, const void *data, size_t len, struct err *err);

/* Moves the first bytes to `dst`, as many as there are and fit. Returns how many. */
size_t fifo_take(struct fifo *f, void *dst, size_t size);

#endif
