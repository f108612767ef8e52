#include "proxyd/access.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "crypto/sshcert.h"
#include "daemon/host.h"
#include "model/lock.h"
#include "model/role.h"
#include "model/trust.h"
#include "proxyd/proxyd.h"

int access_tls_peer(const struct proxyd *p, const struct tls_peer *tls, const char *addr,
                    struct peer *out, struct err *err)
{
	*out = (struct peer){ 0 };
	return trust_tls_peer(host_trust(p->host), tls, addr, clock_wall_ms(p->clock), out, err);
}

int access_ssh_peer(const struct proxyd *p, const struct sshcert *cert, const char *addr,
                    struct peer *out, struct err *err)
{
	int64_t now = clock_wall_ms(p->clock);

	*out = (struct peer){ 0 };
	if (sshcert_verify(cert, &cert->ca, 1, now, err) != 0)
		return err->code;
	return trust_ssh_peer(host_trust(p->host), cert, addr, now, out, err);
}

/* --- roles and locks ------------------------------------------------------------------------- */

int access_check_locks(const struct proxyd *p, const struct peer *peer, const char *node_id,
                       const char *login, struct err *err)
{
	const struct lock_subject subject = {
		.user = peer->identity.user,
		.roles = peer->identity.roles,
		.roles_count = peer->identity.roles_count,
		.login = str_empty(login) ? NULL : login,
		.requests = peer->identity.active_requests,
		.requests_count = peer->identity.active_requests_count,
		.node = node_id,
	};
	int64_t now = clock_wall_ms(p->clock);
	const pv_Resource *r;
	size_t at = 0;

	while ((r = cache_next(p->cache, "/locks/", &at)) != NULL)
		if (lock_check(&r->of.lock, &subject, now, err) != 0)
			return err->code;
	return 0;
}

int access_roles(const struct proxyd *p, const struct peer *peer, struct role_set **out,
                 struct err *err)
{
	if (peer->kind != PEER_USER)
		return err_set(err, ERR_UNAUTHENTICATED,
		               "a user's certificate is needed: log in first");
	if (access_check_locks(p, peer, NULL, NULL, err) != 0)
		return err->code;
	return cache_role_set(p->cache, &peer->identity, out, err);
}
