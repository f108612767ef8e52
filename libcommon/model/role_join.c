/*
 * role_join - who may take part in whose live session: join_sessions (model/role.h).
 */
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/label_pattern.h"
#include "model/role_inside.h"

#include <string.h>

/* The version from which roles say who may join; before, who may log in alike may. */
#define POLICIES_SINCE "v5"

/* A list that is empty holds nothing, or, where it denies, everything. */
static bool lists(char *const *words, size_t count, const char *word, bool denying)
{
	return (denying && count == 0) || str_in("*", words, count) || str_in(word, words, count);
}

/* Whether the pattern is of one of the owner's roles; what cannot be told counts against. */
static bool finds_owner(const char *pattern, const struct role_join *join, bool denying)
{
	struct err ignored;
	bool match;

	for (size_t i = 0; i < join->owner_roles_count; i++)
		if (label_pattern_match(pattern, join->owner_roles[i], &match, &ignored) != 0
		            ? denying
		            : match)
			return true;
	return false;
}

static bool is_about(const pv_JoinSessions *policy, const struct role_join *join, bool denying)
{
	bool finds = denying && policy->roles_count == 0;

	for (size_t i = 0; !finds && i < policy->roles_count; i++)
		finds = finds_owner(policy->roles[i], join, denying);
	return finds && lists(policy->kinds, policy->kinds_count, join->kind, denying) &&
	       lists(policy->modes, policy->modes_count, join->mode, denying);
}

static bool any_is_about(const pv_RoleConditions *c, const struct role_join *join, bool denying)
{
	for (size_t i = 0; i < c->join_sessions_count; i++)
		if (is_about(&c->join_sessions[i], join, denying))
			return true;
	return false;
}

static bool has_policies(const struct role_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->roles[i].pb.version != NULL &&
		    strcmp(s->roles[i].pb.version, POLICIES_SINCE) >= 0)
			return true;
	return false;
}

int role_set_check_join(const struct role_set *s, const struct role_join *join, bool *out_alike,
                        struct err *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];

		if (r->deny.in_scope && any_is_about(&r->pb.spec.deny, join, true))
			return err_set(err, ERR_DENIED, "role '%s' denies to join as %s", r->name,
			               join->mode);
	}
	*out_alike = str_eq(join->owner, s->who.user) || !has_policies(s);
	if (*out_alike)
		return 0;
	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];

		if (r->allow.in_scope && any_is_about(&r->pb.spec.allow, join, false))
			return 0;
	}
	return err_set(err, ERR_DENIED,
	               "no role allows to join sessions of '%s' as %s (join_sessions)", join->owner,
	               join->mode);
}

bool role_set_may_join(const struct role_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->roles[i].allow.in_scope && s->roles[i].pb.spec.allow.join_sessions_count > 0)
			return true;
	return false;
}
