/*
 * leaves - which leaves are there: while a leaf's authd keeps its connection (links.h, over there),
 * its remote_cluster says so, and when it was last seen.
 */
#ifndef AUTHD_TRUST_LEAVES_H
#define AUTHD_TRUST_LEAVES_H

#include <stdbool.h>

struct authd;
struct err;
struct leaves;
struct rpc_conn;

#define LEAVES_BEAT_MS (60 * 1000)
#define LEAVES_GONE_MS (3 * LEAVES_BEAT_MS) /* silence after which another authd's is offline */

int leaves_open(struct authd *a, struct leaves **out, struct err *err);
void leaves_close(struct leaves *l); /* NULL allowed */

/* Hooks of the rpc server around those of caller.h: a connection has come, or goes. */
int leaves_conn_opened(struct rpc_conn *conn, struct err *err);
void leaves_conn_closed(struct rpc_conn *conn);

#endif
