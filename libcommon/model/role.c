#include "model/role.h"

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/role_part.h"
#include "model/rule.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

struct role {
	const char *name;
	int64_t ttl;
	pv_Role pb;
	struct role_part allow;
	struct role_part deny;
};

struct role_set {
	struct role *roles;
	size_t count;
	struct role_options options;
};

/* What everybody may read, beyond their roles. */
static const char *const implicit_kinds[] = {
	"node",           "proxy",        "auth_server",
	"reverse_tunnel", "cluster_name", "cluster_auth_preference",
	"ssh_session",
};

/* --- making a set --------------------------------------------------------------------------- */

static int role_init(struct role *r, const char *name, const struct traits *traits,
                     role_lookup lookup, void *arg, struct err *err)
{
	pv_RoleSpec *spec = &r->pb.spec;
	int rc = lookup(arg, name, &r->pb, err);

	if (rc != 0)
		return rc;
	r->name = r->pb.metadata.name != NULL ? r->pb.metadata.name : "";
	if (strcmp(r->name, name) != 0)
		return err_set(err, ERR_INTERNAL, "asked for role '%s' and got '%s'", name,
		               r->name);
	r->ttl = spec->options.max_session_ttl > 0 ? spec->options.max_session_ttl
	                                           : ROLE_TTL_DEFAULT;
	rc = role_part_init(&r->allow, &spec->allow, traits, false, err);
	if (rc == 0)
		rc = role_part_init(&r->deny, &spec->deny, traits, true, err);
	return rc != 0 ? err_wrap(err, "role '%s'", name) : 0;
}

static void role_deinit(struct role *r)
{
	role_part_deinit(&r->allow);
	role_part_deinit(&r->deny);
	fields_release(&pv_Role_table, &r->pb);
}

/* The smaller of two limits of which 0 means none. */
static int64_t stricter(int64_t a, int64_t b)
{
	if (a <= 0 || b <= 0)
		return a > 0 ? a : b > 0 ? b : 0;
	return a < b ? a : b;
}

static bool wants_strict_recording(const pv_RecordSession *r)
{
	return str_eq(str_empty(r->ssh) ? r->default_mode : r->ssh, "strict");
}

static void merge_options(struct role_options *all, const struct role *r)
{
	const pv_RoleOptions *o = &r->pb.spec.options;

	all->max_session_ttl = stricter(all->max_session_ttl, r->ttl);
	all->client_idle_timeout = stricter(all->client_idle_timeout, o->client_idle_timeout);
	all->max_sessions = stricter(all->max_sessions, o->max_sessions);
	all->port_forwarding |= !o->has_port_forwarding || o->port_forwarding;
	all->forward_agent |= o->has_forward_agent && o->forward_agent;
	all->x11_forwarding |= o->has_permit_x11_forwarding && o->permit_x11_forwarding;
	all->exec_output |= o->record_session.exec_output;
	all->file_copy &= !o->has_ssh_file_copy || o->ssh_file_copy;
	all->disconnect_expired_cert |=
	        o->has_disconnect_expired_cert && o->disconnect_expired_cert;
	all->record_strict |= wants_strict_recording(&o->record_session);
}

static int add_roles(struct role_set *s, struct map *seen, char *const *names, size_t count,
                     const struct traits *traits, role_lookup lookup, void *arg, struct err *err)
{
	int rc;

	for (size_t i = 0; i < count; i++) {
		if (map_get(seen, names[i]) != NULL)
			continue;
		if (map_put(seen, names[i], s, NULL) != 0)
			return err_set_nomem(err);
		s->count++;
		rc = role_init(&s->roles[s->count - 1], names[i], traits, lookup, arg, err);
		if (rc != 0)
			return rc;
		merge_options(&s->options, &s->roles[s->count - 1]);
	}
	return 0;
}

int role_set_new(struct role_set **out, char *const *names, size_t count,
                 const struct traits *traits, role_lookup lookup, void *arg, struct err *err)
{
	struct role_set *s = NULL;
	struct map *seen = NULL;
	int rc;

	if (count > ROLE_SET_MAX)
		return err_set(err, ERR_LIMIT, "more than %d roles", ROLE_SET_MAX);
	s = calloc(1, sizeof(*s));
	seen = map_new();
	if (s != NULL)
		s->roles = calloc(count + 1, sizeof(*s->roles));
	if (s == NULL || seen == NULL || s->roles == NULL) {
		rc = err_set_nomem(err);
	} else {
		s->options.file_copy = true;
		rc = add_roles(s, seen, names, count, traits, lookup, arg, err);
	}
	map_free(seen);
	if (rc != 0)
		role_set_free(s);
	else
		*out = s;
	return rc;
}

int role_set_of_identity(struct role_set **out, const pv_Identity *id, role_lookup lookup,
                         void *arg, struct err *err)
{
	const struct traits traits = { id->traits, id->traits_count };

	return role_set_new(out, id->roles, id->roles_count, &traits, lookup, arg, err);
}

void role_set_free(struct role_set *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; s->roles != NULL && i < s->count; i++)
		role_deinit(&s->roles[i]);
	free(s->roles);
	free(s);
}

/* --- nodes ---------------------------------------------------------------------------------- */

static int part_matches(const struct role_part *part, const struct label_set *labels, bool *out,
                        struct err *err)
{
	*out = false;
	return part->in_scope ? label_selector_match(part->labels, labels, out, NULL, err) : 0;
}

/* Deny first, in every role: its labels or its logins are enough. */
static int check_denials(const struct role_set *s, const char *node_name,
                         const struct label_set *labels, const char *login, struct err *err)
{
	bool match;
	int rc;

	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];

		rc = part_matches(&r->deny, labels, &match, err);
		if (rc != 0)
			return err_wrap(err, "role '%s'", r->name);
		if (match)
			return err_set(err, ERR_DENIED, "role '%s' denies access to node '%s'",
			               r->name, node_name);
		if (login != NULL && r->deny.in_scope && strlist_has(&r->deny.logins, login))
			return err_set(err, ERR_DENIED, "role '%s' denies login '%s'", r->name,
			               login);
	}
	return 0;
}

/* Says what is missing: no role reaches the node, none has the login, or none has both. */
static int deny_for_want(const char *node_name, const char *login, bool reaches, bool has_login,
                         struct err *err)
{
	if (!reaches)
		return err_set(err, ERR_DENIED, "no role allows access to node '%s'", node_name);
	if (!has_login)
		return err_set(err, ERR_DENIED, "no role allows login '%s'", login);
	return err_set(err, ERR_DENIED, "no role that reaches node '%s' allows login '%s'",
	               node_name, login);
}

int role_set_check_login(const struct role_set *s, const char *node_name,
                         const struct label_set *labels, const char *login, struct err *err)
{
	bool match, reaches = false, has_login = false;
	int rc = check_denials(s, node_name, labels, login, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];
		bool here = r->allow.in_scope && strlist_has(&r->allow.logins, login);

		rc = part_matches(&r->allow, labels, &match, err);
		if (rc != 0)
			return err_wrap(err, "role '%s'", r->name);
		if (match && here)
			return 0;
		reaches |= match;
		has_login |= here;
	}
	return deny_for_want(node_name, login, reaches, has_login, err);
}

int role_set_check_node(const struct role_set *s, const char *node_name,
                        const struct label_set *labels, struct err *err)
{
	struct strlist logins = { 0 };
	int rc = check_denials(s, node_name, labels, NULL, err);

	if (rc == 0)
		rc = role_set_node_logins(s, labels, &logins, err);
	if (rc == 0 && logins.count == 0)
		rc = err_set(err, ERR_DENIED, "no role allows access to node '%s'", node_name);
	strlist_deinit(&logins);
	return rc;
}

/* Without what any role denies. */
static void subtract_denied(const struct role_set *s, struct strlist *logins)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; s->roles[i].deny.in_scope && k < s->roles[i].deny.logins.count;
		     k++)
			strlist_remove(logins, s->roles[i].deny.logins.items[k]);
	strlist_sort(logins);
}

static int add_allowed(const struct role *r, struct strlist *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->allow.logins.count; i++)
		rc = strlist_add_new(out, r->allow.logins.items[i], err);
	return rc;
}

int role_set_node_logins(const struct role_set *s, const struct label_set *labels,
                         struct strlist *out, struct err *err)
{
	bool match;
	int rc = check_denials(s, "", labels, NULL, err);

	if (rc != 0)
		return rc == ERR_DENIED ? 0 : rc;
	for (size_t i = 0; rc == 0 && i < s->count; i++) {
		rc = part_matches(&s->roles[i].allow, labels, &match, err);
		if (rc == 0 && match)
			rc = add_allowed(&s->roles[i], out, err);
	}
	subtract_denied(s, out);
	return rc;
}

int role_set_logins(const struct role_set *s, int64_t ttl_ms, struct strlist *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (s->roles[i].allow.in_scope && s->roles[i].ttl >= ttl_ms)
			rc = add_allowed(&s->roles[i], out, err);
	subtract_denied(s, out);
	return rc;
}

bool role_set_forwards_agent(const struct role_set *s, const char *login)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];

		if (r->pb.spec.options.has_forward_agent && r->pb.spec.options.forward_agent &&
		    r->allow.in_scope && strlist_has(&r->allow.logins, login))
			return true;
	}
	return false;
}

const struct role_options *role_set_options(const struct role_set *s)
{
	return &s->options;
}

/* --- calls ---------------------------------------------------------------------------------- */

static bool implicit_role_allows(const char *kind, const char *verb)
{
	const char *const reading[] = { "list", "read", "readnosecrets" };
	bool reads = false;

	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		reads |= strcmp(verb, reading[i]) == 0;
	for (size_t i = 0; reads && i < sizeof(implicit_kinds) / sizeof(implicit_kinds[0]); i++)
		if (strcmp(kind, implicit_kinds[i]) == 0)
			return true;
	return strcmp(kind, "cert_authority") == 0 &&
	       (strcmp(verb, "list") == 0 || strcmp(verb, "readnosecrets") == 0);
}

int role_set_check_rule(const struct role_set *s, const char *kind, const char *verb,
                        const struct role_context *context, struct err *err)
{
	bool allowed = implicit_role_allows(kind, verb);

	for (size_t i = 0; i < s->count; i++) {
		const struct role_part *allow = &s->roles[i].allow, *deny = &s->roles[i].deny;

		if (deny->in_scope &&
		    rule_denies(deny->conditions->rules, deny->conditions->rules_count, kind, verb,
		                context))
			return err_set(
			        err, ERR_DENIED,
			        "access denied to perform action '%s' on '%s': role '%s' denies it",
			        verb, kind, s->roles[i].name);
		allowed |= allow->in_scope &&
		           rule_allows(allow->conditions->rules, allow->conditions->rules_count,
		                       kind, verb, context);
	}
	if (allowed)
		return 0;
	return err_set(err, ERR_DENIED, "access denied to perform action '%s' on '%s'", verb, kind);
}
