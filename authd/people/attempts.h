/*
 * attempts - failed logins per user name, kept in the keyspace so that a restart forgives none.
 *
 * After conf.login_attempts failures the name is locked for conf.login_lock. Names that nobody
 * has are counted alike, so that neither the answer nor its time tells which exist. A failure is
 * forgotten after half an hour.
 */
#ifndef AUTHD_PEOPLE_ATTEMPTS_H
#define AUTHD_PEOPLE_ATTEMPTS_H

#include "proto/secrets.pb.h"
#include "store/keyspace.h"

struct authd;
struct err;

/* What is on record for a checked name; zeros when nothing is. ERR_DENIED "user 'bob' is locked
 * until ... after 5 failed logins". */
int attempts_load(struct authd *a, const char *user, pv_LoginAttempts *out, struct err *err);

/* How many logins of this name may be judged at once without passing the bound. */
unsigned attempts_room(const struct authd *a, const pv_LoginAttempts *so_far);

/* Counts one more failure, and locks the name (and says so in the user's record, when there
 * is one) when that was the last. `done` comes once, later. */
int attempts_fail(struct authd *a, const char *user, keyspace_done_cb done, void *arg,
                  struct err *err);

/* Forgets all failures and unlocks. */
int attempts_clear(struct authd *a, const char *user, keyspace_done_cb done, void *arg,
                   struct err *err);

#endif
