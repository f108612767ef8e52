#include "model/validate.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/conf.h"
#include "model/resource.h"
#include "model/system_role.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define LABELS_MAX      100  /* of one node */
#define LABEL_VALUE_MAX 1024 /* bytes */
#define NODE_NAME_MAX   253  /* RFC 1035, 2.3.4 */
#define NODE_ADDRS_MAX  32

static int check_version(const char *version, const char *known, struct err *err)
{
	if (strlen(version) == 2 && version[0] == 'v' && strchr(known, version[1]) != NULL)
		return 0;
	return err_set(err, ERR_INVALID, "version: '%s' is not known here", version);
}

static int check_names(const char *field, char *const *names, size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = resource_check_name(names[i], err);
	return rc != 0 ? err_wrap(err, "%s", field) : 0;
}

/* --- people, tokens, locks ------------------------------------------------------------------ */

int validate_user(void *message, struct err *err)
{
	pv_User *user = message;
	pv_UserSpec *spec = &user->spec;
	int rc = check_version(user->version, "2", err);

	if (rc != 0)
		return rc;
	user->has_spec = true;
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
	return check_names("spec.roles", spec->roles, spec->roles_count, err);
}

int validate_token(void *message, struct err *err)
{
	pv_Token *token = message;
	pv_TokenSpec *spec = &token->spec;
	int rc = check_version(token->version, "12", err);

	if (rc != 0)
		return rc;
	token->has_spec = true;
	if (spec->roles_count == 0)
		return err_set(err, ERR_INVALID, "spec.roles: a token needs a role");
	for (size_t i = 0; rc == 0 && i < spec->roles_count; i++) {
		const char *proper = system_role_name(spec->roles[i]);

		if (proper == NULL || strcmp(proper, "Auth") == 0)
			return err_set(err, ERR_INVALID, "spec.roles: nothing joins as '%s'",
			               spec->roles[i]);
		rc = fields_set_str(&spec->roles[i], proper, err);
	}
	if (rc == 0 && str_empty(spec->join_method))
		rc = fields_set_str(&spec->join_method, "token", err);
	if (rc == 0 && strcmp(spec->join_method, "token") != 0)
		rc = err_set(err, ERR_UNSUPPORTED, "spec.join_method: only 'token' is supported");
	return rc;
}

int validate_lock(void *message, struct err *err)
{
	pv_Lock *lock = message;
	const pv_LockTarget *t = &lock->spec.target;
	int rc = check_version(lock->version, "2", err);

	if (rc != 0)
		return rc;
	lock->has_spec = lock->spec.has_target = true;
	if (str_empty(t->user) && str_empty(t->role) && str_empty(t->login) && str_empty(t->node))
		return err_set(err, ERR_INVALID,
		               "spec.target: user, role, login or node is missing");
	if (!str_empty(t->node) && !resource_is_uuid(t->node))
		return err_set(err, ERR_INVALID, "spec.target.node: '%s' is not a UUID", t->node);
	return 0;
}

/* --- what the daemons write ----------------------------------------------------------------- */

static int check_command_labels(const pv_NodeSpec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->cmd_labels_count; i++) {
		const pv_NodeSpec_CmdLabelsEntry *l = &spec->cmd_labels[i];

		if (str_empty(l->key) || strlen(l->key) > RESOURCE_NAME_MAX)
			return err_set(err, ERR_INVALID, "spec.cmd_labels: a label without a name");
		if (l->value.result != NULL && strlen(l->value.result) > LABEL_VALUE_MAX)
			return err_set(err, ERR_INVALID, "spec.cmd_labels.%s: more than %d bytes",
			               l->key, LABEL_VALUE_MAX);
	}
	return 0;
}

/* Proxies dial it with a user's bytes: one address of a host, no unix socket of the proxy's, no
 * list. Whoever is reached otherwise has none. */
static int check_addr(const char *addr, struct err *err)
{
	struct conf_addr parsed;

	if (str_empty(addr))
		return 0;
	if (conf_addr_parse(addr, "0", &parsed, err) != 0)
		return err_wrap(err, "spec.addr");
	conf_addr_deinit(&parsed);
	return 0;
}

int validate_node(void *message, struct err *err)
{
	pv_Node *node = message;
	const pv_NodeSpec *spec = &node->spec;
	int rc = check_version(node->version, "2", err);

	if (rc != 0)
		return rc;
	node->has_spec = true;
	if (!resource_is_uuid(node->metadata.name))
		return err_set(err, ERR_INVALID, "metadata.name: not a UUID");
	if (str_empty(spec->hostname) || strlen(spec->hostname) > NODE_NAME_MAX)
		return err_set(err, ERR_INVALID, "spec.hostname: missing or too long");
	rc = resource_check_name(spec->hostname, err);
	if (rc != 0)
		return err_wrap(err, "spec.hostname");
	if (node->metadata.labels_count + spec->cmd_labels_count > LABELS_MAX)
		return err_set(err, ERR_INVALID, "more than %d labels", LABELS_MAX);
	for (size_t i = 0; i < node->metadata.labels_count; i++)
		if (node->metadata.labels[i].value != NULL &&
		    strlen(node->metadata.labels[i].value) > LABEL_VALUE_MAX)
			return err_set(err, ERR_INVALID, "metadata.labels.%s: more than %d bytes",
			               node->metadata.labels[i].key, LABEL_VALUE_MAX);
	if (spec->public_addrs_count > NODE_ADDRS_MAX)
		return err_set(err, ERR_INVALID, "spec.public_addrs: more than %d", NODE_ADDRS_MAX);
	if (check_addr(spec->addr, err) != 0)
		return err->code;
	return check_command_labels(spec, err);
}

int validate_cert_authority(void *message, struct err *err)
{
	pv_CertAuthority *ca = message;
	int rc = check_version(ca->version, "2", err);

	if (rc != 0)
		return rc;
	ca->has_spec = true;
	if (strcmp(ca->sub_kind, "user") != 0 && strcmp(ca->sub_kind, "host") != 0)
		return err_set(err, ERR_INVALID, "sub_kind: '%s' is neither user nor host",
		               ca->sub_kind);
	if (!str_eq(ca->spec.type, ca->sub_kind))
		return err_set(err, ERR_INVALID, "spec.type: not the sub kind");
	if (!str_eq(ca->spec.cluster_name, ca->metadata.name))
		return err_set(err, ERR_INVALID, "spec.cluster_name: not the name");
	return 0;
}

int validate_session(void *message, struct err *err)
{
	pv_Session *session = message;
	int rc = check_version(session->version, "2", err);

	if (rc != 0)
		return rc;
	session->has_spec = true;
	if (!resource_is_uuid(session->metadata.name))
		return err_set(err, ERR_INVALID, "metadata.name: not a UUID");
	if (str_empty(session->spec.user) || str_empty(session->spec.login))
		return err_set(err, ERR_INVALID, "spec: a session of nobody");
	if (session->spec.node_id == NULL || !resource_is_uuid(session->spec.node_id))
		return err_set(err, ERR_INVALID, "spec.node_id: not a UUID");
	return 0;
}
