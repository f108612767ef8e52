/*
 * request_role - what one role lets its holder ask for, and judge: request and review_requests of
 * its halves, with their templates filled in and claims_to_roles looked up in the holder's traits.
 *
 * What cannot be told (a template, a pattern or a `where` that fails) allows nothing, and denies
 * what it was to deny. A half whose namespaces are others says nothing.
 */
#ifndef MODEL_REQUEST_ROLE_H
#define MODEL_REQUEST_ROLE_H

#include "model/request.h"

enum request_act { REQUEST_ASK, REQUEST_JUDGE };

/* May somebody who holds the role ask for role `wanted`, or judge requests for it? `spec` is the
 * request as a whole, for conditions. */
bool request_role_allows(const pv_Role *role, enum request_act act, const struct request_person *p,
                         const pv_AccessRequestSpec *spec, const char *wanted);
bool request_role_denies(const pv_Role *role, enum request_act act, const struct request_person *p,
                         const pv_AccessRequestSpec *spec, const char *wanted);

/* Adds to a request what the role says of it: annotations, with their templates filled in, that no
 * role of the person denies. */
int request_role_annotate(const pv_Role *role, const struct request_person *p,
                          pv_AccessRequestSpec *spec, struct err *err);

/* ERR_INVALID: a pattern, a template, a claim or a condition that does not hold. */
int request_role_check(const pv_RoleConditions *c, struct err *err);

#endif
