#include "authd/rotation/rotation_audit.h"

#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/rotation/step.h"

#include "audit/audit.h"

void rotation_audit(struct authd *a, const struct step_spec *step, const struct rpc_call *call)
{
	const char *types[2];
	size_t count = step_types(step->authorities, types);

	for (size_t i = 0; i < count; i++) {
		struct audit_event e;

		audit_event_init(&e, AUDIT_CERT_AUTHORITY_ROTATE, true, authd_now(a));
		if (call != NULL)
			audit_log_caller(&e, call);
		else
			e.pb.server_id = a->own.id;
		e.pb.name = audit_text(types[i]);
		e.pb.action = audit_text(rotation_phase_name(step->phase));
		e.pb.method = audit_text(step->automatic ? "auto" : "manual");
		audit_log_report(a, &e);
	}
}
