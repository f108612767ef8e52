/*
 * announce - the record by which the cluster knows this proxy: its public addresses, which invites
 * and join commands print. Put at once when authd is reached, and before its time runs out.
 */
#ifndef PROXYD_ANNOUNCE_H
#define PROXYD_ANNOUNCE_H

struct announce;
struct err;
struct proxyd;

int announce_open(struct proxyd *p, struct announce **out, struct err *err);
void announce_close(struct announce *a);

/* The connection to authd stands. */
void announce_now(struct announce *a);

#endif
