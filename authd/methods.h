/*
 * methods - authd's calls: for each who may make it and what handles it (the table in methods.c).
 */
#ifndef AUTHD_METHODS_H
#define AUTHD_METHODS_H

#include <stddef.h>

struct rpc_call;
struct rpc_method;

const struct rpc_method *methods(size_t *out_count);

/* ping.c */
void handle_ping(struct rpc_call *call);

/* backup.c */
void handle_backup(struct rpc_call *call);

#endif
