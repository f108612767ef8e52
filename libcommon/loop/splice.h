/*
 * splice - join two streams: what comes from one goes to the other, both ways, until both have
 * ended or one breaks.
 *
 * Half-closes are passed on. Memory is bounded: a slow reader pauses the other side's reading.
 * When one side breaks, the other is closed too (reset, so that nobody takes a torn stream for a
 * whole one).
 */
#ifndef LOOP_SPLICE_H
#define LOOP_SPLICE_H

#include <stdint.h>

struct err;
struct splice;
struct stream;

struct splice_count {
	uint64_t a_to_b; /* bytes handed to b, plaintext */
	uint64_t b_to_a;
};

/* Once, when both streams are gone. err NULL: both directions ended in order. The splice is gone
 * when this returns. */
typedef void (*splice_cb)(void *owner, const struct splice_count *count, const struct err *err);

/* Takes both streams with their unused bytes; legal from within on_data of either (which then
 * returns what it used). NULL when memory runs out: the streams stay the caller's. */
struct splice *splice_start(struct stream *take_a, struct stream *take_b, splice_cb cb,
                            void *owner);

/* Resets both streams; the callback reports `why` (copied; NULL: ERR_CANCELED). */
void splice_cancel(struct splice *sp, const struct err *why);

struct splice_count splice_count(const struct splice *sp);

/* The loop's uv_now() when a byte last moved, for idle timeouts. */
uint64_t splice_last_active(const struct splice *sp);

#endif
