#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/label_pattern.h"
#include "model/predicate.h"
#include "model/role_inside.h"

#include <stdio.h>
#include <string.h>

#define EVERYBODY "system:authenticated"

static bool is_about(const struct role_set *s, const struct role_part *part,
                     const struct label_set *labels)
{
	const struct predicate_context ctx = { .who = &s->who, .labels = labels };
	struct label_finding ignored;

	if (!part->in_scope)
		return false;
	return labels == NULL || label_filter_match(&part->kubernetes, &ctx, &ignored);
}

/* --- groups and users ------------------------------------------------------------------------ */

static int add_all(struct strlist *to, const struct strlist *from, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->count; i++)
		rc = strlist_add_new(to, from->items[i], err);
	return rc;
}

static void subtract(struct strlist *from, const struct strlist *what)
{
	for (size_t i = 0; i < what->count; i++)
		strlist_remove(from, what->items[i]);
}

static int collect(const struct role_set *s, int64_t ttl_ms, const struct label_set *labels,
                   struct strlist *groups, struct strlist *users, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->count; i++) {
		const struct role *r = &s->roles[i];

		if (r->ttl < ttl_ms || !is_about(s, &r->allow, labels))
			continue;
		rc = add_all(groups, &r->allow.kubernetes_groups, err);
		if (rc == 0)
			rc = add_all(users, &r->allow.kubernetes_users, err);
	}
	for (size_t i = 0; i < s->count; i++) {
		const struct role_part *deny = &s->roles[i].deny;

		if (!deny->in_scope)
			continue;
		subtract(groups, &deny->kubernetes_groups);
		subtract(users, &deny->kubernetes_users);
	}
	return rc;
}

/* A denial of the cluster itself, by its labels. */
static int check_cluster(const struct role_set *s, const struct label_set *labels, struct err *err)
{
	for (size_t i = 0; labels != NULL && i < s->count; i++)
		if (is_about(s, &s->roles[i].deny, labels))
			return err_set(err, ERR_DENIED,
			               "role '%s' denies access to the Kubernetes cluster",
			               s->roles[i].name);
	return 0;
}

int role_set_kubernetes(const struct role_set *s, int64_t ttl_ms, const struct label_set *labels,
                        struct strlist *out_groups, struct strlist *out_users, struct err *err)
{
	int rc = check_cluster(s, labels, err);

	if (rc == 0)
		rc = collect(s, ttl_ms, labels, out_groups, out_users, err);
	if (rc == 0 && out_groups->count == 0 && out_users->count == 0)
		rc = err_set(err, ERR_DENIED, "'%s' has no assigned groups or users",
		             s->who.user != NULL ? s->who.user : "");
	if (rc == 0)
		rc = strlist_add_new(out_groups, EVERYBODY, err);
	if (rc == 0 && out_users->count == 0)
		rc = strlist_add(out_users, s->who.user != NULL ? s->who.user : "", err);
	strlist_sort(out_groups);
	strlist_sort(out_users);
	return rc;
}

/* --- objects --------------------------------------------------------------------------------- */

/* What a role of that version means when it names no objects but clusters. */
static const pv_KubernetesResource *default_of(const char *version)
{
	static char pod[] = "pod", star[] = "*";
	static char *verbs[] = { star };
	static const pv_KubernetesResource pods = { pod, star, star, 1, verbs, NULL };
	static const pv_KubernetesResource everything = { star, star, star, 1, verbs, NULL };

	if (strcmp(version, "v6") == 0)
		return NULL;
	return strcmp(version, "v7") == 0 ? &everything : &pods;
}

/* A pattern that surely fits whatever there is. */
static bool is_everything(const char *pattern)
{
	return strcmp(pattern, "*") == 0 || strcmp(pattern, "^.*$") == 0;
}

/* What cannot be told fits a denial and nothing else. A value of NULL is every one that there is.
 */
static bool fits(const char *pattern, const char *value, bool denying)
{
	struct err ignored;
	bool match;

	if (str_empty(pattern))
		return denying;
	if (value == NULL)
		return denying || is_everything(pattern);
	if (label_pattern_match(pattern, value, &match, &ignored) != 0)
		return denying;
	return match;
}

static bool has_verb(const pv_KubernetesResource *r, const char *verb)
{
	return r->verbs_count == 0 || str_in(verb, r->verbs, r->verbs_count) ||
	       str_in("*", r->verbs, r->verbs_count);
}

static bool is_group(const pv_KubernetesResource *r, const struct role_kubernetes_object *o,
                     bool denying)
{
	return str_empty(r->api_group) || fits(r->api_group, o->group, denying);
}

static bool is_in_none(const struct role_kubernetes_object *o)
{
	return o->namespace != NULL && *o->namespace == 0;
}

/* Of the object itself. */
static bool names_it(const pv_KubernetesResource *r, const struct role_kubernetes_object *o,
                     bool denying)
{
	const char *kind = r->kind != NULL ? r->kind : "";

	return (strcmp(kind, o->kind) == 0 || strcmp(kind, "*") == 0) && is_group(r, o, denying) &&
	       fits(r->name, o->name, denying) &&
	       (is_in_none(o) || fits(r->namespace, o->namespace, denying));
}

/* Of the namespace that it is in. */
static bool names_its_namespace(const pv_KubernetesResource *r,
                                const struct role_kubernetes_object *o, bool denying)
{
	return str_eq(r->kind, "namespace") && strcmp(o->kind, "namespace") != 0 &&
	       !is_in_none(o) && fits(r->name, o->namespace, denying);
}

/* Of something in a namespace that is only looked at. */
static bool names_its_content(const pv_KubernetesResource *r,
                              const struct role_kubernetes_object *o)
{
	const char *const looking[] = { "get", "list", "watch" };
	bool looks = false;

	for (size_t i = 0; i < sizeof(looking) / sizeof(looking[0]); i++)
		looks = looks || strcmp(o->verb, looking[i]) == 0;
	return looks && strcmp(o->kind, "namespace") == 0 && !str_eq(r->kind, "namespace") &&
	       fits(r->namespace, o->name, false);
}

static bool names(const pv_KubernetesResource *r, const struct role_kubernetes_object *o,
                  bool denying)
{
	if (!denying && names_its_content(r, o))
		return true;
	return has_verb(r, o->verb) &&
	       (names_it(r, o, denying) || names_its_namespace(r, o, denying));
}

static bool any_names(const pv_RoleConditions *c, const struct role_kubernetes_object *o,
                      bool denying)
{
	for (size_t i = 0; i < c->kubernetes_resources_count; i++)
		if (names(&c->kubernetes_resources[i], o, denying))
			return true;
	return false;
}

static bool allows(const struct role *r, const struct role_kubernetes_object *o)
{
	const pv_RoleConditions *allow = &r->pb.spec.allow;
	const char *version = r->pb.version != NULL ? r->pb.version : "";
	const pv_KubernetesResource *standing;

	if (strcmp(version, "v7") != 0 && strcmp(o->kind, "pod") != 0)
		return true; /* they speak of pods, and bound nothing else */
	if (allow->kubernetes_resources_count > 0)
		return any_names(allow, o, false);
	standing = default_of(version);
	return standing != NULL && names(standing, o, false);
}

static int deny_object(const char *role, const struct role_kubernetes_object *o, struct err *err)
{
	char whom[300];

	if (o->name != NULL)
		snprintf(whom, sizeof(whom), "%s '%.200s'", o->kind, o->name);
	else
		snprintf(whom, sizeof(whom), "every %s%s%.100s%s (lists are not filtered)", o->kind,
		         str_empty(o->namespace) ? "" : " in '",
		         o->namespace != NULL ? o->namespace : "",
		         str_empty(o->namespace) ? "" : "'");
	return role != NULL ? err_set(err, ERR_DENIED, "role '%s' denies '%s' on %s", role, o->verb,
	                              whom)
	                    : err_set(err, ERR_DENIED, "no role allows '%s' on %s", o->verb, whom);
}

int role_set_check_kubernetes(const struct role_set *s, const struct label_set *labels,
                              const struct role_kubernetes_object *o, struct err *err)
{
	int rc = check_cluster(s, labels, err);

	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (s->roles[i].deny.in_scope && any_names(&s->roles[i].pb.spec.deny, o, true))
			return deny_object(s->roles[i].name, o, err);
	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (is_about(s, &s->roles[i].allow, labels) && allows(&s->roles[i], o))
			return 0;
	return rc != 0 ? rc : deny_object(NULL, o, err);
}

bool role_set_records_kubernetes_strictly(const struct role_set *s, const struct label_set *labels)
{
	for (size_t i = 0; i < s->count; i++) {
		const pv_RecordSession *mode = &s->roles[i].pb.spec.options.record_session;

		if (is_about(s, &s->roles[i].allow, labels) && str_eq(mode->default_mode, "strict"))
			return true;
	}
	return false;
}
