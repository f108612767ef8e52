#include "authd/access/access.h"

#include "authd/access/caller.h"
#include "authd/access/changes.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/err.h"
#include "base/str.h"
#include "model/role.h"
#include "model/system_role.h"
#include "rpc/server.h"

#include <string.h>

/* --- what a user's roles say ----------------------------------------------------------------- */

int access_lookup_role(void *arg, const char *name, pv_Role *out, struct err *err)
{
	pv_Resource r = pv_Resource_init_zero;

	if (resource_load(arg, resource_kind_find("role"), NULL, name, &r, err) != 0)
		return err->code;
	if (r.which_of != pv_Resource_role_tag) {
		resource_deinit(&r);
		return err_set(err, ERR_CORRUPT, "role '%s' is stored as something else", name);
	}
	*out = r.of.role; /* its parts are the caller's now */
	return 0;
}

int access_roles(const struct rpc_call *call, const struct role_set **out_roles, struct err *err)
{
	struct caller *c = rpc_conn_data(rpc_call_conn(call));
	struct authd *a = authd_of(call);

	if (c->peer.kind != PEER_USER) {
		*out_roles = NULL;
		return 0;
	}
	if (c->roles != NULL && c->generation != changes_roles_generation(a->changes)) {
		role_set_free(c->roles);
		c->roles = NULL;
	}
	if (c->roles == NULL) {
		c->generation = changes_roles_generation(a->changes);
		if (role_set_of_identity(&c->roles, &c->peer.identity, access_lookup_role, a,
		                         err) != 0) {
			err->code = ERR_DENIED;
			return err_wrap(err, "the roles of '%s' do not hold",
			                c->peer.identity.user);
		}
	}
	*out_roles = c->roles;
	return 0;
}

static int check_user(const struct rpc_call *call, const char *kind, const char *verb,
                      const struct role_context *context, struct err *err)
{
	const struct role_context self = { .user = caller_of(call)->identity.user };
	const struct role_set *roles;

	if (access_roles(call, &roles, err) != 0)
		return err->code;
	return role_set_check_rule(roles, kind, verb, context != NULL ? context : &self, err);
}

int access_check(const struct rpc_call *call, const char *kind, const char *verb,
                 const struct role_context *context, struct err *err)
{
	const struct peer *peer = caller_of(call);

	switch (peer->kind) {
	case PEER_ADMIN:
		return 0;
	case PEER_HOST:
		return system_role_check(peer->identity.system_role, kind, verb, err);
	case PEER_USER:
		return check_user(call, kind, verb, context, err);
	case PEER_ANONYMOUS:
		break;
	}
	return err_set(err, ERR_UNAUTHENTICATED, "this call needs a certificate");
}

/* --- the table's question -------------------------------------------------------------------- */

static int check_host(const struct peer *peer, const char *system_role, struct err *err)
{
	if (peer->kind != PEER_HOST)
		return err_set(err, ERR_DENIED, "this call is for hosts of the cluster");
	if (system_role != NULL && !peer_is_host(peer, system_role))
		return err_set(err, ERR_DENIED, "this call is for hosts of system role %s",
		               system_role);
	return 0;
}

int access_authorize(struct rpc_call *call, const struct rpc_method *method, struct err *err)
{
	const struct caller *c = rpc_conn_data(rpc_call_conn(call));
	const struct access_rule *rule = method->access_data;
	const struct peer *peer = &c->peer;

	if (c->refused != NULL)
		return err_copy(err, c->refused);
	if (method->access == ACCESS_ANYBODY)
		return 0;
	if (peer->kind == PEER_ANONYMOUS)
		return err_set(err, ERR_UNAUTHENTICATED, "this call needs a certificate");
	switch ((enum access)method->access) {
	case ACCESS_HOST:
		return check_host(peer, method->access_data, err);
	case ACCESS_RULE:
		return access_check(call, rule->kind, rule->verb, NULL, err);
	case ACCESS_REQUEST:
		return 0;
	case ACCESS_LOCAL:
	case ACCESS_ANYBODY:
		break;
	}
	if (peer->kind == PEER_ADMIN)
		return 0;
	return err_set(err, ERR_DENIED, "this call is for the local administrator");
}
