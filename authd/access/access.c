#include "authd/access/access.h"

#include "authd/access/caller.h"
#include "authd/access/changes.h"
#include "authd/access/limits.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "model/role_cache.h"
#include "model/system_role.h"
#include "rpc/server.h"

#include <string.h>

bool access_is_own_user(const struct authd *a, const struct peer *peer)
{
	return peer->kind == PEER_USER && str_eq(peer->identity.cluster, a->conf.cluster_name);
}

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

uintptr_t access_generation(const struct authd *a, const struct peer *peer)
{
	if (peer->kind != PEER_USER)
		return 0;
	return changes_roles_generation(a->changes, peer->identity.roles,
	                                peer->identity.roles_count);
}

int access_roles(const struct rpc_call *call, const struct role_set **out_roles, struct err *err)
{
	struct caller *c = rpc_conn_data(rpc_call_conn(call));
	struct authd *a = authd_of(call);
	uintptr_t generation;

	if (c->peer.kind != PEER_USER) {
		*out_roles = NULL;
		return 0;
	}
	generation = access_generation(a, &c->peer);
	if (c->roles != NULL && c->generation != generation) {
		role_set_unref(c->roles);
		c->roles = NULL;
	}
	if (c->roles == NULL) {
		c->generation = generation;
		if (role_cache_get(a->role_sets, &c->peer.identity, &c->roles, err) != 0) {
			err->code = ERR_DENIED;
			return err_wrap(err, "the roles of '%s' do not hold",
			                c->peer.identity.user);
		}
	}
	*out_roles = c->roles;
	return 0;
}

/* What an action of a rule wants logged. */
static void log_action(void *arg, const char *level, const char *line)
{
	const struct peer *peer = arg;

	if (str_eq(level, "debug"))
		log_debug("access", "rule matched", kv("user", peer->identity.user),
		          kv("line", line));
	else if (str_eq(level, "info"))
		log_info("rule matched", kv("user", peer->identity.user), kv("line", line));
	else if (str_eq(level, "error"))
		log_error("rule matched", kv("user", peer->identity.user), kv("line", line));
	else
		log_warn("rule matched", kv("user", peer->identity.user), kv("line", line));
}

static enum role_verdict judge_user(const struct rpc_call *call, struct role_call *asked,
                                    struct err *err)
{
	const struct role_set *roles;

	if (access_roles(call, &roles, err) != 0)
		return ROLE_CALL_DENIED;
	asked->log_arg = (void *)(uintptr_t)caller_of(call);
	return role_set_judge_call(roles, asked, err);
}

static enum role_verdict judge(const struct rpc_call *call, struct role_call *asked,
                               struct err *err)
{
	const struct peer *peer = caller_of(call);

	switch (peer->kind) {
	case PEER_ADMIN:
		return ROLE_CALL_ALLOWED;
	case PEER_HOST:
	case PEER_REMOTE:
		return system_role_check(peer->identity.system_role, asked->kind, asked->verb,
		                         err) == 0
		               ? ROLE_CALL_ALLOWED
		               : ROLE_CALL_DENIED;
	case PEER_USER:
		return judge_user(call, asked, err);
	case PEER_ANONYMOUS:
		break;
	}
	err_set(err, ERR_UNAUTHENTICATED, "this call needs a certificate");
	return ROLE_CALL_DENIED;
}

int access_check(const struct rpc_call *call, const char *kind, const char *verb,
                 const pv_Resource *resource, struct err *err)
{
	struct role_call asked = { kind, verb, resource, log_action, NULL };

	return judge(call, &asked, err) == ROLE_CALL_ALLOWED ? 0 : err->code;
}

enum role_verdict access_judge(const struct rpc_call *call, const char *kind, const char *verb,
                               const pv_Resource *resource, struct err *err)
{
	struct role_call asked = { kind, verb, resource, NULL, NULL };

	return judge(call, &asked, err);
}

/* --- the table's question -------------------------------------------------------------------- */

/* `system_roles` are separated by blanks; NULL: any. */
static int check_host(const struct peer *peer, const char *system_roles, struct err *err)
{
	if (peer->kind != PEER_HOST)
		return err_set(err, ERR_DENIED, "this call is for hosts of the cluster");
	if (system_roles != NULL && !str_has_word(system_roles, peer->identity.system_role))
		return err_set(err, ERR_DENIED, "this call is for hosts of system role %s",
		               system_roles);
	return 0;
}

static int check_own_user(const struct authd *a, const struct peer *peer, struct err *err)
{
	if (access_is_own_user(a, peer))
		return 0;
	if (peer->kind == PEER_USER)
		return err_set(err, ERR_DENIED, "this call is for people of cluster '%s'",
		               a->conf.cluster_name);
	return err_set(err, ERR_DENIED, "this call is for people about themselves");
}

int access_authorize(struct rpc_call *call, const struct rpc_method *method, struct err *err)
{
	const struct caller *c = rpc_conn_data(rpc_call_conn(call));
	const struct access_rule *rule = method->access_data;
	const struct peer *peer = &c->peer;

	if (c->refused != NULL)
		return err_copy(err, c->refused);
	if (limits_take(authd_of(call), peer, err) != 0)
		return err->code;
	if (method->access == ACCESS_ANYBODY)
		return 0;
	if (peer->kind == PEER_ANONYMOUS)
		return err_set(err, ERR_UNAUTHENTICATED, "this call needs a certificate");
	switch ((enum access)method->access) {
	case ACCESS_HOST:
		return check_host(peer, method->access_data, err);
	case ACCESS_USER:
		return check_own_user(authd_of(call), peer, err);
	case ACCESS_REMOTE:
		return peer->kind == PEER_REMOTE
		               ? 0
		               : err_set(err, ERR_DENIED, "this call is for other clusters");
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
