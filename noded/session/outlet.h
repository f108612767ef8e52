/*
 * outlet - bytes on their way to a descriptor that does not block: what it does not take now
 * waits here. The bound is the owner's: it stops reading while outlet_full().
 */
#ifndef NODED_SESSION_OUTLET_H
#define NODED_SESSION_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define OUTLET_FULL (64u * 1024)

struct outlet {
	int fd; /* -1: nobody takes anything any more, bytes are thrown away */
	struct buf queue;
	size_t used; /* of the queue */
	uint64_t written;
};

/* The descriptor becomes ours and non-blocking. -1 is legal. */
void outlet_open(struct outlet *o, int take_fd);
void outlet_close(struct outlet *o);

/* Never fails: a broken descriptor is closed. */
void outlet_write(struct outlet *o, const void *data, size_t len);
void outlet_flush(struct outlet *o);

size_t outlet_queued(const struct outlet *o);
static inline bool outlet_full(const struct outlet *o)
{
	return outlet_queued(o) >= OUTLET_FULL;
}

#endif
