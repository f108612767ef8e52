#include "kubeproxyd/access/guest.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/host.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/request/headers.h"
#include "kubeproxyd/request/object.h"
#include "kubeproxyd/upstream/upstream.h"
#include "model/lock.h"
#include "model/role.h"
#include "model/trust.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_AUTH       "/settings/auth/cluster-auth-preference"
#define KEY_NETWORKING "/settings/networking/cluster-networking-config"
#define TTL_MOST_MS    (60 * 60 * 1000) /* roles that allow an hour may be used */

/* --- the parts of the decision --------------------------------------------------------------- */

static int check_identity(const struct kubeproxyd *k, const pv_Identity *id, bool expiry,
                          struct err *err)
{
	char end[STR_TIME_SIZE];

	if (!cache_filled(k->cache))
		return err_set(err, ERR_UNAVAILABLE,
		               "kubeproxyd has not heard from the cluster yet; try again");
	if (k->denied[0] != 0)
		return err_set(err, ERR_DENIED, "%s", k->denied);
	if (expiry && id->expires != 0 && id->expires <= clock_wall_ms(k->clock))
		return err_set(err, ERR_UNAUTHENTICATED, "certificate expired at %s; log in again",
		               str_from_time(end, sizeof(end), id->expires));
	return 0;
}

static int check_locks(const struct kubeproxyd *k, const pv_Identity *id, struct err *err)
{
	const struct lock_subject subject = {
		.user = id->user,
		.roles = id->roles,
		.roles_count = id->roles_count,
		.requests = id->active_requests,
		.requests_count = id->active_requests_count,
		.node = host_id(k->host),
	};
	int64_t now = clock_wall_ms(k->clock);
	const pv_Resource *r;
	size_t at = 0;

	while ((r = cache_next(k->cache, "/locks/", &at)) != NULL)
		if (lock_check(&r->of.lock, &subject, now, err) != 0)
			return err->code;
	return 0;
}

/* Another cluster's people have the roles that its record maps theirs to now. */
static int make_roles(const struct kubeproxyd *k, const pv_Identity *id, struct role_set **out,
                      struct err *err)
{
	struct strlist mapped = { 0 };
	pv_Identity now;
	int rc = trust_identity_now(host_trust(k->host), id, &mapped, &now, err);

	if (rc == 0)
		rc = check_locks(k, &now, err);
	if (rc == 0)
		rc = cache_role_set(k->cache, &now, out, err);
	strlist_deinit(&mapped);
	return rc;
}

static struct role_options limits_of(const struct kubeproxyd *k, const struct role_set *roles)
{
	const pv_Resource *auth = cache_get(k->cache, KEY_AUTH);
	const pv_Resource *net = cache_get(k->cache, KEY_NETWORKING);
	struct role_options limits = *role_set_options(roles);

	role_options_add_cluster(&limits,
	                         net != NULL ? &net->of.cluster_networking_config.spec : NULL,
	                         auth != NULL ? &auth->of.cluster_auth_preference.spec : NULL);
	return limits;
}

/* Roles with `lock: strict` trust no lock that may have been lifted, or made, unheard. */
static int check_freshness(const struct kubeproxyd *k, const struct role_options *limits,
                           struct err *err)
{
	int64_t now = clock_mono_ms(k->clock);

	if (limits->lock == 0 || k->current ||
	    (k->heard != 0 && now - k->heard < GUEST_LOCKS_OLD_MS))
		return 0;
	return err_set(err, ERR_DENIED,
	               "a role wants locks that are current, and the cluster is not heard of");
}

/* Whether all that `g` has chosen may be chosen by `now`. */
static int check_choice(const struct guest *g, const struct guest *now, struct err *err)
{
	if (!strlist_has(&now->users, g->acts_as.user))
		return err_set(err, ERR_DENIED, "no role allows to act as user '%s'",
		               g->acts_as.user);
	for (size_t i = 0; i < g->acts_as.groups.count; i++)
		if (!strlist_has(&now->groups, g->acts_as.groups.items[i]))
			return err_set(err, ERR_DENIED, "no role allows to act in group '%s'",
			               g->acts_as.groups.items[i]);
	return 0;
}

static int check_join(const struct guest *g, const struct role_set *roles, bool *out_alike,
                      struct err *err)
{
	const pv_Identity *host = &g->joins->visit->peer.identity;
	const struct role_join join = { .kind = "k8s",
		                        .mode = g->mode,
		                        .owner = host->user,
		                        .owner_roles = host->roles,
		                        .owner_roles_count = host->roles_count };

	return role_set_check_join(roles, &join, out_alike, err);
}

/* Fills users, groups and limits as the roles have them now. */
static int decide(struct guest *g, const struct kubeproxyd *k, struct role_set *roles,
                  struct err *err)
{
	struct role_kubernetes_object object;
	bool alike = true;
	int64_t ttl;
	int rc = 0;

	g->limits = limits_of(k, roles);
	g->records_strictly = role_set_records_kubernetes_strictly(roles, &k->labels);
	ttl = g->limits.max_session_ttl < TTL_MOST_MS ? g->limits.max_session_ttl : TTL_MOST_MS;
	if (check_freshness(k, &g->limits, err) != 0)
		return err->code;
	if (role_set_kubernetes(roles, ttl, &k->labels, &g->groups, &g->users, err) != 0)
		return err->code;
	if (g->joins != NULL)
		rc = check_join(g, roles, &alike, err);
	if (rc == 0 && alike && object_of(&g->attributes, &object))
		rc = role_set_check_kubernetes(roles, &k->labels, &object, err);
	return rc == 0 && alike && g->joins != NULL ? check_choice(g->joins, g, err) : rc;
}

static int judge(struct guest *g, bool expiry, struct err *err)
{
	const pv_Identity *id = &g->visit->peer.identity;
	const struct kubeproxyd *k = g->visit->k;
	struct role_set *roles;
	int rc;

	if (g->visit->refused.code != 0)
		return err_copy(err, &g->visit->refused);
	if (check_identity(k, id, expiry, err) != 0 || make_roles(k, id, &roles, err) != 0)
		return err->code;
	rc = decide(g, k, roles, err);
	if (rc == 0 && g->limits.disconnect_expired_cert)
		g->end = id->expires;
	role_set_unref(roles);
	return rc;
}

/* --- admission ------------------------------------------------------------------------------- */

int guest_admit(struct visit *visit, const struct attributes *attributes,
                const struct http1_header *headers, size_t count, struct guest **out,
                struct err *err)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set_nomem(err);
	g->refs = 1;
	g->visit = visit_ref(visit);
	g->attributes = *attributes;
	if (judge(g, true, err) != 0 ||
	    impersonation_choose(&g->acts_as, headers, count, &g->users, &g->groups, err) != 0) {
		guest_unref(g);
		return err->code;
	}
	*out = g;
	return 0;
}

int guest_join(struct visit *visit, struct guest *host, const char *mode, struct guest **out,
               struct err *err)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set_nomem(err);
	g->refs = 1;
	g->visit = visit_ref(visit);
	g->attributes = host->attributes;
	g->joins = guest_ref(host);
	g->mode = mode;
	if (judge(g, true, err) != 0) {
		guest_unref(g);
		return err->code;
	}
	*out = g;
	return 0;
}

int guest_check_again(struct guest *g, struct err *err)
{
	struct guest now = {
		.visit = g->visit, .attributes = g->attributes, .joins = g->joins, .mode = g->mode
	};
	char end[STR_TIME_SIZE];
	int rc = judge(&now, false, err);

	if (rc == 0 && g->joins == NULL)
		rc = check_choice(g, &now, err);
	if (rc == 0 && now.end != 0 && now.end <= clock_wall_ms(g->visit->k->clock))
		rc = err_set(err, ERR_UNAUTHENTICATED, "client certificate expired at %s",
		             str_from_time(end, sizeof(end), now.end));
	if (rc == 0) {
		g->limits = now.limits;
		g->end = now.end;
	}
	strlist_deinit(&now.users);
	strlist_deinit(&now.groups);
	return rc;
}

struct guest *guest_ref(struct guest *g)
{
	g->refs++;
	return g;
}

void guest_unref(struct guest *g)
{
	if (g == NULL || --g->refs > 0)
		return;
	strlist_deinit(&g->users);
	strlist_deinit(&g->groups);
	impersonation_deinit(&g->acts_as);
	guest_unref(g->joins);
	visit_unref(g->visit);
	free(g);
}

/* --- headers --------------------------------------------------------------------------------- */

static const char *find(const struct http1_header *from, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(from[i].name, name) == 0)
			return from[i].value;
	return NULL;
}

static int add_forwarded(const struct guest *g, const char *host, struct headers *to,
                         struct err *err)
{
	char client[IDENTITY_ADDRESS_SIZE];
	struct err ignored;
	int rc = headers_add(to, "X-Forwarded-Proto", "https", err);

	if (rc == 0 && !str_empty(host))
		rc = headers_add(to, "X-Forwarded-Host", host, err);
	if (rc == 0 && identity_address(g->visit->peer.addr, client, &ignored) == 0)
		rc = headers_add(to, "X-Forwarded-For", client, err);
	return rc;
}

int guest_headers(const struct guest *g, const struct http1_header *from, size_t count,
                  struct headers *to, struct err *err)
{
	const char *host = find(from, count, "host");
	int rc = upstream_add_headers(g->visit->k->upstream, to, err);

	if (host == NULL)
		host = find(from, count, ":authority");
	if (rc == 0)
		rc = impersonation_write(&g->acts_as, to, err);
	if (rc == 0)
		rc = add_forwarded(g, host, to, err);
	return rc == 0 ? headers_take_request(to, from, count, err) : rc;
}
