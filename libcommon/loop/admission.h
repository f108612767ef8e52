/*
 * admission - lets so many in at once; the others wait in order, and addresses take turns.
 *
 *   ARRIVED --admission_enter: room--> INSIDE --admission_leave--> gone
 *      |          \--no room--> WAITING --its turn--> enter() called: INSIDE
 *      '-- bounded from here on: in all, and for each address
 *
 * One who waits goes in before those who came later from the same address; of two addresses the
 * one whose turn was longer ago goes first. No address may have more than its share inside, nor of
 * those who have arrived, so that none keeps the others out.
 *
 * Knows no loop: enter() comes from within the admission_leave() that makes room.
 */
#ifndef LOOP_ADMISSION_H
#define LOOP_ADMISSION_H

#include "base/list.h"

#include <stdbool.h>

struct admission;
struct err;

struct admission_limits {
	unsigned inside;
	unsigned inside_per_addr;
	unsigned guests; /* in whatever state */
	unsigned guests_per_addr;
};

/* Embed it; private but for `enter`, which is to be set. */
struct admission_guest {
	void (*enter)(struct admission_guest *g);
	struct list link;     /* in its lane, while it waits */
	struct admission *at; /* NULL: not arrived */
	struct admission_lane *lane;
	bool inside;
};

/* NULL when memory runs out. */
struct admission *admission_new(const struct admission_limits *limits);

/* Every guest has left. NULL allowed. */
void admission_free(struct admission *a);

/* `addr`: "192.0.2.7:51234", "[2001:db8::1]:22" (one /64 counts as one) or any other text.
 * ERR_LIMIT: there are too many already, in all or from there. */
int admission_arrive(struct admission *a, struct admission_guest *g, const char *addr,
                     struct err *err);

/* One that has arrived comes from another address, as a proxy has told. ERR_LIMIT: the guest stays
 * what it was. */
int admission_rename(struct admission_guest *g, const char *addr, struct err *err);

/* Goes in now (true), or waits until enter() is called. */
bool admission_enter(struct admission_guest *g);

/* Legal in any state, also for one that never arrived. */
void admission_leave(struct admission_guest *g);

unsigned admission_inside(const struct admission *a);
unsigned admission_waiting(const struct admission *a);

#endif
