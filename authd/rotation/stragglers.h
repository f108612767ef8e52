/*
 * stragglers - the hosts that have not followed a rotation: who has joined and may still come, but
 * does not report the present phase, or has certificates of keys that nobody trusts any more.
 */
#ifndef AUTHD_ROTATION_STRAGGLERS_H
#define AUTHD_ROTATION_STRAGGLERS_H

#include "store/keyspace.h"

#include "proto/auth.pb.h"

#include <stdbool.h>

struct authd;
struct err;
struct shift;

#define STRAGGLERS_MAX 100 /* that an answer names; it counts all */

/* How far a walk through all hosts has come; zero but for the first three. */
struct stragglers {
	struct authd *authd;
	unsigned authorities; /* enum step_authority */
	pv_RotationStatus *out;
	char last[KEYSPACE_KEY_MAX + 1]; /* the last key that was looked at; "" = none */
};

/* Goes on until the shift is over; *out_more: there are more hosts. */
int stragglers_walk(struct stragglers *w, const struct shift *shift, bool *out_more,
                    struct err *err);

/* Adds those of the authorities (enum step_authority) to the answer, all at once: what a step is
 * judged by must not change before the step. Walks no host if the authorities were never rotated.
 */
int stragglers_collect(struct authd *a, unsigned authorities, pv_RotationStatus *out,
                       struct err *err);

#endif
