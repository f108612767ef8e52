/*
 * cache_inside - what cache.c (the watch, the copy on disk, readers) and cache_events.c (what the
 * watch brings) share.
 */
#ifndef CACHE_CACHE_INSIDE_H
#define CACHE_CACHE_INSIDE_H

#include "base/backoff.h"
#include "base/err.h"
#include "cache/cache.h"
#include "cache/replica.h"

#include "proto/auth.pb.h"

struct role_cache;
struct timer;
struct watch;
struct watches;

enum cache_state {
	CACHE_OPENING,  /* the watch was asked for; INIT is due */
	CACHE_SNAPSHOT, /* resources go to `fresh` until SYNCED */
	CACHE_LIVE,     /* deltas go to `present` */
	CACHE_WAITING,  /* between two attempts */
};

struct cache {
	struct cache_conf conf;
	enum cache_state state;
	struct replica present;       /* what readers see */
	struct replica fresh;         /* the snapshot as it comes */
	struct role_cache *role_sets; /* of roles as in `present` */
	bool filled;
	bool dirty;          /* differs from the file */
	struct watch *watch; /* NULL: none open */
	struct timer *timer; /* WAITING: the next attempt; else: authd is silent for too long */
	struct timer *save;
	struct backoff backoff;
	struct err why;          /* we gave the watch up; code 0: we did not */
	struct watches *watches; /* those who watch us */
};

/* One message of the watch. On failure it makes no sense, and is to be given up. */
int cache_take_event(struct cache *c, const pv_WatchEvent *event, struct err *err);

/* One resource has changed (`now`, borrowed) or gone (NULL): all who are to know are told. */
void cache_tell(struct cache *c, const char *key, const pv_Resource *now);

/* The copy on disk is to be written again, soon. */
void cache_mark_dirty(struct cache *c);

#endif
