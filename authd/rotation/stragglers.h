/*
 * stragglers - the hosts that have not followed a rotation: who has joined and may still come, but
 * does not report the present phase, or has certificates of keys that nobody trusts any more.
 */
#ifndef AUTHD_ROTATION_STRAGGLERS_H
#define AUTHD_ROTATION_STRAGGLERS_H

#include "proto/auth.pb.h"

struct authd;
struct err;

#define STRAGGLERS_MAX 100 /* that an answer names; it counts all */

/* Adds those of the authorities (enum step_authority) to the answer. Walks all hosts, unless the
 * authorities were never rotated. */
int stragglers_collect(struct authd *a, unsigned authorities, pv_RotationStatus *out,
                       struct err *err);

#endif
