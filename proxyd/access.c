#include "proxyd/access.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "crypto/sshcert.h"
#include "crypto/tls.h"
#include "crypto/x509_set.h"
#include "daemon/host.h"
#include "model/lock.h"
#include "model/role.h"
#include "proxyd/proxyd.h"

#include <stdlib.h>
#include <string.h>

/* More CA keys than a cluster and its trusted ones have in the middle of a rotation. */
#define USER_CAS_MAX 64

static int peer_of_identity(const struct proxyd *p, pv_Identity *take_id, const char *addr,
                            struct peer *out, struct err *err)
{
	*out = (struct peer){ 0 };
	return peer_from_identity(out, take_id, host_cluster(p->host), addr,
	                          clock_wall_ms(p->clock), err);
}

int access_tls_peer(const struct proxyd *p, const struct tls_peer *tls, const char *addr,
                    struct peer *out, struct err *err)
{
	pv_Identity id = pv_Identity_init_zero;

	if (tls->cert == NULL) {
		*out = (struct peer){ .kind = PEER_ANONYMOUS };
		str_copy(out->addr, sizeof(out->addr), addr);
		return 0;
	}
	if (identity_decode(&id, tls->cert->identity, tls->cert->identity_len, err) != 0)
		return err_set(err, ERR_UNAUTHENTICATED, "certificate of '%s' has no identity",
		               tls->cert->common_name);
	if (identity_check_issuer(&id, tls->cert->common_name,
	                          x509_set_has(host_credentials(p->host)->parts.host_cas, &tls->ca),
	                          err) != 0) {
		identity_deinit(&id);
		return err->code;
	}
	return peer_of_identity(p, &id, addr, out, err);
}

/* --- SSH certificates ------------------------------------------------------------------------ */

/* Parses the lines of `text`, at most USER_CAS_MAX; returns how many. */
static size_t parse_cas(char *text, struct sshkey *cas)
{
	struct err ignored = { 0 };
	size_t count = 0;
	char *rest = text;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL && count < USER_CAS_MAX)
		if (*line != 0 && sshkey_parse_line(line, &cas[count], &ignored) == 0)
			count++;
	return count;
}

static int verify_ssh(const struct proxyd *p, const struct sshcert *cert, struct err *err)
{
	struct sshkey cas[USER_CAS_MAX];
	struct buf lines = { 0 };
	size_t count = 0;
	int rc;

	rc = credentials_append_ssh_cas(host_credentials(p->host), "user", &lines, err);
	if (rc == 0 && lines.data != NULL)
		count = parse_cas((char *)lines.data, cas);
	if (rc == 0 && cert->type != SSHCERT_USER)
		rc = err_set(err, ERR_UNAUTHENTICATED, "not a user's certificate");
	if (rc == 0)
		rc = sshcert_verify(cert, cas, count, clock_wall_ms(p->clock), err);
	while (count > 0)
		sshkey_deinit(&cas[--count]);
	buf_deinit(&lines);
	return rc;
}

int access_ssh_peer(const struct proxyd *p, const struct sshcert *cert, const char *addr,
                    struct peer *out, struct err *err)
{
	const char *text = sshcert_extension(cert, IDENTITY_SSH_EXTENSION);
	pv_Identity id = pv_Identity_init_zero;

	if (verify_ssh(p, cert, err) != 0)
		return err->code;
	if (text == NULL)
		return err_set(err, ERR_UNAUTHENTICATED, "certificate of '%s' has no identity",
		               cert->key_id);
	if (identity_decode_ssh(&id, text, strlen(text), err) != 0)
		return err->code;
	return peer_of_identity(p, &id, addr, out, err);
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
