/*
 * rotation_audit - the audit log's word on a step of a rotation.
 */
#ifndef AUTHD_ROTATION_AUDIT_H
#define AUTHD_ROTATION_AUDIT_H

struct authd;
struct rpc_call;
struct step_spec;

/* An event for each authority that has stepped. `call` NULL: by the schedule, or the caller has
 * gone. */
void rotation_audit(struct authd *a, const struct step_spec *step, const struct rpc_call *call);

#endif
