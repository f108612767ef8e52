/*
 * strikes - counts what went wrong with peers of a network lately, so that who makes us work for
 * nothing is not listened to for a while.
 *
 * Bounded: at most STRIKES_NETWORKS_MAX networks are remembered; a new one takes the place of the
 * one that has been quiet for longest.
 */
#ifndef LOOP_STRIKES_H
#define LOOP_STRIKES_H

#include <stdint.h>

struct err;
struct strikes;

#define STRIKES_NETWORKS_MAX 4096

/* More than `allowed` within `window_ms` are too many. NULL when memory runs out. */
struct strikes *strikes_new(unsigned allowed, int64_t window_ms);
void strikes_free(struct strikes *s); /* NULL allowed */

/* One more of a peer with this address (as addr_print() writes it), at this monotonic ms. Nothing
 * is counted when memory runs out. */
void strikes_add(struct strikes *s, const char *addr, int64_t now_ms);

/* ERR_LIMIT, with how many and who. */
int strikes_check(struct strikes *s, const char *addr, int64_t now_ms, struct err *err);

#endif
