#include "audit/audit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/audit.fields.h"

#include <string.h>

/* Names and codes are Teleport's, so that what reads its log reads ours. A kind without a
 * code of failure cannot fail. */
static const struct {
	const char *name;
	const char *ok;
	const char *failed;
	bool from_host;
} kinds[AUDIT_KINDS] = {
	[AUDIT_USER_LOGIN] = { "user.login", "T1000I", "T1000W", false },
	[AUDIT_USER_CREATE] = { "user.create", "T1002I", NULL, false },
	[AUDIT_USER_UPDATE] = { "user.update", "T1003I", NULL, false },
	[AUDIT_USER_DELETE] = { "user.delete", "T1004I", NULL, false },
	[AUDIT_USER_PASSWORD_CHANGE] = { "user.password_change", "T1005I", NULL, false },
	[AUDIT_MFA_ADD] = { "mfa.add", "T1006I", NULL, false },
	[AUDIT_MFA_DELETE] = { "mfa.delete", "T1007I", NULL, false },
	[AUDIT_RESET_PASSWORD_TOKEN_CREATE] = { "reset_password_token.create", "T6000I", NULL,
	                                        false },
	[AUDIT_ACCESS_REQUEST_REVIEW] = { "access_request.review", "T5002I", NULL, false },
	[AUDIT_ROLE_CREATED] = { "role.created", "T9000I", NULL, false },
	[AUDIT_ROLE_DELETED] = { "role.deleted", "T9001I", NULL, false },
	[AUDIT_ROLE_UPDATED] = { "role.updated", "T9002I", NULL, false },
	[AUDIT_LOCK_CREATED] = { "lock.created", "TLK00I", NULL, false },
	[AUDIT_LOCK_DELETED] = { "lock.deleted", "TLK01I", NULL, false },
	[AUDIT_JOIN_TOKEN_CREATE] = { "join_token.create", "TJT00I", NULL, false },
	[AUDIT_INSTANCE_JOIN] = { "instance.join", "TJ002I", "TJ002E", false },
	[AUDIT_CERT_CREATE] = { "cert.create", "TC000I", NULL, false },
	[AUDIT_SESSION_START] = { "session.start", "T2000I", NULL, true },
	[AUDIT_SESSION_JOIN] = { "session.join", "T2001I", NULL, true },
	[AUDIT_RESIZE] = { "resize", "T2002I", NULL, true },
	[AUDIT_SESSION_LEAVE] = { "session.leave", "T2003I", NULL, true },
	[AUDIT_SESSION_END] = { "session.end", "T2004I", NULL, true },
	[AUDIT_SESSION_UPLOAD] = { "session.upload", "T2005I", NULL, false },
	[AUDIT_SESSION_DATA] = { "session.data", "T2006I", NULL, true },
	[AUDIT_SESSION_REJECTED] = { "session.rejected", "T1006W", NULL, true },
	[AUDIT_SESSION_RECORDING_ACCESS] = { "session.recording.access", "T2012I", NULL, false },
	[AUDIT_EXEC] = { "exec", "T3002I", "T3002E", true },
	[AUDIT_SUBSYSTEM] = { "subsystem", "T3001I", "T3001E", true },
	[AUDIT_PORT] = { "port", "T3003I", "T3003E", true },
	[AUDIT_SCP_DOWNLOAD] = { "scp", "T3004I", "T3004E", true },
	[AUDIT_SCP_UPLOAD] = { "scp", "T3005I", "T3005E", true },
	[AUDIT_CLIENT_DISCONNECT] = { "client.disconnect", "T3006I", NULL, true },
	[AUDIT_AUTH_ATTEMPT] = { "auth", "T3007W", "T3007W", true },
	[AUDIT_X11_FORWARD] = { "x11-forward", "T3008I", "T3008W", true },
	[AUDIT_KUBE_REQUEST] = { "kube.request", "T3009I", NULL, true },
	[AUDIT_GITHUB_CREATED] = { "github.created", "T8000I", NULL, false },
	[AUDIT_GITHUB_UPDATED] = { "github.updated", "T8002I", NULL, false },
	[AUDIT_GITHUB_DELETED] = { "github.deleted", "T8001I", NULL, false },
	[AUDIT_OIDC_CREATED] = { "oidc.created", "T8100I", NULL, false },
	[AUDIT_OIDC_UPDATED] = { "oidc.updated", "T8102I", NULL, false },
	[AUDIT_OIDC_DELETED] = { "oidc.deleted", "T8101I", NULL, false },
	[AUDIT_ACCESS_REQUEST_CREATE] = { "access_request.create", "T5000I", NULL, false },
	[AUDIT_ACCESS_REQUEST_UPDATE] = { "access_request.update", "T5001I", NULL, false },
	[AUDIT_ACCESS_REQUEST_DELETE] = { "access_request.delete", "T5003I", NULL, false },
	[AUDIT_TRUSTED_CLUSTER_CREATE] = { "trusted_cluster.create", "T7000I", NULL, false },
	[AUDIT_TRUSTED_CLUSTER_DELETE] = { "trusted_cluster.delete", "T7001I", NULL, false },
	[AUDIT_AUTH_PREFERENCE_UPDATE] = { "auth_preference.update", "TCAUTH001I", NULL, false },
	[AUDIT_NETWORKING_CONFIG_UPDATE] = { "cluster_networking_config.update", "TCNET002I", NULL,
	                                     false },
	[AUDIT_RECORDING_CONFIG_UPDATE] = { "session_recording_config.update", "TCREC003I", NULL,
	                                    false },
	[AUDIT_RESOURCE_CREATE] = { "resource.create", "TPS10I", NULL, false }, /* our own */
	[AUDIT_RESOURCE_UPDATE] = { "resource.update", "TPS11I", NULL, false },
	[AUDIT_RESOURCE_DELETE] = { "resource.delete", "TPS12I", NULL, false },
	[AUDIT_KEYSPACE_BACKUP] = { "keyspace.backup", "TPS00I", NULL, false }, /* our own */
	[AUDIT_CERT_AUTHORITY_ROTATE] = { "cert_authority.rotate", "TPS01I", NULL, false },
};

void audit_event_init(struct audit_event *e, enum audit_kind kind, bool success, int64_t now_ms)
{
	*e = (struct audit_event){ .pb = pv_AuditEvent_init_zero };
	rand_uuid(e->uid);
	e->pb.uid = e->uid;
	e->pb.event = audit_text(kinds[kind].name);
	e->pb.code = audit_text(audit_code(kind, success));
	e->pb.time = now_ms;
	e->pb.has_success = kinds[kind].failed != NULL;
	e->pb.success = success;
}

const char *audit_name(enum audit_kind kind)
{
	return kinds[kind].name;
}

const char *audit_code(enum audit_kind kind, bool success)
{
	return success || kinds[kind].failed == NULL ? kinds[kind].ok : kinds[kind].failed;
}

bool audit_from_host(const char *name, const char *code)
{
	for (size_t i = 0; i < AUDIT_KINDS; i++)
		if (kinds[i].from_host && str_eq(kinds[i].name, name) &&
		    (str_eq(kinds[i].ok, code) ||
		     (kinds[i].failed != NULL && str_eq(kinds[i].failed, code))))
			return true;
	return false;
}

int audit_line(const pv_AuditEvent *event, struct buf *out, struct err *err)
{
	struct buf line = { .max = AUDIT_LINE_MAX };
	int rc = fields_to_json(&pv_AuditEvent_table, event, 0, &line, err);

	if (rc == 0) {
		buf_append_byte(&line, '\n');
		rc = buf_check(&line, err);
	}
	if (rc == 0) {
		buf_append(out, line.data, line.len);
		rc = buf_check(out, err);
	}
	buf_deinit(&line);
	return rc != 0 ? err_wrap(err, "write event '%s'", event->event) : 0;
}
