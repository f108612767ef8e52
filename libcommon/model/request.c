#include "model/request.h"

#include "base/err.h"
#include "base/str.h"
#include "model/label_pattern.h"
#include "wire/fields.h"

#include "proto/request.fields.h"

#include <string.h>

/* --- patterns -------------------------------------------------------------------------------- */

static bool any_matches(char *const *patterns, size_t count, const char *role, bool when_failed)
{
	struct err ignored;
	bool match;

	for (size_t i = 0; i < count; i++)
		if (label_pattern_match(patterns[i], role, &match, &ignored) != 0 ? when_failed
		                                                                  : match)
			return true;
	return false;
}

static bool lets_ask(const pv_Role *role, const char *wanted)
{
	const pv_RequestConditions *c = &role->spec.allow.request;

	return any_matches(c->roles, c->roles_count, wanted, false);
}

static bool forbids_asking(const pv_Role *role, const char *wanted)
{
	const pv_RequestConditions *c = &role->spec.deny.request;

	return any_matches(c->roles, c->roles_count, wanted, true);
}

static bool lets_review(const pv_Role *role, const char *wanted)
{
	const pv_ReviewConditions *c = &role->spec.allow.review_requests;

	return any_matches(c->roles, c->roles_count, wanted, false);
}

static bool forbids_reviewing(const pv_Role *role, const char *wanted)
{
	const pv_ReviewConditions *c = &role->spec.deny.review_requests;

	return any_matches(c->roles, c->roles_count, wanted, true);
}

typedef bool (*role_test)(const pv_Role *role, const char *wanted);

static const pv_Role *find(const struct request_roles *own, role_test test, const char *wanted)
{
	for (size_t i = 0; i < own->count; i++)
		if (test(&own->items[i], wanted))
			return &own->items[i];
	return NULL;
}

/* Every role of the request must be allowed by some role and denied by none. */
static int check_all(const struct request_roles *own, const pv_AccessRequestSpec *spec,
                     role_test allows, role_test denies, const char *what, struct err *err)
{
	for (size_t i = 0; i < spec->roles_count; i++) {
		const pv_Role *denied = find(own, denies, spec->roles[i]);

		if (denied != NULL)
			return err_set(err, ERR_DENIED, "role '%s' denies to %s role '%s'",
			               denied->metadata.name, what, spec->roles[i]);
		if (find(own, allows, spec->roles[i]) == NULL)
			return err_set(err, ERR_DENIED, "none of your roles lets you %s role '%s'",
			               what, spec->roles[i]);
	}
	return 0;
}

/* --- asking ---------------------------------------------------------------------------------- */

/* A role that has a say in this request. */
static bool concerns(const pv_Role *role, const pv_AccessRequestSpec *spec)
{
	for (size_t i = 0; i < spec->roles_count; i++)
		if (lets_ask(role, spec->roles[i]))
			return true;
	return false;
}

static bool wants_reason(const struct request_roles *own, const pv_AccessRequestSpec *spec)
{
	for (size_t i = 0; i < own->count; i++) {
		const pv_Role *role = &own->items[i];

		if (str_eq(role->spec.options.request_access, "reason") ||
		    (str_eq(role->spec.allow.request.reason.mode, "required") &&
		     concerns(role, spec)))
			return true;
	}
	return false;
}

int request_check(const struct request_roles *own, const pv_AccessRequestSpec *spec,
                  struct err *err)
{
	if (spec->roles_count == 0 || spec->roles_count > REQUEST_ROLES_MAX)
		return err_set(err, ERR_INVALID, "a request is for 1 to %d roles",
		               REQUEST_ROLES_MAX);
	if (check_all(own, spec, lets_ask, forbids_asking, "ask for", err) != 0)
		return err->code;
	if (str_empty(spec->request_reason) && wants_reason(own, spec))
		return err_set(err, ERR_INVALID, "your roles want a reason for a request");
	return 0;
}

static int add_threshold(pv_AccessRequestSpec *spec, const pv_ReviewThreshold *from,
                         struct err *err)
{
	pv_ReviewThreshold *to =
	        fields_add(&spec->thresholds, &spec->thresholds_count, sizeof(*to), err);

	return to != NULL ? fields_clone(&pv_ReviewThreshold_table, from, to, err) : err->code;
}

static int add_conditions(const pv_RequestConditions *c, pv_AccessRequestSpec *spec,
                          struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->thresholds_count; i++)
		rc = add_threshold(spec, &c->thresholds[i], err);
	for (size_t i = 0; rc == 0 && i < c->suggested_reviewers_count; i++)
		rc = fields_add_str(&spec->suggested_reviewers, &spec->suggested_reviewers_count,
		                    c->suggested_reviewers[i], err);
	return rc;
}

int request_complete(const struct request_roles *own, pv_AccessRequestSpec *spec, struct err *err)
{
	const pv_ReviewThreshold one = { .approve = 1, .deny = 1 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < own->count; i++)
		if (concerns(&own->items[i], spec))
			rc = add_conditions(&own->items[i].spec.allow.request, spec, err);
	if (rc == 0 && spec->thresholds_count == 0)
		rc = add_threshold(spec, &one, err);
	return rc;
}

int64_t request_max_duration(const struct request_roles *own, const pv_AccessRequestSpec *spec)
{
	int64_t shortest = 0;

	for (size_t i = 0; i < own->count; i++) {
		int64_t max = own->items[i].spec.allow.request.max_duration;

		if (max > 0 && concerns(&own->items[i], spec) && (shortest == 0 || max < shortest))
			shortest = max;
	}
	return shortest;
}

/* --- judging --------------------------------------------------------------------------------- */

int request_check_reviewer(const struct request_roles *own, const char *user,
                           const pv_AccessRequestSpec *spec, struct err *err)
{
	if (str_eq(user, spec->user))
		return err_set(err, ERR_DENIED, "nobody judges a request of their own");
	return check_all(own, spec, lets_review, forbids_reviewing, "judge requests for", err);
}

static uint32_t count_reviews(const pv_AccessRequestSpec *spec, const char *state)
{
	uint32_t n = 0;

	for (size_t i = 0; i < spec->reviews_count; i++)
		if (str_eq(spec->reviews[i].proposed_state, state))
			n++;
	return n;
}

/* The first threshold that is reached decides; a denial goes before an approval. A number of 0 in
 * a threshold means: not by this one. */
static const char *outcome(const pv_AccessRequestSpec *spec)
{
	uint32_t approvals = count_reviews(spec, REQUEST_APPROVED);
	uint32_t denials = count_reviews(spec, REQUEST_DENIED);

	for (size_t i = 0; i < spec->thresholds_count; i++)
		if (spec->thresholds[i].deny > 0 && denials >= spec->thresholds[i].deny)
			return REQUEST_DENIED;
	for (size_t i = 0; i < spec->thresholds_count; i++)
		if (spec->thresholds[i].approve > 0 && approvals >= spec->thresholds[i].approve)
			return REQUEST_APPROVED;
	return REQUEST_PENDING;
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

int request_review(pv_AccessRequestSpec *spec, const pv_AccessReview *review, struct err *err)
{
	pv_AccessReview *added;
	const char *state;
	int rc = check_review(spec, review, err);

	if (rc != 0)
		return rc;
	added = fields_add(&spec->reviews, &spec->reviews_count, sizeof(*added), err);
	rc = added != NULL ? fields_clone(&pv_AccessReview_table, review, added, err) : err->code;
	if (rc != 0)
		return rc;
	state = outcome(spec);
	rc = fields_set_str(&spec->state, state, err);
	if (rc == 0 && !str_eq(state, REQUEST_PENDING))
		rc = fields_set_str(&spec->resolve_reason, review->reason, err);
	return rc;
}
