/*
 * validate_role - what makes a role valid, and what its version fills in when it is left out: see
 * validate.h.
 *
 *   v3         an `allow` without labels reaches every node and every Kubernetes cluster
 *   v4 to v7   it reaches none
 *   v3 to v5   with Kubernetes labels: every pod, unless kubernetes_resources says otherwise
 *   v6         kubernetes_resources are pods, and there is no default
 *   v7         kubernetes_resources are of any kind; with labels alone: everything
 *
 * The defaults of kubernetes_resources are not written into the role: model/role.h knows them.
 */
#include "model/validate.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/label_pattern.h"
#include "model/predicate.h"
#include "model/request_role.h"
#include "model/resource.h"
#include "model/role_option.h"
#include "model/rule.h"
#include "model/template.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

/* --- options --------------------------------------------------------------------------------- */

static int check_counts(const pv_RoleOptions *o, struct err *err)
{
	const struct {
		const char *name;
		int64_t value;
	} counts[] = {
		{ "max_sessions", o->max_sessions },
		{ "max_connections", o->max_connections },
		{ "max_kubernetes_connections", o->max_kubernetes_connections },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].value < 0)
			return err_set(err, ERR_INVALID, "%s: below 0", counts[i].name);
	return 0;
}

static int fill_recording(pv_RoleOptions *o, struct err *err)
{
	int rc = 0;

	if (o->enhanced_recording_count > 0)
		return 0;
	rc = fields_add_str(&o->enhanced_recording, &o->enhanced_recording_count, "command", err);
	if (rc == 0)
		rc = fields_add_str(&o->enhanced_recording, &o->enhanced_recording_count, "network",
		                    err);
	return rc;
}

/* Teleport's files say cert_format. */
static void take_cert_format(pv_RoleOptions *o)
{
	if (str_empty(o->cert_format))
		return;
	free(o->certificate_format);
	o->certificate_format = o->cert_format;
	o->cert_format = NULL;
}

static int check_options(pv_RoleOptions *o, struct err *err)
{
	int rc = check_counts(o, err);

	if (rc != 0)
		return rc;
	take_cert_format(o);
	if (o->max_session_ttl <= 0)
		o->max_session_ttl = ROLE_TTL_DEFAULT;
	if (o->client_idle_timeout < 0)
		o->client_idle_timeout = 0;
	if (!o->has_port_forwarding) {
		o->has_port_forwarding = true;
		o->port_forwarding = true;
	}
	return fill_recording(o, err);
}

/* --- conditions ------------------------------------------------------------------------------ */

static int check_logins(const pv_RoleConditions *c, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->logins_count; i++) {
		const char *login = c->logins[i];

		if (template_used(login))
			rc = template_check(login, err);
		else if (!resource_is_login(login))
			rc = err_set(err, ERR_INVALID, "'%s' is not a login", login);
	}
	return rc != 0 ? err_wrap(err, "logins") : 0;
}

static int check_templates(const char *field, char *const *texts, size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = template_check(texts[i], err);
	return rc != 0 ? err_wrap(err, "%s", field) : 0;
}

int validate_pattern(const char *text, struct err *err)
{
	bool expands = template_used(text) && !template_is_matcher(text);

	return expands ? template_check(text, err) : label_pattern_check(text, err);
}

static int check_entry(const char *key, const pv_Strings *values, struct err *err)
{
	int rc = 0;

	if (str_empty(key))
		return err_set(err, ERR_INVALID, "an empty key");
	if (values->values_count == 0)
		return err_set(err, ERR_INVALID, "no value");
	if (strcmp(key, "*") == 0 &&
	    (values->values_count != 1 || strcmp(values->values[0], "*") != 0))
		return err_set(err, ERR_INVALID, "the key '*' goes with the value '*' only");
	rc = template_check(key, err);
	for (size_t i = 0; rc == 0 && i < values->values_count; i++)
		rc = validate_pattern(values->values[i], err);
	return rc;
}

static int check_labels(const pv_RoleConditions *c, struct err *err)
{
	for (size_t i = 0; i < c->node_labels_count; i++)
		if (check_entry(c->node_labels[i].key, &c->node_labels[i].value, err) != 0)
			return err_wrap(err, "node_labels.%s",
			                c->node_labels[i].key != NULL ? c->node_labels[i].key : "");
	for (size_t i = 0; i < c->kubernetes_labels_count; i++)
		if (check_entry(c->kubernetes_labels[i].key, &c->kubernetes_labels[i].value, err) !=
		    0)
			return err_wrap(err, "kubernetes_labels.%s",
			                c->kubernetes_labels[i].key != NULL
			                        ? c->kubernetes_labels[i].key
			                        : "");
	return 0;
}

static int check_expressions(const pv_RoleConditions *c, struct err *err)
{
	const char *nodes = c->node_labels_expression, *kube = c->kubernetes_labels_expression;

	if (!str_empty(nodes) && predicate_check(nodes, PREDICATE_LABELS, err) != 0)
		return err_wrap(err, "node_labels_expression");
	if (!str_empty(kube) && predicate_check(kube, PREDICATE_LABELS, err) != 0)
		return err_wrap(err, "kubernetes_labels_expression");
	return 0;
}

static int check_rules(const pv_RoleConditions *c, struct err *err)
{
	for (size_t i = 0; i < c->rules_count; i++)
		if (rule_check(&c->rules[i], err) != 0)
			return err_wrap(err, "rules[%zu]", i);
	return 0;
}

static int check_object(const pv_KubernetesResource *r, const char *version, struct err *err)
{
	const char *const parts[] = { r->namespace, r->name };
	int rc = 0;

	if (str_empty(r->kind))
		return err_set(err, ERR_INVALID, "kind is missing");
	if (strcmp(version, "v7") != 0 && strcmp(r->kind, "pod") != 0)
		return err_set(err, ERR_INVALID, "kind: '%s', but a role %s knows pods only",
		               r->kind, version);
	for (size_t i = 0; rc == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!str_empty(parts[i]))
			rc = label_pattern_check(parts[i], err);
	return rc;
}

static int check_objects(const pv_RoleConditions *c, const char *version, struct err *err)
{
	for (size_t i = 0; i < c->kubernetes_resources_count; i++)
		if (check_object(&c->kubernetes_resources[i], version, err) != 0)
			return err_wrap(err, "kubernetes_resources[%zu]", i);
	return 0;
}

static int check_words(const char *field, char *const *words, size_t count, const char *known,
                       struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!str_has_word(known, words[i]))
			return err_set(err, ERR_INVALID, "%s: '%s' is none of: %s", field, words[i],
			               known);
	return 0;
}

/* Also those of products that are not here. */
static int check_join(const pv_JoinSessions *j, struct err *err)
{
	int rc = check_words("kinds", j->kinds, j->kinds_count, "* ssh k8s db app desktop", err);

	if (rc == 0)
		rc = check_words("modes", j->modes, j->modes_count, "* observer peer moderator",
		                 err);
	for (size_t i = 0; rc == 0 && i < j->roles_count; i++)
		if (label_pattern_check(j->roles[i], err) != 0)
			rc = err_wrap(err, "roles");
	return rc;
}

static int check_joins(const pv_RoleConditions *c, struct err *err)
{
	for (size_t i = 0; i < c->join_sessions_count; i++)
		if (check_join(&c->join_sessions[i], err) != 0)
			return err_wrap(err, "join_sessions[%zu]", i);
	return 0;
}

static int check_conditions(pv_RoleConditions *c, const char *part, const char *version,
                            struct err *err)
{
	int rc = 0;

	if (c->namespaces_count == 0)
		rc = fields_add_str(&c->namespaces, &c->namespaces_count, "default", err);
	if (rc == 0)
		rc = check_logins(c, err);
	if (rc == 0)
		rc = check_labels(c, err);
	if (rc == 0)
		rc = check_expressions(c, err);
	if (rc == 0)
		rc = check_rules(c, err);
	if (rc == 0)
		rc = check_templates("kubernetes_groups", c->kubernetes_groups,
		                     c->kubernetes_groups_count, err);
	if (rc == 0)
		rc = check_templates("kubernetes_users", c->kubernetes_users,
		                     c->kubernetes_users_count, err);
	if (rc == 0)
		rc = check_objects(c, version, err);
	if (rc == 0)
		rc = request_role_check(c, err);
	if (rc == 0)
		rc = check_joins(c, err);
	return rc != 0 ? err_wrap(err, "spec.%s", part) : 0;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* What {'*': '*'} is in YAML, into an empty map of labels; its entries are of `size` bytes. */
static int allow_every(void *list, pb_size_t *count, size_t size, struct err *err)
{
	/* Every map of labels has entries like this one (model/role_part.c). */
	pv_RoleConditions_NodeLabelsEntry *entry;
	int rc;

	if (*count > 0)
		return 0;
	entry = fields_add(list, count, size, err);
	if (entry == NULL)
		return err->code;
	entry->has_value = true;
	rc = fields_set_str(&entry->key, "*", err);
	if (rc == 0)
		rc = fields_add_str(&entry->value.values, &entry->value.values_count, "*", err);
	return rc;
}

static int fill_v3(pv_RoleConditions *c, struct err *err)
{
	int rc = allow_every(&c->node_labels, &c->node_labels_count, sizeof(*c->node_labels), err);

	if (rc == 0)
		rc = allow_every(&c->kubernetes_labels, &c->kubernetes_labels_count,
		                 sizeof(*c->kubernetes_labels), err);
	return rc;
}

int validate_role(void *message, struct err *err)
{
	pv_Role *role = message;
	pv_RoleSpec *spec = &role->spec;
	const char *version = role->version;
	int rc;

	role->has_spec = spec->has_options = spec->has_allow = spec->has_deny = true;
	rc = check_options(&spec->options, err);
	if (rc != 0)
		return err_wrap(err, "spec.options");
	if (strcmp(version, "v3") == 0)
		rc = fill_v3(&spec->allow, err);
	if (rc == 0)
		rc = check_conditions(&spec->allow, "allow", version, err);
	if (rc == 0)
		rc = check_conditions(&spec->deny, "deny", version, err);
	return rc;
}
