/*
 * audit - events of the audit log: their names, codes and JSON form.
 *
 * An event is built on the stack and borrows every string it is given; only its uid is its
 * own. So it is filled, written (or sent), and forgotten:
 *
 *   struct audit_event e;
 *   audit_event_init(&e, AUDIT_USER_LOGIN, false, clock_wall_ms(clock));
 *   e.pb.user = audit_text(name);
 *   e.pb.error = audit_text(err->msg);
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/rand.h"

#include "proto/audit.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum audit_kind {
	AUDIT_USER_LOGIN,
	AUDIT_USER_CREATE,
	AUDIT_USER_UPDATE,
	AUDIT_USER_DELETE,
	AUDIT_USER_PASSWORD_CHANGE,
	AUDIT_MFA_ADD,
	AUDIT_MFA_DELETE,
	AUDIT_RESET_PASSWORD_TOKEN_CREATE,
	AUDIT_ACCESS_REQUEST_REVIEW,
	AUDIT_ROLE_CREATED,
	AUDIT_ROLE_DELETED,
	AUDIT_ROLE_UPDATED,
	AUDIT_LOCK_CREATED,
	AUDIT_LOCK_DELETED,
	AUDIT_JOIN_TOKEN_CREATE,
	AUDIT_INSTANCE_JOIN,
	AUDIT_CERT_CREATE,
	AUDIT_SESSION_START,
	AUDIT_SESSION_JOIN,
	AUDIT_SESSION_LEAVE,
	AUDIT_SESSION_END,
	AUDIT_SESSION_UPLOAD,
	AUDIT_SESSION_DATA,
	AUDIT_SESSION_REJECTED,
	AUDIT_SESSION_RECORDING_ACCESS,
	AUDIT_RESIZE,
	AUDIT_EXEC,
	AUDIT_SUBSYSTEM,
	AUDIT_PORT,
	AUDIT_SCP_DOWNLOAD,
	AUDIT_SCP_UPLOAD,
	AUDIT_CLIENT_DISCONNECT,
	AUDIT_AUTH_ATTEMPT,
	AUDIT_X11_FORWARD,
	AUDIT_KUBE_REQUEST,
	AUDIT_KEYSPACE_BACKUP,
	AUDIT_GITHUB_CREATED,
	AUDIT_GITHUB_UPDATED,
	AUDIT_GITHUB_DELETED,
	AUDIT_OIDC_CREATED,
	AUDIT_OIDC_UPDATED,
	AUDIT_OIDC_DELETED,
	AUDIT_ACCESS_REQUEST_CREATE,
	AUDIT_ACCESS_REQUEST_UPDATE,
	AUDIT_ACCESS_REQUEST_DELETE,
	AUDIT_TRUSTED_CLUSTER_CREATE,
	AUDIT_TRUSTED_CLUSTER_DELETE,
	AUDIT_AUTH_PREFERENCE_UPDATE,
	AUDIT_NETWORKING_CONFIG_UPDATE,
	AUDIT_RECORDING_CONFIG_UPDATE,
	AUDIT_RESOURCE_CREATE, /* of kinds that have no event of their own; `target` is the kind */
	AUDIT_RESOURCE_UPDATE,
	AUDIT_RESOURCE_DELETE,
	AUDIT_CERT_AUTHORITY_ROTATE,
	AUDIT_KINDS
};

struct audit_event {
	pv_AuditEvent pb; /* borrows; never pb_release() it */
	char uid[RAND_UUID_SIZE];
};

/* Name, code (of success or failure), uid and time. `success` itself is set for kinds that can
 * fail. */
void audit_event_init(struct audit_event *e, enum audit_kind kind, bool success, int64_t now_ms);

/* A string for an event to borrow. */
static inline char *audit_text(const char *s)
{
	return (char *)(uintptr_t)s;
}

const char *audit_name(enum audit_kind kind);
const char *audit_code(enum audit_kind kind, bool success);

/* Is this an event that a host may report: of a session or a connection, not of the cluster? */
bool audit_from_host(const char *name, const char *code);

#define AUDIT_LINE_MAX 65536

/* Appends the event as one line of JSON with its '\n'. ERR_LIMIT: longer than AUDIT_LINE_MAX. */
int audit_line(const pv_AuditEvent *event, struct buf *out, struct err *err);

#endif
