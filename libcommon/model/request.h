/*
 * request - access requests: who may ask for which roles, who may judge that, and when it is
 * settled. Pure; authd keeps the records (kind access_request).
 *
 *   PENDING --enough reviews, or an administrator--> APPROVED | DENIED
 *
 * A person's own roles say it all: allow.request what they may ask for, with thresholds, how long
 * and whether a reason is due; allow.review_requests which requests they may judge (request_role.h
 * has how one role is read). Deny wins over allow.
 *
 * Each role that lets somebody ask wants one of its thresholds reached; a threshold counts the
 * reviews that its filter finds when they are made, which is kept with them.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include "proto/identity.pb.h"
#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define REQUEST_PENDING  "PENDING"
#define REQUEST_APPROVED "APPROVED"
#define REQUEST_DENIED   "DENIED"

#define REQUEST_ROLES_MAX   32
#define REQUEST_REVIEWS_MAX 64

/* Somebody with their roles as they stand in the keyspace; borrowed. */
struct request_person {
	const pv_Identity *who; /* user, roles' names and traits */
	const pv_Role *roles;
	size_t count;
};

/* May they ask for it: for every role of spec->roles, and with a reason where one is due?
 * ERR_DENIED names the role; ERR_INVALID: no roles, too many, or no reason. */
int request_check(const struct request_person *p, const pv_AccessRequestSpec *spec,
                  struct err *err);

/* Fills in what their roles say about what they ask for: thresholds (one approval, one denial where
 * a role says nothing), suggested reviewers and annotations. */
int request_complete(const struct request_person *p, pv_AccessRequestSpec *spec, struct err *err);

/* The longest that their roles let such access last, in ms; 0: nothing is said. */
int64_t request_max_duration(const struct request_person *p, const pv_AccessRequestSpec *spec);

/* May they judge it? Nobody judges their own. ERR_DENIED. */
int request_check_reviewer(const struct request_person *p, const pv_AccessRequestSpec *spec,
                           struct err *err);

/*
 * Adds a review (copied) by this person, and settles the request when it is the one that it waited
 * for.
 * ERR_CONFLICT: it is settled already; ERR_EXISTS: its author has judged it; ERR_INVALID: the
 * proposed state is neither APPROVED nor DENIED; ERR_LIMIT.
 */
int request_review(const struct request_person *p, pv_AccessRequestSpec *spec,
                   const pv_AccessReview *review, struct err *err);

#endif
