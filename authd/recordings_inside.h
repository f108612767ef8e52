/*
 * recordings_inside - what the parts of recordings share: who streams and who watches.
 */
#ifndef AUTHD_RECORDINGS_INSIDE_H
#define AUTHD_RECORDINGS_INSIDE_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct clock;
struct err;
struct key;
struct map;
struct upload;
struct work_pool;

struct recordings {
	int dir;
	int64_t quota;
	int64_t keep_ms;
	int64_t used; /* bytes of all recordings */
	struct key *key;
	const struct clock *clock;
	struct work_pool *pool;
	struct map *uploads;   /* session id -> struct upload */
	struct list followers; /* struct play that wait for more */
	uv_timer_t sweep;
};

/* There may be more of a session's recording to play now, or its end. */
void play_wake(struct recordings *r, const char *sid);

/* Before `len` bytes are written. ERR_LIMIT names the quota. recordings_give_back() what was not
 * written after all. */
int recordings_reserve(struct recordings *r, size_t len, struct err *err);
void recordings_give_back(struct recordings *r, size_t len);

#endif
