/*
 * guards - what is under way and may have to end: when a role or a lock changes, when a certificate
 * ends that a role wants to count, when nothing has moved for a role's client_idle_timeout, when
 * what is known of the cluster is too old for the strict.
 */
#ifndef KUBEPROXYD_ACCESS_GUARDS_H
#define KUBEPROXYD_ACCESS_GUARDS_H

#include "base/list.h"

#include <stdint.h>

struct err;
struct guard;
struct guards;
struct guest;
struct kubeproxyd;
struct timer;

/* Embed it in what is guarded; { 0 } is not guarding. Private. */
struct guard {
	struct list link;
	struct guest *guest;
	struct timer *timer; /* of the certificate's end and of idleness; NULL: neither counts */
	uint64_t moved;      /* loop time of the last byte */
	unsigned round;      /* in which it was judged last */
	void (*end)(void *owner, const struct err *why);
	void *owner;
};

int guards_open(struct kubeproxyd *k, struct guards **out, struct err *err);
void guards_close(struct guards *g); /* whoever is guarded has left. NULL allowed */

/* All are judged again soon: changes that come together are one. */
void guards_recheck(struct guards *g);

/* Keeps a reference of the guest. `end` comes at most once, from the loop, and the guard has
 * stopped then; the owner says why to its client and audits it. ERR_NOMEM. */
int guard_start(struct guard *g, struct guest *guest,
                void (*end)(void *owner, const struct err *why), void *owner, struct err *err);
void guard_stop(struct guard *g); /* legal at any time */

/* A byte went one way or the other. */
void guard_moved(struct guard *g);

#endif
