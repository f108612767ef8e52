/*
 * request - access requests: who may ask for which roles, who may judge that, and when it is
 * settled. Pure; authd keeps the records (kind access_request).
 *
 *   PENDING --enough reviews, or an administrator--> APPROVED | DENIED
 *
 * A person's own roles say it all: allow.request.roles what they may ask for, with thresholds, how
 * long and whether a reason is due; allow.review_requests.roles which requests they may judge.
 * Names there are patterns (model/label_pattern.h); deny wins over allow, and a pattern that fails
 * counts against the person.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

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

/* A person's roles as they stand in the keyspace; borrowed. */
struct request_roles {
	const pv_Role *items;
	size_t count;
};

/* May they ask for it: for every role of spec->roles, and with a reason where one is due?
 * ERR_DENIED names the role; ERR_INVALID: no roles, too many, or no reason. */
int request_check(const struct request_roles *own, const pv_AccessRequestSpec *spec,
                  struct err *err);

/* Fills in what their roles say about what they ask for: thresholds (one approval, one denial when
 * nothing is said) and suggested reviewers. */
int request_complete(const struct request_roles *own, pv_AccessRequestSpec *spec, struct err *err);

/* The longest that their roles let such access last, in ms; 0: nothing is said. */
int64_t request_max_duration(const struct request_roles *own, const pv_AccessRequestSpec *spec);

/* May `user`, who has these roles, judge it? Nobody judges their own. ERR_DENIED. */
int request_check_reviewer(const struct request_roles *own, const char *user,
                           const pv_AccessRequestSpec *spec, struct err *err);

/*
 * Adds a review (copied), and settles the request when it is the one that a threshold waited for.
 * ERR_CONFLICT: it is settled already; ERR_EXISTS: its author has judged it; ERR_INVALID: the
 * proposed state is neither APPROVED nor DENIED; ERR_LIMIT.
 */
int request_review(pv_AccessRequestSpec *spec, const pv_AccessReview *review, struct err *err);

#endif
