#include "authd/people/issue.h"

#include "authd/access/access.h"
#include "authd/access/locks.h"
#include "authd/authorities/certify.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/core/settings.h"
#include "authd/people/people.h"

#include "base/err.h"
#include "base/str.h"
#include "model/identity.h"
#include "model/lock.h"
#include "model/role.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define TTL_MIN (60 * 1000LL)

/* --- a person's identity -------------------------------------------------------------------- */

static int copy_roles(const pv_UserSpec *spec, pv_Identity *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < spec->roles_count; i++)
		rc = fields_add_str(&out->roles, &out->roles_count, spec->roles[i], err);
	return rc;
}

/* Roles that an approved request gives for a while. */
static int add_grant(const pv_AccessRequest *grant, pv_Identity *out, struct err *err)
{
	int rc = fields_add_str(&out->active_requests, &out->active_requests_count,
	                        grant->metadata.name, err);

	for (size_t i = 0; rc == 0 && i < grant->spec.roles_count; i++)
		rc = fields_add_str(&out->roles, &out->roles_count, grant->spec.roles[i], err);
	return rc;
}

static int copy_traits(const pv_UserSpec *spec, pv_Identity *out, struct err *err)
{
	for (size_t i = 0; i < spec->traits_count; i++) {
		const pv_UserSpec_TraitsEntry *from = &spec->traits[i];
		pv_Identity_TraitsEntry *to =
		        fields_add(&out->traits, &out->traits_count, sizeof(*to), err);
		int rc;

		if (to == NULL)
			return err->code;
		to->has_value = true;
		rc = fields_set_str(&to->key, from->key, err);
		for (size_t k = 0; rc == 0 && k < from->value.values_count; k++)
			rc = fields_add_str(&to->value.values, &to->value.values_count,
			                    from->value.values[k], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int copy_logins(const struct role_set *roles, int64_t ttl, pv_Identity *out, struct err *err)
{
	struct strlist logins = { 0 };
	int rc = role_set_logins(roles, ttl, &logins, err);

	for (size_t i = 0; rc == 0 && i < logins.count; i++)
		rc = fields_add_str(&out->logins, &out->logins_count, logins.items[i], err);
	strlist_deinit(&logins);
	return rc;
}

/* For others to read: whoever serves Kubernetes asks the roles anew at each request. */
static int copy_kubernetes(const struct role_set *roles, int64_t ttl, pv_Identity *out,
                           struct err *err)
{
	struct strlist groups = { 0 }, users = { 0 };
	int rc = role_set_kubernetes(roles, ttl, NULL, &groups, &users, err);

	if (rc == ERR_DENIED)
		rc = 0; /* nothing to do with any Kubernetes */
	for (size_t i = 0; rc == 0 && i < groups.count; i++)
		rc = fields_add_str(&out->kubernetes_groups, &out->kubernetes_groups_count,
		                    groups.items[i], err);
	for (size_t i = 0; rc == 0 && i < users.count; i++)
		rc = fields_add_str(&out->kubernetes_users, &out->kubernetes_users_count,
		                    users.items[i], err);
	strlist_deinit(&groups);
	strlist_deinit(&users);
	return rc;
}

static int64_t clamp_ttl(struct authd *a, int64_t wanted, const struct role_set *roles)
{
	int64_t max = role_set_options(roles)->max_session_ttl;
	int64_t ttl = wanted > 0 ? wanted : settings_session_ttl(a);

	if (ttl < TTL_MIN)
		ttl = TTL_MIN;
	return max > 0 && ttl > max ? max : ttl;
}

/* The certificate is for the address that asks for it, if any role wants that. */
static int pin_address(const struct issue_request *request, const struct role_options *o,
                       pv_Identity *id, struct err *err)
{
	char address[IDENTITY_ADDRESS_SIZE];

	if (!o->pin_source_ip)
		return 0;
	if (request->client_addr == NULL ||
	    identity_address(request->client_addr, address, err) != 0)
		return err_set(
		        err, ERR_DENIED,
		        "the roles of '%s' pin certificates to an address, and this is asked "
		        "for from none",
		        id->user);
	return fields_set_str(&id->client_ip, address, err);
}

static int fill(struct authd *a, const struct issue_request *request, const struct role_set *roles,
                struct certify *out, struct err *err)
{
	const struct role_options *o = role_set_options(roles);
	int64_t ttl = clamp_ttl(a, request->ttl, roles);
	int rc = copy_logins(roles, ttl, &out->identity, err);

	if (rc == 0)
		rc = copy_kubernetes(roles, ttl, &out->identity, err);
	if (rc == 0)
		rc = pin_address(request, o, &out->identity, err);
	out->now = authd_now(a);
	out->backdate = a->conf.backdate;
	out->identity.expires = out->now + ttl;
	if (request->not_after != 0 && out->identity.expires > request->not_after)
		out->identity.expires = request->not_after;
	out->allow.port_forwarding = o->port_forwarding;
	out->allow.agent_forwarding = o->forward_agent;
	out->allow.x11_forwarding = o->permit_x11_forwarding;
	if (rc == 0 && !str_empty(request->ssh_public_key))
		rc = fields_set_str(&out->ssh_public_key, request->ssh_public_key, err);
	if (rc == 0 && !str_empty(request->tls_public_key))
		rc = fields_set_str(&out->tls_public_key, request->tls_public_key, err);
	return rc;
}

int issue_identity(struct authd *a, const pv_User *user, pv_Identity *out, struct err *err)
{
	int rc = fields_set_str(&out->user, user->metadata.name, err);

	if (rc == 0)
		rc = fields_set_str(&out->cluster, a->conf.cluster_name, err);
	if (rc == 0)
		rc = copy_roles(&user->spec, out, err);
	return rc == 0 ? copy_traits(&user->spec, out, err) : rc;
}

static int prepare_user(struct authd *a, const struct issue_request *request, const pv_User *user,
                        struct certify *out, struct err *err)
{
	pv_Identity *id = &out->identity;
	struct role_set *roles = NULL;
	struct lock_subject subject;
	int rc;

	if (user->spec.expires != 0 && authd_now(a) >= user->spec.expires)
		return err_set(err, ERR_DENIED, "user '%s' has expired", user->metadata.name);
	rc = issue_identity(a, user, id, err);
	if (rc == 0 && request->grant != NULL)
		rc = add_grant(request->grant, id, err);
	if (rc != 0)
		return rc;
	subject = (struct lock_subject){ .user = id->user,
		                         .roles = id->roles,
		                         .roles_count = id->roles_count,
		                         .requests = id->active_requests,
		                         .requests_count = id->active_requests_count };
	rc = locks_check(a, &subject, err);
	if (rc == 0)
		rc = role_set_new(&roles, id, access_lookup_role, a, err);
	if (rc == 0)
		rc = fill(a, request, roles, out, err);
	role_set_unref(roles);
	return rc;
}

int issue_prepare(struct authd *a, const struct issue_request *request, struct certify *out,
                  struct err *err)
{
	pv_Resource user;
	int rc;

	if (request->ttl < 0)
		return err_set(err, ERR_INVALID, "ttl: below 0");
	rc = resource_load(a, resource_kind_find("user"), NULL, request->user, &user, err);
	if (rc != 0)
		return rc;
	rc = prepare_user(a, request, &user.of.user, out, err);
	resource_deinit(&user);
	if (rc != 0)
		certify_deinit(out);
	return rc;
}

int issue_answer(struct authd *a, struct certify *c, pv_LoginResponse *out, struct err *err)
{
	pv_Identity *id = &c->identity;
	int rc;

	*out = (pv_LoginResponse){
		.user = id->user,
		.cluster_name = id->cluster,
		.ssh_certificate = c->ssh,
		.tls_certificate = c->tls,
		.roles_count = id->roles_count,
		.roles = id->roles,
		.logins_count = id->logins_count,
		.logins = id->logins,
		.valid_until = id->expires,
		.time = authd_now(a),
	};
	id->user = id->cluster = c->ssh = c->tls = NULL;
	id->roles = id->logins = NULL;
	id->roles_count = id->logins_count = 0;
	rc = authorities_copy(&a->authorities, &out->authorities, &out->authorities_count, err);
	if (rc != 0)
		fields_release(&pv_LoginResponse_table, out);
	return rc;
}
