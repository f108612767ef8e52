#include "model/request_role.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/label_pattern.h"
#include "model/predicate.h"
#include "model/role_map.h"
#include "model/role_part.h"
#include "model/template.h"
#include "model/validate.h"
#include "wire/fields.h"

/* What a half of a role says of asking, or of judging. */
struct conditions {
	bool in_scope;
	char *const *roles;
	size_t roles_count;
	const pv_ClaimRoles *claims;
	size_t claims_count;
	const char *where; /* of judging only */
};

static struct conditions conditions_of(const pv_RoleConditions *c, enum request_act act)
{
	struct conditions out = { .in_scope = role_part_in_scope(c) };

	if (act == REQUEST_ASK) {
		out.roles = c->request.roles;
		out.roles_count = c->request.roles_count;
		out.claims = c->request.claims_to_roles;
		out.claims_count = c->request.claims_to_roles_count;
	} else {
		out.roles = c->review_requests.roles;
		out.roles_count = c->review_requests.roles_count;
		out.claims = c->review_requests.claims_to_roles;
		out.claims_count = c->review_requests.claims_to_roles_count;
		out.where = c->review_requests.where;
	}
	return out;
}

static struct traits traits_of(const struct request_person *p)
{
	return (struct traits){ p->who->traits, p->who->traits_count };
}

/* --- patterns -------------------------------------------------------------------------------- */

/* What a text stands for; one that cannot be filled in narrows what is allowed. */
static int expand(struct strlist *out, const char *text, const struct traits *traits, bool denying,
                  struct err *err)
{
	int rc = template_is_matcher(text) ? strlist_add(out, text, err)
	                                   : template_expand(text, traits, out, err);

	return rc == ERR_INVALID && !denying ? 0 : rc;
}

/* The roles that a claim stands for: of each value of the trait that fits. */
static int add_claim(struct strlist *out, const pv_ClaimRoles *c, const struct traits *traits,
                     bool denying, struct err *err)
{
	const pv_Strings *values = traits_get(traits, c->claim != NULL ? c->claim : "");
	const pv_RoleMapping map = { .remote = c->value,
		                     .local = c->roles,
		                     .local_count = c->roles_count };
	int rc;

	if (values == NULL || values->values_count == 0)
		return 0;
	rc = role_map_apply(&map, 1, values->values, values->values_count, out, err);
	return rc == ERR_DENIED || ((rc == ERR_INVALID || rc == ERR_LIMIT) && !denying) ? 0 : rc;
}

static int add_patterns(struct strlist *out, const struct conditions *c,
                        const struct traits *traits, bool denying, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->roles_count; i++)
		rc = expand(out, c->roles[i], traits, denying, err);
	for (size_t i = 0; rc == 0 && i < c->claims_count; i++)
		rc = add_claim(out, &c->claims[i], traits, denying, err);
	return rc;
}

static bool any_matches(const struct strlist *patterns, const char *role, bool when_failed)
{
	struct err ignored;
	bool match;

	for (size_t i = 0; i < patterns->count; i++)
		if (label_pattern_match(patterns->items[i], role, &match, &ignored) != 0
		            ? when_failed
		            : match)
			return true;
	return false;
}

static bool names(const struct conditions *c, const struct request_person *p, const char *wanted,
                  bool denying)
{
	const struct traits traits = traits_of(p);
	struct strlist patterns = { 0 };
	struct err ignored;
	bool match;

	if (add_patterns(&patterns, c, &traits, denying, &ignored) != 0)
		match = denying;
	else
		match = any_matches(&patterns, wanted, denying);
	strlist_deinit(&patterns);
	return match;
}

/* --- conditions ------------------------------------------------------------------------------ */

static bool holds(const char *where, const struct request_person *p,
                  const pv_AccessRequestSpec *spec, bool denying)
{
	const struct predicate_context ctx = { .who = p->who, .request = spec };

	switch (predicate_ask(where, PREDICATE_JUDGE, &ctx)) {
	case PREDICATE_YES:
		return true;
	case PREDICATE_UNKNOWN:
		return denying;
	default:
		return false;
	}
}

bool request_role_allows(const pv_Role *role, enum request_act act, const struct request_person *p,
                         const pv_AccessRequestSpec *spec, const char *wanted)
{
	const struct conditions c = conditions_of(&role->spec.allow, act);

	return c.in_scope && (str_empty(c.where) || holds(c.where, p, spec, false)) &&
	       names(&c, p, wanted, false);
}

/* A condition that goes with no roles denies them all. */
bool request_role_denies(const pv_Role *role, enum request_act act, const struct request_person *p,
                         const pv_AccessRequestSpec *spec, const char *wanted)
{
	const struct conditions c = conditions_of(&role->spec.deny, act);

	if (!c.in_scope || (!str_empty(c.where) && !holds(c.where, p, spec, true)))
		return false;
	if (!str_empty(c.where) && c.roles_count + c.claims_count == 0)
		return true;
	return names(&c, p, wanted, true);
}

/* --- annotations ----------------------------------------------------------------------------- */

/* Whether any of the texts, filled in, is the value, or cannot be told. */
static bool any_is(const pv_Strings *texts, const struct traits *traits, const char *value)
{
	struct strlist values = { 0 };
	struct err ignored;
	bool is = false;

	for (size_t i = 0; !is && i < texts->values_count; i++)
		is = expand(&values, texts->values[i], traits, true, &ignored) != 0;
	is = is || strlist_has(&values, value);
	strlist_deinit(&values);
	return is;
}

static bool denies_annotation(const struct request_person *p, const char *key, const char *value)
{
	const struct traits traits = traits_of(p);

	for (size_t i = 0; i < p->count; i++) {
		const pv_RequestConditions *c = &p->roles[i].spec.deny.request;

		if (!role_part_in_scope(&p->roles[i].spec.deny))
			continue;
		for (size_t k = 0; k < c->annotations_count; k++)
			if (str_eq(c->annotations[k].key, key) &&
			    any_is(&c->annotations[k].value, &traits, value))
				return true;
	}
	return false;
}

static pv_Strings *annotation_of(pv_AccessRequestSpec *spec, const char *key, struct err *err)
{
	pv_AccessRequestSpec_SystemAnnotationsEntry *entry;

	for (size_t i = 0; i < spec->system_annotations_count; i++)
		if (str_eq(spec->system_annotations[i].key, key))
			return &spec->system_annotations[i].value;
	entry = fields_add(&spec->system_annotations, &spec->system_annotations_count,
	                   sizeof(*entry), err);
	if (entry == NULL || fields_set_str(&entry->key, key, err) != 0)
		return NULL;
	entry->has_value = true;
	return &entry->value;
}

static int annotate(pv_AccessRequestSpec *spec, const struct request_person *p, const char *key,
                    const char *value, struct err *err)
{
	pv_Strings *values;

	if (denies_annotation(p, key, value))
		return 0;
	values = annotation_of(spec, key, err);
	if (values == NULL)
		return err->code;
	if (str_in(value, values->values, values->values_count))
		return 0;
	return fields_add_str(&values->values, &values->values_count, value, err);
}

int request_role_annotate(const pv_Role *role, const struct request_person *p,
                          pv_AccessRequestSpec *spec, struct err *err)
{
	const pv_RequestConditions *c = &role->spec.allow.request;
	const struct traits traits = traits_of(p);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->annotations_count; i++) {
		const pv_Strings *texts = &c->annotations[i].value;
		struct strlist values = { 0 };

		for (size_t k = 0; rc == 0 && k < texts->values_count; k++)
			rc = expand(&values, texts->values[k], &traits, false, err);
		for (size_t k = 0; rc == 0 && k < values.count; k++)
			rc = annotate(spec, p, c->annotations[i].key, values.items[k], err);
		strlist_deinit(&values);
	}
	return rc;
}

/* --- checking -------------------------------------------------------------------------------- */

static int check_patterns(const char *field, char *const *texts, size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = validate_pattern(texts[i], err);
	return rc != 0 ? err_wrap(err, "%s", field) : 0;
}

static int check_annotations(const pv_RequestConditions *c, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->annotations_count; i++)
		for (size_t k = 0; rc == 0 && k < c->annotations[i].value.values_count; k++)
			rc = template_check(c->annotations[i].value.values[k], err);
	return rc != 0 ? err_wrap(err, "request.annotations") : 0;
}

static int check_thresholds(const pv_RequestConditions *c, struct err *err)
{
	for (size_t i = 0; i < c->thresholds_count; i++) {
		const char *filter = c->thresholds[i].filter;

		if (!str_empty(filter) && predicate_check(filter, PREDICATE_REVIEW, err) != 0)
			return err_wrap(err, "request.thresholds[%zu].filter", i);
	}
	return 0;
}

int request_role_check(const pv_RoleConditions *c, struct err *err)
{
	const pv_RequestConditions *ask = &c->request;
	const pv_ReviewConditions *judge = &c->review_requests;
	int rc = check_patterns("request.roles", ask->roles, ask->roles_count, err);

	if (rc == 0)
		rc = validate_claims("request.claims_to_roles", ask->claims_to_roles,
		                     ask->claims_to_roles_count, err);
	if (rc == 0)
		rc = check_annotations(ask, err);
	if (rc == 0)
		rc = check_thresholds(ask, err);
	if (rc == 0)
		rc = check_patterns("review_requests.roles", judge->roles, judge->roles_count, err);
	if (rc == 0)
		rc = validate_claims("review_requests.claims_to_roles", judge->claims_to_roles,
		                     judge->claims_to_roles_count, err);
	if (rc == 0 && !str_empty(judge->where) &&
	    predicate_check(judge->where, PREDICATE_JUDGE, err) != 0)
		rc = err_wrap(err, "review_requests.where");
	return rc;
}
