/*
 * calls - the calls about the audit log; who may make them stands in methods.c.
 *
 * A handler is called once per call, authorized; it answers now or later (rpc/server.h).
 */
#ifndef AUTHD_AUDIT_CALLS_H
#define AUTHD_AUDIT_CALLS_H

struct rpc_call;

void handle_emit_audit(struct rpc_call *call);

#endif
