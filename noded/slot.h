/*
 * slot - a connection's place among those that its user may have open in the whole cluster
 * (max_connections): a lease of authd's, taken before the first session begins, renewed while the
 * connection lasts, given back at its end.
 *
 *   ASKING --granted--> HELD --every third of its TTL: renewed--> HELD
 *       \--refused, or nobody can be asked--> REFUSED --a moment for the reason--> conn_end()
 *
 * Without authd nobody who is limited comes in; whoever is in stays, and is counted again when
 * authd is back.
 */
#ifndef NODED_SLOT_H
#define NODED_SLOT_H

#include <stdint.h>

struct conn;
struct err;
struct noded;
struct slot;

#define SLOT_WAIT (-1) /* no error code */

/* 0: there is no limit (max 0), or the place is held. SLOT_WAIT: it is being asked for, and
 * questions_settled() follows. Else why not: ERR_LIMIT, ERR_UNAVAILABLE. */
int slot_check(struct conn *c, int64_t max, struct err *err);

/* The same for a connection that has no session: as its user's roles are now. */
void slot_want(struct conn *c);

/* authd is reached again: is told of every place that is taken. */
void slot_renew_all(struct noded *n);

/* The connection is over; the place is free. slot_free() only forgets it. */
void slot_release(struct conn *c);
void slot_free(struct slot *s);

#endif
