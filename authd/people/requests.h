/*
 * requests - access requests in the keyspace (kind access_request; the rules are model/request.h).
 *
 * A record's own expiry is the hour in which it must be judged while it is PENDING, and the end of
 * the access after that; what has expired is gone.
 */
#ifndef AUTHD_PEOPLE_REQUESTS_H
#define AUTHD_PEOPLE_REQUESTS_H

#include "proto/resource.pb.h"
#include "store/keyspace.h"

#include <stdint.h>

struct authd;
struct err;

#define REQUESTS_PENDING_MS (60 * 60 * 1000LL)
#define REQUESTS_ACCESS_MAX (30 * 60 * 60 * 1000LL)

/* Fills the empty *out. ERR_NOT_FOUND, ERR_INVALID: no UUID. */
int requests_load(struct authd *a, const char *id, pv_Resource *out, uint64_t *out_revision,
                  struct err *err);

/* Writes it: anew (revision 0) or over that revision. `done` comes once, later. */
int requests_write(struct authd *a, pv_Resource *r, uint64_t revision, keyspace_done_cb done,
                   void *arg, struct err *err);

/* ERR_DENIED: it is not this user's, not approved, or over. */
int requests_check_grant(struct authd *a, const pv_AccessRequestSpec *spec, const char *user,
                         struct err *err);

#endif
