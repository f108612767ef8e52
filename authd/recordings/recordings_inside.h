/*
 * recordings_inside - what the parts of recordings share: who streams and who watches.
 */
#ifndef AUTHD_RECORDINGS_INSIDE_H
#define AUTHD_RECORDINGS_INSIDE_H

#include "base/list.h"
#include "loop/work.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct clock;
struct err;
struct key;
struct map;
struct upload;

struct recordings {
	unsigned refs; /* one of the owner, one of each upload and play */
	int dir;
	int64_t quota;
	int64_t keep_ms;
	int64_t used;    /* bytes of all recordings */
	int64_t written; /* since the last look over the folder began */
	struct key *key;
	const struct clock *clock;
	struct work_pool *pool;
	struct map *uploads;   /* session id -> struct upload */
	struct list followers; /* struct play that wait for more */
	uv_timer_t sweep;
};

struct recordings *recordings_ref(struct recordings *r); /* returns r */
void recordings_unref(struct recordings *r);

/* There may be more of a session's recording to play now, or its end. */
void play_wake(struct recordings *r, const char *sid);

/* Starts work in the recordings' pool. ERR_LIMIT; ERR_CANCELED: authd stops. */
int recordings_work(struct recordings *r, struct work *w, work_run run, work_done done,
                    struct err *err);

/* Before `len` bytes are written. ERR_LIMIT names the quota. recordings_give_back() what was not
 * written after all. */
int recordings_reserve(struct recordings *r, size_t len, struct err *err);
void recordings_give_back(struct recordings *r, size_t len);

#endif
