#include "authd/methods.h"

#include "authd/access.h"

#include "rpc/auth_api.h"
#include "rpc/method.h"

static const struct access_rule kill_session = { "session", "update" };

static const struct rpc_method table[] = {
	{ AUTH_PING, ACCESS_ANYBODY, NULL, handle_ping },
	{ AUTH_ANNOUNCE, ACCESS_HOST, NULL, handle_announce },
	{ AUTH_WATCH, ACCESS_REQUEST, NULL, handle_watch },
	{ AUTH_PUT_SESSION, ACCESS_HOST, "Node", handle_put_session },
	{ AUTH_GET_RESOURCE, ACCESS_REQUEST, NULL, handle_get_resource },
	{ AUTH_LIST_RESOURCES, ACCESS_REQUEST, NULL, handle_list_resources },
	{ AUTH_PUT_RESOURCE, ACCESS_REQUEST, NULL, handle_put_resource },
	{ AUTH_DELETE_RESOURCE, ACCESS_REQUEST, NULL, handle_delete_resource },
	{ AUTH_KILL_SESSION, ACCESS_RULE, &kill_session, handle_kill_session },
};

const struct rpc_method *methods(size_t *out_count)
{
	*out_count = sizeof(table) / sizeof(*table);
	return table;
}
