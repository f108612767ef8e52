/*
 * link - a client's stream joined to a node's, watched while it lives: a lock that concerns it
 * ends it. The node does so at once and says why on the terminal; we cut what is left half a second
 * later, whatever the node does.
 */
#ifndef PROXYD_LINK_H
#define PROXYD_LINK_H

struct err;
struct peer;
struct proxyd;
struct stream;

/* Takes the streams in any case; of the peer it takes what it holds (the struct is empty then).
 * node_id is copied. `ended` (may be NULL) comes once when it is over, unless this fails. */
int link_start(struct proxyd *p, struct peer *take_peer, const char *node_id,
               struct stream *take_client, struct stream *take_node, void (*ended)(void *arg),
               void *arg, struct err *err);

/* Ends the links that a lock in force concerns now. */
void link_check_all(struct proxyd *p);

/* Ends all of them, at shutdown. */
void link_end_all(struct proxyd *p);

#endif
