#include "authd/methods.h"

#include "authd/access/access.h"
#include "authd/audit/calls.h"
#include "authd/hosts/calls.h"
#include "authd/people/calls.h"
#include "authd/recordings/calls.h"
#include "authd/resources/calls.h"

#include "proto/auth.service.h"
#include "rpc/method.h"

static const struct access_rule create_user = { "user", "create" };
static const struct access_rule update_user = { "user", "update" };
static const struct access_rule create_token = { "token", "create" };
static const struct access_rule kill_session = { "session", "update" };

static const struct rpc_method table[] = {
	{ AUTH_PING, ACCESS_ANYBODY, NULL, handle_ping },
	{ AUTH_LOGIN, ACCESS_ANYBODY, NULL, handle_login },
	{ AUTH_GET_INVITE, ACCESS_ANYBODY, NULL, handle_get_invite },
	{ AUTH_ACCEPT_INVITE, ACCESS_ANYBODY, NULL, handle_accept_invite },
	{ AUTH_JOIN, ACCESS_ANYBODY, NULL, handle_join },

	{ AUTH_RENEW_HOST, ACCESS_HOST, NULL, handle_renew_host },
	{ AUTH_ANNOUNCE, ACCESS_HOST, NULL, handle_announce },
	{ AUTH_KEEP_ALIVE, ACCESS_HOST, NULL, handle_keep_alive },
	{ AUTH_EMIT_AUDIT, ACCESS_HOST, NULL, handle_emit_audit },
	{ AUTH_UPLOAD_RECORDING, ACCESS_HOST, "Node", handle_upload_recording },
	{ AUTH_PUT_SESSION, ACCESS_HOST, "Node", handle_put_session },

	{ AUTH_WATCH, ACCESS_REQUEST, NULL, handle_watch },
	{ AUTH_GET_RECORDING, ACCESS_REQUEST, NULL, handle_get_recording },
	{ AUTH_GET_RESOURCE, ACCESS_REQUEST, NULL, handle_get_resource },
	{ AUTH_LIST_RESOURCES, ACCESS_REQUEST, NULL, handle_list_resources },
	{ AUTH_PUT_RESOURCE, ACCESS_REQUEST, NULL, handle_put_resource },
	{ AUTH_DELETE_RESOURCE, ACCESS_REQUEST, NULL, handle_delete_resource },

	{ AUTH_CREATE_USER, ACCESS_RULE, &create_user, handle_create_user },
	{ AUTH_RESET_USER, ACCESS_RULE, &update_user, handle_reset_user },
	{ AUTH_UNLOCK_USER, ACCESS_RULE, &update_user, handle_unlock_user },
	{ AUTH_CREATE_TOKEN, ACCESS_RULE, &create_token, handle_create_token },
	{ AUTH_KILL_SESSION, ACCESS_RULE, &kill_session, handle_kill_session },
	{ AUTH_ISSUE_USER_CERTIFICATE, ACCESS_LOCAL, NULL, handle_issue_user_certificate },
	{ AUTH_BACKUP, ACCESS_LOCAL, NULL, handle_backup },
};

const struct rpc_method *methods(size_t *out_count)
{
	*out_count = sizeof(table) / sizeof(*table);
	return table;
}
