/* validate - what makes people, tokens and locks valid. */
#include "model/validate.h"

#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"
#include "model/role_map.h"
#include "model/system_role.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int validate_names(const char *field, char *const *names, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (resource_check_name(names[i], err) != 0)
			return err_wrap(err, "%s[%zu]", field, i);
	return 0;
}

int validate_user(void *message, struct err *err)
{
	pv_User *user = message;
	pv_UserSpec *spec = &user->spec;

	user->has_spec = true;
	if (str_starts(user->metadata.name, ROLE_MAP_USER))
		return err_set(err, ERR_INVALID,
		               "metadata.name: names that begin with '" ROLE_MAP_USER
		               "' are those of other clusters' people");
	if (spec->roles_count == 0)
		return err_set(err, ERR_INVALID, "spec.roles: a user needs a role");
	for (size_t i = 0; i < spec->traits_count; i++) {
		const pv_UserSpec_TraitsEntry *t = &spec->traits[i];

		if (str_empty(t->key))
			return err_set(err, ERR_INVALID, "spec.traits: a trait without a name");
		for (size_t k = 0; strcmp(t->key, "logins") == 0 && k < t->value.values_count; k++)
			if (!resource_is_login(t->value.values[k]))
				return err_set(err, ERR_INVALID,
				               "spec.traits.logins: '%s' is not a login",
				               t->value.values[k]);
	}
	return validate_names("spec.roles", spec->roles, spec->roles_count, err);
}

/* What may join in Teleport's clusters and has no daemon here: tokens may name them. */
static const char *const roles_of_others[] = {
	"Kube", "App",  "Db",  "WindowsDesktop", "Discovery", "Trusted_cluster",
	"Bot",  "Okta", "MDM", "Instance",       "Relay",
};

static const char *joining_role(const char *name)
{
	const char *proper = system_role_name(name);

	for (size_t i = 0; proper == NULL && i < sizeof(roles_of_others) / sizeof(char *); i++)
		if (strcasecmp(roles_of_others[i], name) == 0)
			proper = roles_of_others[i];
	return proper;
}

int validate_token(void *message, struct err *err)
{
	pv_Token *token = message;
	pv_TokenSpec *spec = &token->spec;
	int rc = 0;

	token->has_spec = true;
	if (spec->roles_count == 0)
		return err_set(err, ERR_INVALID, "spec.roles: a token needs a role");
	for (size_t i = 0; rc == 0 && i < spec->roles_count; i++) {
		const char *proper = joining_role(spec->roles[i]);

		if (proper == NULL || strcmp(proper, "Auth") == 0)
			return err_set(err, ERR_INVALID, "spec.roles[%zu]: nothing joins as '%s'",
			               i, spec->roles[i]);
		rc = fields_set_str(&spec->roles[i], proper, err);
	}
	if (rc == 0 && strcmp(spec->join_method, "token") != 0)
		rc = err_set(err, ERR_UNSUPPORTED,
		             "spec.join_method: '%s' is not supported, only 'token' is",
		             spec->join_method);
	return rc;
}

/* `server_id` is what newer versions call a node. */
static int take_server_id(pv_LockTarget *t, struct err *err)
{
	if (str_empty(t->server_id))
		return 0;
	if (!str_empty(t->node) && strcmp(t->node, t->server_id) != 0)
		return err_set(err, ERR_INVALID,
		               "spec.target.server_id: another node than spec.target.node");
	free(t->node);
	t->node = t->server_id;
	t->server_id = NULL;
	return 0;
}

int validate_lock(void *message, struct err *err)
{
	pv_Lock *lock = message;
	pv_LockTarget *t = &lock->spec.target;

	lock->has_spec = lock->spec.has_target = true;
	if (take_server_id(t, err) != 0)
		return err->code;
	if (str_empty(t->user) && str_empty(t->role) && str_empty(t->login) && str_empty(t->node) &&
	    str_empty(t->access_request))
		return err_set(err, ERR_INVALID,
		               "spec.target: user, role, login, node or access_request is missing");
	if (!str_empty(t->node) && !resource_is_uuid(t->node))
		return err_set(err, ERR_INVALID, "spec.target.node: '%s' is not a UUID", t->node);
	return 0;
}
