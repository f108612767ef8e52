/*
 * methods - authd's calls: for each who may make it and what handles it (the table in methods.c).
 */
#ifndef AUTHD_METHODS_H
#define AUTHD_METHODS_H

struct buf;
struct err;
struct rpc_call;
struct rpc_offer;

/* The calls of proto/auth.proto. */
void methods_main(struct rpc_offer *out);

/* What else is answered by gRPC: server reflection. For rpc_server_conf.more. */
const struct rpc_offer *methods_more(void);

/* The JSON calls as an OpenAPI document. For rpc_server_conf.document. */
int methods_document(struct buf *out, struct err *err);

/* ping.c */
void handle_ping(struct rpc_call *call);

/* backup.c */
void handle_backup(struct rpc_call *call);

#endif
