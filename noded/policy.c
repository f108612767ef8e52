#include "noded/policy.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "cache/cache.h"
#include "daemon/host.h"
#include "model/identity.h"
#include "model/lock.h"
#include "model/trust.h"
#include "noded/noded.h"
#include "noded/presence.h"
#include "noded/settings.h"

#include <string.h>

static int check_identity(const struct noded *n, const struct policy_subject *who, struct err *err)
{
	const pv_Identity *id = who->identity;
	char end[STR_TIME_SIZE];

	if (str_empty(id->user))
		return err_set(err, ERR_UNAUTHENTICATED, "not a person's certificate");
	if (id->expires != 0 && id->expires <= clock_wall_ms(n->clock))
		return err_set(err, ERR_UNAUTHENTICATED, "certificate expired at %s",
		               str_from_time(end, sizeof(end), id->expires));
	return identity_check_address(id, who->client, err);
}

static int check_locks(const struct noded *n, const pv_Identity *id, const char *login,
                       struct err *err)
{
	const struct lock_subject subject = {
		.user = id->user,
		.roles = id->roles,
		.roles_count = id->roles_count,
		.requests = id->active_requests,
		.requests_count = id->active_requests_count,
		.login = login,
		.node = host_id(n->host),
	};
	int64_t now = clock_wall_ms(n->clock);
	const pv_Resource *r;
	size_t at = 0;

	while ((r = cache_next(n->cache, "/locks/", &at)) != NULL)
		if (lock_check(&r->of.lock, &subject, now, err) != 0)
			return err->code;
	return 0;
}

/* Roles with `lock: strict` trust no lock that may have been lifted, or made, unheard. */
static int check_freshness(const struct noded *n, const struct role_set *roles, struct err *err)
{
	int64_t now = clock_mono_ms(n->clock);

	if (settings_limits(n, roles).lock == 0 || n->current ||
	    (n->heard != 0 && now - n->heard < POLICY_LOCKS_OLD_MS))
		return 0;
	return err_set(err, ERR_DENIED,
	               "a role wants locks that are current, and the cluster is not heard of");
}

static int make_roles(const struct noded *n, const struct policy_subject *who,
                      struct role_set **out, struct err *err)
{
	struct strlist mapped = { 0 };
	pv_Identity id;
	int rc = trust_identity_now(host_trust(n->host), who->identity, &mapped, &id, err);

	if (rc == 0)
		rc = check_locks(n, &id, who->login, err);
	if (rc == 0)
		rc = cache_role_set(n->cache, &id, out, err);
	strlist_deinit(&mapped);
	return rc;
}

static int check_join(const struct noded *n, const struct policy_subject *who,
                      const struct role_set *roles, struct err *err)
{
	bool alike;
	int rc = role_set_check_join(roles, who->join, &alike, err);

	if (rc != 0)
		return rc;
	return (alike ? role_set_check_login : role_set_check_not_denied)(
	        roles, n->conf.hostname, presence_labels(n->presence), who->login, err);
}

int policy_check(const struct noded *n, const struct policy_subject *who,
                 struct role_set **out_roles, struct err *err)
{
	struct role_set *roles;
	int rc;

	if (!cache_filled(n->cache))
		return err_set(err, ERR_UNAVAILABLE,
		               "the node has not heard from the cluster yet; try again");
	if (!presence_labels_known(n->presence))
		return err_set(err, ERR_UNAVAILABLE,
		               "the node does not know its labels yet; try again");
	if (n->denied[0] != 0)
		return err_set(err, ERR_DENIED, "%s", n->denied);
	rc = check_identity(n, who, err);
	if (rc == 0)
		rc = make_roles(n, who, &roles, err);
	if (rc != 0)
		return rc;
	rc = check_freshness(n, roles, err);
	if (rc == 0 && who->join != NULL)
		rc = check_join(n, who, roles, err);
	else if (rc == 0 && who->login != NULL)
		rc = role_set_check_login(roles, n->conf.hostname, presence_labels(n->presence),
		                          who->login, err);
	if (rc == 0)
		*out_roles = roles;
	else
		role_set_unref(roles);
	return rc;
}

void policy_append_line(const struct role_set *roles, const char *login, struct buf *out)
{
	buf_append_str(out, "restrict,pty");
	if (role_set_options(roles)->port_forwarding)
		buf_append_str(out, ",port-forwarding");
	if (role_set_forwards_agent(roles, login))
		buf_append_str(out, ",agent-forwarding");
	buf_appendf(out, " %s", login);
}

int64_t policy_end(const struct noded *n, const struct role_set *roles, const pv_Identity *identity)
{
	return settings_limits(n, roles).disconnect_expired_cert ? identity->expires : 0;
}

/* Of somebody who was let in: the certificate's end is left out. */
static int check_lasting(const struct noded *n, const struct policy_subject *who,
                         struct role_set **out_roles, struct err *err)
{
	pv_Identity lasting = *who->identity;
	const struct policy_subject again = { &lasting, who->login, who->client, who->join };

	lasting.expires = 0;
	return policy_check(n, &again, out_roles, err);
}

int policy_check_again(const struct noded *n, const struct policy_subject *who, int64_t *out_end,
                       struct err *err)
{
	char text[STR_TIME_SIZE];
	struct role_set *roles;
	int64_t end;

	if (check_lasting(n, who, &roles, err) != 0)
		return err->code;
	end = policy_end(n, roles, who->identity);
	role_set_unref(roles);
	if (end != 0 && end <= clock_wall_ms(n->clock))
		return err_set(err, ERR_UNAUTHENTICATED, "Client certificate expired at %s",
		               str_from_time(text, sizeof(text), end));
	*out_end = end;
	return 0;
}

int policy_limits(const struct noded *n, const struct policy_subject *who, struct role_options *out,
                  struct err *err)
{
	struct role_set *roles;
	int rc = check_lasting(n, who, &roles, err);

	if (rc != 0)
		return rc;
	*out = settings_limits(n, roles);
	role_set_unref(roles);
	return 0;
}
