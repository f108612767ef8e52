/*
 * locks - which locks are in force, asked of the keyspace.
 */
#ifndef AUTHD_ACCESS_LOCKS_H
#define AUTHD_ACCESS_LOCKS_H

#include <stdbool.h>

struct authd;
struct err;
struct lock_subject;
struct peer;

/* What of a peer a lock may name; borrowed. False: no lock can concern it. */
bool locks_subject(const struct peer *peer, struct lock_subject *out);

/* ERR_DENIED with the lock's message when one that is in force concerns the subject. */
int locks_check(struct authd *a, const struct lock_subject *subject, struct err *err);
int locks_check_peer(struct authd *a, const struct peer *peer, struct err *err);

#endif
