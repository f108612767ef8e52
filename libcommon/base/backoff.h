/*
 * backoff - how long to wait before the next try, so that those who lost the same server do not
 * come back to it in one instant.
 *
 * Each wait is drawn evenly between a quarter of a ceiling and the ceiling, which begins at
 * `first_ms` and doubles with every failure up to `most_ms`. A peer that answered resets it.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* { .first_ms = …, .most_ms = … } is ready for use. */
struct backoff {
	int64_t first_ms;
	int64_t most_ms;
	int64_t ceiling_ms; /* of the last wait; 0: all is well */
};

/* After a failure: how long to wait (ms). */
int64_t backoff_next(struct backoff *b);

/* It worked. */
void backoff_reset(struct backoff *b);

#endif
