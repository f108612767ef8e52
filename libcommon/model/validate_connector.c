/* validate_connector - what makes connectors and access requests valid: see validate.h. */
#include "model/validate.h"

#include "base/err.h"
#include "base/str.h"
#include "model/label_pattern.h"
#include "model/predicate.h"
#include "model/resource.h"

#include "proto/connector.pb.h"
#include "proto/request.pb.h"

#include <stdbool.h>

static int need(const char *field, const char *value, struct err *err)
{
	return str_empty(value) ? err_set(err, ERR_INVALID, "%s: missing", field) : 0;
}

/* Secrets and people's answers go there. */
static int need_url(const char *field, const char *url, bool secure, struct err *err)
{
	if (need(field, url, err) != 0)
		return err->code;
	if (str_starts(url, "https://") || (!secure && str_starts(url, "http://")))
		return 0;
	return err_set(err, ERR_INVALID, "%s: '%s' is not a URL that begins with https://", field,
	               url);
}

/* --- connectors ------------------------------------------------------------------------------ */

static int check_team(const char *organization, const char *team, size_t count, struct err *err)
{
	if (need("organization", organization, err) != 0 || need("team", team, err) != 0)
		return err->code;
	return count > 0 ? 0 : err_set(err, ERR_INVALID, "gives nothing");
}

int validate_github(void *message, struct err *err)
{
	const pv_GithubSpec *spec = &((pv_Github *)message)->spec;
	int rc = need("spec.client_id", spec->client_id, err);

	if (rc == 0)
		rc = need_url("spec.redirect_url", spec->redirect_url, true, err);
	for (size_t i = 0; rc == 0 && i < spec->teams_to_roles_count; i++) {
		const pv_TeamRoles *t = &spec->teams_to_roles[i];

		if ((rc = check_team(t->organization, t->team, t->roles_count, err)) != 0)
			err_wrap(err, "spec.teams_to_roles[%zu]", i);
	}
	for (size_t i = 0; rc == 0 && i < spec->teams_to_logins_count; i++) {
		const pv_TeamLogins *t = &spec->teams_to_logins[i];
		size_t count = (size_t)t->logins_count + t->kubernetes_groups_count +
		               t->kubernetes_users_count;

		if ((rc = check_team(t->organization, t->team, count, err)) != 0)
			err_wrap(err, "spec.teams_to_logins[%zu]", i);
	}
	if (rc == 0 && spec->teams_to_roles_count + spec->teams_to_logins_count == 0)
		rc = err_set(err, ERR_INVALID, "spec.teams_to_roles: nobody would get anything");
	return rc;
}

static int check_claim(const pv_ClaimRoles *c, struct err *err)
{
	int rc = need("claim", c->claim, err);

	if (rc == 0)
		rc = need("value", c->value, err);
	if (rc == 0 && label_pattern_check(c->value, err) != 0)
		rc = err_wrap(err, "value");
	if (rc == 0 && c->roles_count == 0)
		rc = err_set(err, ERR_INVALID, "roles: missing");
	return rc;
}

int validate_claims(const char *field, const pv_ClaimRoles *claims, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (check_claim(&claims[i], err) != 0)
			return err_wrap(err, "%s[%zu]", field, i);
	return 0;
}

int validate_oidc(void *message, struct err *err)
{
	const pv_OidcSpec *spec = &((pv_Oidc *)message)->spec;
	int rc = need_url("spec.issuer_url", spec->issuer_url, true, err);

	if (rc == 0)
		rc = need("spec.client_id", spec->client_id, err);
	if (rc == 0 && spec->redirect_url.values_count == 0)
		rc = err_set(err, ERR_INVALID, "spec.redirect_url: missing");
	for (size_t i = 0; rc == 0 && i < spec->redirect_url.values_count; i++)
		rc = need_url("spec.redirect_url", spec->redirect_url.values[i], false, err);
	if (rc == 0)
		rc = validate_claims("spec.claims_to_roles", spec->claims_to_roles,
		                     spec->claims_to_roles_count, err);
	if (rc == 0 && spec->claims_to_roles_count == 0)
		rc = err_set(err, ERR_INVALID, "spec.claims_to_roles: nobody would get anything");
	return rc;
}

/* --- access requests ------------------------------------------------------------------------- */

int validate_access_request(void *message, struct err *err)
{
	const pv_AccessRequest *request = message;
	const pv_AccessRequestSpec *spec = &request->spec;
	int rc;

	if (!resource_is_uuid(request->metadata.name))
		return err_set(err, ERR_INVALID, "metadata.name: not a UUID");
	if ((rc = need("spec.user", spec->user, err)) != 0)
		return rc;
	if (spec->roles_count + spec->requested_resource_ids_count == 0)
		return err_set(err, ERR_INVALID, "spec.roles: what is asked for?");
	for (size_t i = 0; i < spec->thresholds_count; i++)
		if (!str_empty(spec->thresholds[i].filter) &&
		    predicate_check(spec->thresholds[i].filter, PREDICATE_REVIEW, err) != 0)
			return err_wrap(err, "spec.thresholds[%zu].filter", i);
	for (size_t i = 0; i < spec->reviews_count; i++)
		if (str_empty(spec->reviews[i].author))
			return err_set(err, ERR_INVALID, "spec.reviews[%zu].author: missing", i);
	return validate_names("spec.roles", spec->roles, spec->roles_count, err);
}
