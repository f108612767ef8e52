/*
 * work - functions that run in libuv's thread pool, bounded in number.
 *
 * A work_pool lets `max_running` of its functions run at once and `max_waiting` wait in line, so
 * that one kind of work (TLS handshakes, password hashes) neither starves the others nor piles up.
 * It is used on the loop's thread only; only `run` is called on another.
 */
#ifndef LOOP_WORK_H
#define LOOP_WORK_H

#include <stdbool.h>

#include <uv.h>

#include "base/list.h"

struct err;
struct work;
struct work_pool;

struct work_pool *work_pool_new(uv_loop_t *loop, unsigned max_running, unsigned max_waiting);

/* Work still under way is told `canceled` and the memory goes when the last has returned. */
void work_pool_free(struct work_pool *p);

unsigned work_pool_running(const struct work_pool *p);
unsigned work_pool_waiting(const struct work_pool *p);

/* In a pool thread. Touches nothing but what belongs to this piece of work. */
typedef void (*work_run)(struct work *w);

/* On the loop. canceled: work_cancel() was called or the pool is gone; run may or may not have
 * happened. The struct may go. */
typedef void (*work_done)(struct work *w, bool canceled);

/* Embed it in what the work belongs to. Private but for its address. */
struct work {
	uv_work_t req;
	struct work_pool *pool;
	struct list link; /* in the line of waiting */
	work_run run;
	work_done done;
	bool canceled;
};

/* ERR_LIMIT: the line is full; `done` will not be called. */
int work_start(struct work_pool *p, struct work *w, work_run run, work_done done, struct err *err);

/* Legal from work_start() until done, which still comes, never from within this call. */
void work_cancel(struct work *w);

#endif
