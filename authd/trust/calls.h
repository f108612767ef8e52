/*
 * calls - the calls between clusters; who may make them stands in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_TRUST_CALLS_H
#define AUTHD_TRUST_CALLS_H

struct rpc_call;

void handle_validate_trusted_cluster(struct rpc_call *call);
void handle_update_authorities(struct rpc_call *call);

#endif
