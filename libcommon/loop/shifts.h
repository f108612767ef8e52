/*
 * shifts - long work on the loop, cut into pieces that take turns: one piece per turn of the loop,
 * so that whatever else there is waits for no more than one.
 *
 * A piece ends by itself when shift_is_over() says so. Pieces come in the order in which their
 * work was added, then again from the first.
 */
#ifndef LOOP_SHIFTS_H
#define LOOP_SHIFTS_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct err;
struct shift;
struct shifts;

/* Goes on until there is no more to do (returns false; the struct may be gone then) or the piece
 * is over. */
typedef bool (*shift_work)(struct shift *s);

/* Embed it in what is to be done. Private but for its address. */
struct shift {
	struct list link;
	struct shifts *all;
	shift_work work;
};

/* Pieces of `piece_us` microseconds, at most `max` works at once. NULL when memory runs out. */
struct shifts *shifts_new(uv_loop_t *loop, unsigned piece_us, unsigned max);

/* Works that are left are not told. NULL allowed. */
void shifts_free(struct shifts *all);

/* `work` is called from the loop's next turn on. ERR_LIMIT: there are too many already. */
int shift_start(struct shifts *all, struct shift *s, shift_work work, struct err *err);

/* Legal before the work has returned false, and not from within it. */
void shift_cancel(struct shift *s);

bool shift_is_over(const struct shift *s);

/* How long the present piece has lasted, in nanoseconds. */
uint64_t shift_elapsed(const struct shift *s);

#endif
