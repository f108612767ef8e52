#include "authd/methods.h"

#include "authd/access/access.h"
#include "authd/audit/calls.h"
#include "authd/hosts/calls.h"
#include "authd/people/calls.h"
#include "authd/recordings/calls.h"
#include "authd/resources/calls.h"
#include "authd/rotation/calls.h"
#include "authd/trust/calls.h"

#include "base/buf.h"
#include "proto/auth.service.h"
#include "proto/reflection.service.h"
#include "rpc/method.h"
#include "rpc/openapi.h"
#include "rpc/reflection.h"

static const struct access_rule resolve_request = { "access_request", "update" };
static const struct access_rule create_user = { "user", "create" };
static const struct access_rule update_user = { "user", "update" };
static const struct access_rule create_token = { "token", "create" };
static const struct access_rule kill_session = { "session", "update" };
static const struct access_rule rotate = { "cert_authority", "rotate" };

static const struct rpc_method table[] = {
	{ AUTH_PING, ACCESS_ANYBODY, NULL, handle_ping },
	{ AUTH_LOGIN, ACCESS_ANYBODY, NULL, handle_login },
	{ AUTH_GET_INVITE, ACCESS_ANYBODY, NULL, handle_get_invite },
	{ AUTH_ACCEPT_INVITE, ACCESS_ANYBODY, NULL, handle_accept_invite },
	{ AUTH_JOIN, ACCESS_ANYBODY, NULL, handle_join },
	{ AUTH_VALIDATE_TRUSTED_CLUSTER, ACCESS_ANYBODY, NULL, handle_validate_trusted_cluster },

	{ AUTH_UPDATE_AUTHORITIES, ACCESS_REMOTE, NULL, handle_update_authorities },

	{ AUTH_RENEW_HOST, ACCESS_HOST, NULL, handle_renew_host },
	{ AUTH_ANNOUNCE, ACCESS_HOST, NULL, handle_announce },
	{ AUTH_REPORT_TUNNELS, ACCESS_HOST, "Proxy", handle_report_tunnels },
	{ AUTH_KEEP_ALIVE, ACCESS_HOST, NULL, handle_keep_alive },
	{ AUTH_EMIT_AUDIT, ACCESS_HOST, NULL, handle_emit_audit },
	{ AUTH_UPLOAD_RECORDING, ACCESS_HOST, "Node Kube", handle_upload_recording },
	{ AUTH_ACQUIRE_SEMAPHORE, ACCESS_HOST, "Node Kube", handle_acquire_semaphore },
	{ AUTH_RELEASE_SEMAPHORE, ACCESS_HOST, "Node Kube", handle_release_semaphore },
	{ AUTH_PUT_SESSION, ACCESS_HOST, "Node Kube", handle_put_session },

	{ AUTH_WATCH, ACCESS_REQUEST, NULL, handle_watch },
	{ AUTH_EXPLAIN_ACCESS, ACCESS_REQUEST, NULL, handle_explain_access },
	{ AUTH_GET_RECORDING, ACCESS_REQUEST, NULL, handle_get_recording },
	{ AUTH_GET_RESOURCE, ACCESS_REQUEST, NULL, handle_get_resource },
	{ AUTH_LIST_RESOURCES, ACCESS_REQUEST, NULL, handle_list_resources },
	{ AUTH_PUT_RESOURCE, ACCESS_REQUEST, NULL, handle_put_resource },
	{ AUTH_PUT_RESOURCES, ACCESS_REQUEST, NULL, handle_put_resources },
	{ AUTH_DELETE_RESOURCE, ACCESS_REQUEST, NULL, handle_delete_resource },

	{ AUTH_LIST_MFA_DEVICES, ACCESS_USER, NULL, handle_list_mfa_devices },
	{ AUTH_BEGIN_MFA_DEVICE, ACCESS_USER, NULL, handle_begin_mfa_device },
	{ AUTH_FINISH_MFA_DEVICE, ACCESS_USER, NULL, handle_finish_mfa_device },
	{ AUTH_REMOVE_MFA_DEVICE, ACCESS_USER, NULL, handle_remove_mfa_device },

	{ AUTH_CREATE_ACCESS_REQUEST, ACCESS_REQUEST, NULL, handle_create_access_request },
	{ AUTH_REVIEW_ACCESS_REQUEST, ACCESS_USER, NULL, handle_review_access_request },
	{ AUTH_RESOLVE_ACCESS_REQUEST, ACCESS_RULE, &resolve_request,
	  handle_resolve_access_request },
	{ AUTH_ASSUME_ACCESS_REQUEST, ACCESS_USER, NULL, handle_assume_access_request },

	{ AUTH_CREATE_USER, ACCESS_RULE, &create_user, handle_create_user },
	{ AUTH_RESET_USER, ACCESS_RULE, &update_user, handle_reset_user },
	{ AUTH_UNLOCK_USER, ACCESS_RULE, &update_user, handle_unlock_user },
	{ AUTH_CREATE_TOKEN, ACCESS_RULE, &create_token, handle_create_token },
	{ AUTH_KILL_SESSION, ACCESS_RULE, &kill_session, handle_kill_session },
	{ AUTH_ISSUE_USER_CERTIFICATE, ACCESS_LOCAL, NULL, handle_issue_user_certificate },
	{ AUTH_BACKUP, ACCESS_LOCAL, NULL, handle_backup },
	{ AUTH_ROTATE_AUTHORITY, ACCESS_RULE, &rotate, handle_rotate_authority },
	{ AUTH_GET_ROTATION, ACCESS_RULE, &rotate, handle_get_rotation },
};

void methods_main(struct rpc_offer *out)
{
	*out = (struct rpc_offer){ &pv_Auth_service, table, sizeof(table) / sizeof(*table) };
}

const struct rpc_offer *methods_more(void)
{
	static const struct rpc_method reflection[] = {
		{ SERVER_REFLECTION_SERVER_REFLECTION_INFO, ACCESS_REQUEST, NULL,
		  reflection_handle },
	};
	static const struct rpc_offer more[] = {
		{ &grv_ServerReflection_service, reflection, 1 },
		{ &reflection_v1alpha, reflection, 1 },
		{ NULL },
	};

	return more;
}

/* Who may make a call, for people. */
static void describe(const struct rpc_method *method, struct buf *out)
{
	const struct access_rule *rule = method->access_data;
	const char *system_role = method->access_data;

	switch ((enum access)method->access) {
	case ACCESS_ANYBODY:
		buf_append_str(out, "Anybody may call, without a certificate too.");
		break;
	case ACCESS_HOST:
		buf_appendf(out, "For hosts of the cluster%s%s.",
		            system_role != NULL ? " of system role " : "",
		            system_role != NULL ? system_role : "");
		break;
	case ACCESS_USER:
		buf_append_str(out, "For people with a certificate, about themselves.");
		break;
	case ACCESS_REMOTE:
		buf_append_str(out, "For the daemons of other clusters.");
		break;
	case ACCESS_RULE:
		buf_appendf(out, "For roles that allow %s on %s.", rule->verb, rule->kind);
		break;
	case ACCESS_REQUEST:
		buf_append_str(out, "For callers with a certificate, as far as their roles reach.");
		break;
	case ACCESS_LOCAL:
		buf_append_str(out, "For the local administrator only.");
		break;
	}
}

int methods_document(struct buf *out, struct err *err)
{
	struct openapi_conf conf = { .title = "Postern", .version = POSTERN_VERSION };
	struct rpc_offer offer;

	methods_main(&offer);
	conf.offer = &offer;
	conf.describe = describe;
	return openapi_write(&conf, out, err);
}
