/*
 * orphans - live sessions whose node is gone: a session is bound to its node's lease, and its
 * record ends with that.
 *
 * A node that comes back and has the session still puts the record anew.
 */
#ifndef AUTHD_RECORDINGS_ORPHANS_H
#define AUTHD_RECORDINGS_ORPHANS_H

struct authd;
struct orphans;

struct orphans *orphans_new(struct authd *a); /* NULL when memory runs out */
void orphans_free(struct orphans *o);         /* NULL allowed */

/* Nodes have gone: goes through the sessions soon, in pieces, once for all that went meanwhile. */
void orphans_look(struct orphans *o);

#endif
