/*
 * recheck - what was allowed is decided again: after a change of roles, locks or labels, when a
 * certificate ends, when a connection is proven. Whoever is denied now is ended, with the reason.
 */
#ifndef NODED_RECHECK_H
#define NODED_RECHECK_H

struct conn;
struct err;
struct noded;
struct recheck;

int recheck_open(struct noded *n, struct recheck **out, struct err *err);
void recheck_close(struct recheck *r);

/* One connection, now. */
void recheck_conn(struct conn *c);

/* The same, and its candidate is proven if it may stay. */
void recheck_conn_proven(struct conn *c);

/* A connection without a session is looked at when it may have been silent for too long: this tells
 * that one is proven, or has lost a session. */
void recheck_idle(struct conn *c);

/* All of them when what is known of the cluster is too old for the strict. */
void recheck_when_old(struct recheck *r);

/* All of them soon: changes that come together are one recheck. */
void recheck_all(struct recheck *r);

#endif
