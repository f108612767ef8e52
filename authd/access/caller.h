/*
 * caller - who is at the other end of a connection: derived once, when it opens, from its
 * certificate or its unix credentials, and from the keyspace: whoever was removed or is locked is
 * nobody.
 */
#ifndef AUTHD_ACCESS_CALLER_H
#define AUTHD_ACCESS_CALLER_H

#include "model/identity.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct role_set;
struct rpc_call;
struct rpc_conn;

/* A connection's data. */
struct caller {
	struct peer peer;
	struct err *refused;    /* why nothing is allowed here; NULL: judged call by call */
	struct role_set *roles; /* users: as of the generation; NULL until first asked for */
	uintptr_t generation;   /* access_generation() */
	unsigned lists;         /* being made for it */
	bool counted;           /* among authd's anonymous connections */
};

/*
 * Hooks of the rpc server: derive the caller of a connection; forget it. Who has a certificate
 * that counts no more (a lock, a removed user) is let in, to hear why at their first call.
 */
int caller_opened(struct rpc_conn *conn, struct err *err);
void caller_closed(struct rpc_conn *conn);

/* Who is calling; lives as long as the call's connection. */
const struct peer *caller_of(const struct rpc_call *call);
const struct peer *caller_of_conn(const struct rpc_conn *conn);

#endif
