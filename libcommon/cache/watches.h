/*
 * watches - those who are told what happens to a cache: for cache.c only, which see.
 *
 *   WAITING --watches_begin: next turn of the loop--> TOLD --watches_end--> closed, or WAITING
 *
 * A change looks at the watches whose prefixes match, and at no others.
 */
#ifndef CACHE_WATCHES_H
#define CACHE_WATCHES_H

#include "cache/cache.h"

struct watches;

/* NULL when memory runs out. */
struct watches *watches_new(uv_loop_t *loop);

/* All of them have been closed before. NULL allowed. */
void watches_free(struct watches *ws);

int watches_open(struct watches *ws, const struct cache_watch_conf *conf, struct cache_watch **out,
                 struct err *err);

/* The cache is current: all who wait are told so, in the next turn of the loop. */
void watches_begin(struct watches *ws);

/* One resource has changed (`now`, borrowed) or gone (NULL). */
void watches_tell(struct watches *ws, const char *key, const pv_Resource *now);

/* The cache is no longer current: the watches of those who were told that it is end. */
void watches_end(struct watches *ws, const struct err *why);

#endif
