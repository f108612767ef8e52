/*
 * timer - call a function later: once, or again and again with jitter.
 *
 * Lives on the heap so that its owner may go at any moment: timer_free() means no further call.
 */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct timer;

typedef void (*timer_cb)(void *owner);

/* NULL when memory runs out. */
struct timer *timer_new(uv_loop_t *loop, timer_cb cb, void *owner);
void timer_free(struct timer *t); /* NULL allowed; also from within the callback */

/* Each replaces what was set before. */
void timer_once(struct timer *t, int64_t ms);
void timer_every(struct timer *t, int64_t ms); /* each wait is ms give or take a fifth */
void timer_stop(struct timer *t);
bool timer_active(const struct timer *t);

/* A running timer keeps uv_run() going unless told not to. */
void timer_unref(struct timer *t);

#endif
