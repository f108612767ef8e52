#include "model/request.h"

#include "base/err.h"
#include "base/str.h"
#include "model/predicate.h"
#include "model/request_role.h"
#include "wire/fields.h"

#include "proto/request.fields.h"

#include <string.h>

/* --- roles ----------------------------------------------------------------------------------- */

typedef bool (*role_test)(const pv_Role *role, enum request_act act, const struct request_person *p,
                          const pv_AccessRequestSpec *spec, const char *wanted);

static const pv_Role *find(const struct request_person *p, role_test test, enum request_act act,
                           const pv_AccessRequestSpec *spec, const char *wanted)
{
	for (size_t i = 0; i < p->count; i++)
		if (test(&p->roles[i], act, p, spec, wanted))
			return &p->roles[i];
	return NULL;
}

/* Every role of the request must be allowed by some role and denied by none. */
static int check_all(const struct request_person *p, enum request_act act,
                     const pv_AccessRequestSpec *spec, struct err *err)
{
	const char *what = act == REQUEST_ASK ? "ask for" : "judge requests for";

	for (size_t i = 0; i < spec->roles_count; i++) {
		const char *wanted = spec->roles[i];
		const pv_Role *denied = find(p, request_role_denies, act, spec, wanted);

		if (denied != NULL)
			return err_set(err, ERR_DENIED, "role '%s' denies to %s role '%s'",
			               denied->metadata.name, what, wanted);
		if (find(p, request_role_allows, act, spec, wanted) == NULL)
			return err_set(err, ERR_DENIED, "none of your roles lets you %s role '%s'",
			               what, wanted);
	}
	return 0;
}

/* A role that has a say in this request. */
static bool concerns(const pv_Role *role, const struct request_person *p,
                     const pv_AccessRequestSpec *spec)
{
	for (size_t i = 0; i < spec->roles_count; i++)
		if (request_role_allows(role, REQUEST_ASK, p, spec, spec->roles[i]))
			return true;
	return false;
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool wants_reason(const struct request_person *p, const pv_AccessRequestSpec *spec)
{
	for (size_t i = 0; i < p->count; i++) {
		const pv_Role *role = &p->roles[i];

		if (str_eq(role->spec.options.request_access, "reason") ||
		    (str_eq(role->spec.allow.request.reason.mode, "required") &&
		     concerns(role, p, spec)))
			return true;
	}
	return false;
}

int request_check(const struct request_person *p, const pv_AccessRequestSpec *spec, struct err *err)
{
	if (spec->roles_count == 0 || spec->roles_count > REQUEST_ROLES_MAX)
		return err_set(err, ERR_INVALID, "a request is for 1 to %d roles",
		               REQUEST_ROLES_MAX);
	if (check_all(p, REQUEST_ASK, spec, err) != 0)
		return err->code;
	if (str_empty(spec->request_reason) && wants_reason(p, spec))
		return err_set(err, ERR_INVALID, "your roles want a reason for a request");
	return 0;
}

/* One threshold more, in the newest set. */
static int add_threshold(pv_AccessRequestSpec *spec, const pv_ReviewThreshold *from,
                         struct err *err)
{
	pv_ThresholdSet *set = &spec->threshold_sets[spec->threshold_sets_count - 1];
	uint32_t *index = fields_add(&set->indexes, &set->indexes_count, sizeof(*index), err);
	pv_ReviewThreshold *to;

	if (index == NULL)
		return err->code;
	*index = spec->thresholds_count;
	to = fields_add(&spec->thresholds, &spec->thresholds_count, sizeof(*to), err);
	return to != NULL ? fields_clone(&pv_ReviewThreshold_table, from, to, err) : err->code;
}

static int add_thresholds(const pv_RequestConditions *c, pv_AccessRequestSpec *spec,
                          struct err *err)
{
	const pv_ReviewThreshold one = { .approve = 1, .deny = 1 };
	int rc = 0;

	if (fields_add(&spec->threshold_sets, &spec->threshold_sets_count,
	               sizeof(*spec->threshold_sets), err) == NULL)
		return err->code;
	for (size_t i = 0; rc == 0 && i < c->thresholds_count; i++)
		rc = add_threshold(spec, &c->thresholds[i], err);
	if (rc == 0 && c->thresholds_count == 0)
		rc = add_threshold(spec, &one, err);
	return rc;
}

static int add_reviewers(const pv_RequestConditions *c, pv_AccessRequestSpec *spec, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->suggested_reviewers_count; i++)
		rc = fields_add_str(&spec->suggested_reviewers, &spec->suggested_reviewers_count,
		                    c->suggested_reviewers[i], err);
	return rc;
}

int request_complete(const struct request_person *p, pv_AccessRequestSpec *spec, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		const pv_RequestConditions *c = &p->roles[i].spec.allow.request;

		if (!concerns(&p->roles[i], p, spec))
			continue;
		rc = add_thresholds(c, spec, err);
		if (rc == 0)
			rc = add_reviewers(c, spec, err);
		if (rc == 0)
			rc = request_role_annotate(&p->roles[i], p, spec, err);
	}
	return rc;
}

int64_t request_max_duration(const struct request_person *p, const pv_AccessRequestSpec *spec)
{
	int64_t shortest = 0;

	for (size_t i = 0; i < p->count; i++) {
		int64_t max = p->roles[i].spec.allow.request.max_duration;

		if (max > 0 && (shortest == 0 || max < shortest) && concerns(&p->roles[i], p, spec))
			shortest = max;
	}
	return shortest;
}

/* --- judging --------------------------------------------------------------------------------- */

int request_check_reviewer(const struct request_person *p, const pv_AccessRequestSpec *spec,
                           struct err *err)
{
	if (str_eq(p->who->user, spec->user))
		return err_set(err, ERR_DENIED, "nobody judges a request of their own");
	return check_all(p, REQUEST_JUDGE, spec, err);
}

static bool counts_for(const pv_AccessReview *review, const pv_ReviewThreshold *t, size_t index)
{
	bool counts = str_empty(t->filter);

	for (size_t i = 0; !counts && i < review->threshold_indexes_count; i++)
		counts = review->threshold_indexes[i] == index;
	return counts;
}

/* Whether threshold `index` has as many reviews of that state as it wants; 0 = not by this one. */
static bool reached(const pv_AccessRequestSpec *spec, size_t index, const char *state,
                    uint32_t wanted)
{
	uint32_t n = 0;

	for (size_t i = 0; i < spec->reviews_count; i++)
		n += str_eq(spec->reviews[i].proposed_state, state) &&
		     counts_for(&spec->reviews[i], &spec->thresholds[index], index);
	return wanted > 0 && n >= wanted;
}

static bool denied(const pv_AccessRequestSpec *spec)
{
	for (size_t i = 0; i < spec->thresholds_count; i++)
		if (reached(spec, i, REQUEST_DENIED, spec->thresholds[i].deny))
			return true;
	return false;
}

static bool approves(const pv_AccessRequestSpec *spec, size_t index)
{
	return index < spec->thresholds_count &&
	       reached(spec, index, REQUEST_APPROVED, spec->thresholds[index].approve);
}

static bool set_approves(const pv_AccessRequestSpec *spec, const pv_ThresholdSet *set)
{
	for (size_t i = 0; i < set->indexes_count; i++)
		if (approves(spec, set->indexes[i]))
			return true;
	return false;
}

static bool approved(const pv_AccessRequestSpec *spec)
{
	for (size_t i = 0; i < spec->threshold_sets_count; i++)
		if (!set_approves(spec, &spec->threshold_sets[i]))
			return false;
	for (size_t i = 0; i < spec->thresholds_count; i++)
		if (approves(spec, i))
			return true;
	return false;
}

/* A denial goes before an approval. */
static const char *outcome(const pv_AccessRequestSpec *spec)
{
	if (denied(spec))
		return REQUEST_DENIED;
	return approved(spec) ? REQUEST_APPROVED : REQUEST_PENDING;
}

/* Notes for which thresholds the review counts. What cannot be told counts against the request. */
static int find_thresholds(const struct request_person *p, const pv_AccessRequestSpec *spec,
                           pv_AccessReview *review, struct err *err)
{
	const struct predicate_context ctx = { .who = p->who, .request = spec, .review = review };

	for (size_t i = 0; i < spec->thresholds_count; i++) {
		const char *filter = spec->thresholds[i].filter;
		enum predicate_truth truth = PREDICATE_YES;
		uint32_t *index;

		if (!str_empty(filter))
			truth = predicate_ask(filter, PREDICATE_REVIEW, &ctx);
		if (truth == PREDICATE_NO || (truth == PREDICATE_UNKNOWN &&
		                              str_eq(review->proposed_state, REQUEST_APPROVED)))
			continue;
		index = fields_add(&review->threshold_indexes, &review->threshold_indexes_count,
		                   sizeof(*index), err);
		if (index == NULL)
			return err->code;
		*index = (uint32_t)i;
	}
	return 0;
}

static int check_review(const pv_AccessRequestSpec *spec, const pv_AccessReview *review,
                        struct err *err)
{
	if (!str_eq(review->proposed_state, REQUEST_APPROVED) &&
	    !str_eq(review->proposed_state, REQUEST_DENIED))
		return err_set(err, ERR_INVALID, "a review approves or denies");
	if (!str_eq(spec->state, REQUEST_PENDING))
		return err_set(err, ERR_CONFLICT, "the request is %s already", spec->state);
	for (size_t i = 0; i < spec->reviews_count; i++)
		if (str_eq(spec->reviews[i].author, review->author))
			return err_set(err, ERR_EXISTS, "'%s' has judged this request already",
			               review->author);
	if (spec->reviews_count >= REQUEST_REVIEWS_MAX)
		return err_set(err, ERR_LIMIT, "the request has %d reviews", REQUEST_REVIEWS_MAX);
	return 0;
}

int request_review(const struct request_person *p, pv_AccessRequestSpec *spec,
                   const pv_AccessReview *review, struct err *err)
{
	pv_AccessReview *added;
	const char *state;
	int rc = check_review(spec, review, err);

	if (rc != 0)
		return rc;
	added = fields_add(&spec->reviews, &spec->reviews_count, sizeof(*added), err);
	rc = added != NULL ? fields_clone(&pv_AccessReview_table, review, added, err) : err->code;
	if (rc == 0)
		rc = find_thresholds(p, spec, added, err);
	if (rc != 0)
		return rc;
	state = outcome(spec);
	rc = fields_set_str(&spec->state, state, err);
	if (rc == 0 && !str_eq(state, REQUEST_PENDING))
		rc = fields_set_str(&spec->resolve_reason, review->reason, err);
	return rc;
}
