/* trust_peer - who the holder of a certificate is here: see trust.h. */
#include "model/trust.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/sshcert.h"
#include "crypto/tls.h"
#include "model/role_map.h"
#include "wire/fields.h"

#include <stdlib.h>
#include <string.h>

/* --- who somebody is here -------------------------------------------------------------------- */

/* Lists of other roles than what the certificate says. */
static int replace_roles(const struct trust *t, pv_Identity *id, struct err *err)
{
	struct strlist local = { 0 };
	int rc;

	id->remote_roles = id->roles;
	id->remote_roles_count = id->roles_count;
	id->roles = NULL;
	id->roles_count = 0;
	rc = trust_roles(t, id, &local, err);
	for (size_t i = 0; rc == 0 && i < local.count; i++)
		if (!str_in(local.items[i], id->roles, id->roles_count))
			rc = fields_add_str(&id->roles, &id->roles_count, local.items[i], err);
	strlist_deinit(&local);
	return rc;
}

static void forget_strings(char ***list, pb_size_t *count)
{
	while (*count > 0)
		free((*list)[--*count]);
	free(*list);
	*list = NULL;
}

/* What the other cluster granted for its own, or knows by ids of its own, says nothing here. */
static void forget_grants(pv_Identity *id)
{
	forget_strings(&id->logins, &id->logins_count);
	forget_strings(&id->kubernetes_users, &id->kubernetes_users_count);
	forget_strings(&id->kubernetes_groups, &id->kubernetes_groups_count);
	forget_strings(&id->active_requests, &id->active_requests_count);
}

static int adopt_user(const struct trust *t, pv_Identity *id, struct err *err)
{
	char *name;

	if (replace_roles(t, id, err) != 0)
		return err->code;
	name = role_map_user(id->user, id->cluster);
	if (name == NULL)
		return err_set_nomem(err);
	free(id->user);
	id->user = name;
	forget_grants(id);
	return 0;
}

/* A cluster whose people we let in is our root; all others are leaves of ours. */
static const char *remote_role(const struct trust *t, const pv_Identity *id)
{
	if (trust_authority(t, "user", id->cluster) != NULL)
		return str_eq(id->system_role, "Proxy") ? TRUST_ROOT_PROXY : NULL;
	if (str_eq(id->system_role, "Tunnel"))
		return TRUST_LEAF_TUNNEL;
	return str_eq(id->system_role, "Auth") ? TRUST_LEAF : NULL;
}

static int adopt_host(const struct trust *t, pv_Identity *id, struct err *err)
{
	const char *role = remote_role(t, id);

	if (role == NULL)
		return err_set(err, ERR_DENIED, "a %s of cluster '%s' has no business here",
		               id->system_role, id->cluster);
	return fields_set_str(&id->system_role, role, err);
}

static int judge(const struct trust *t, pv_Identity *id, const char *addr, int64_t now_ms,
                 struct err *err)
{
	char end[STR_TIME_SIZE];

	if (id->remote_roles_count > 0)
		return err_set(err, ERR_UNAUTHENTICATED, "an identity that no certificate carries");
	if (id->expires != 0 && now_ms >= id->expires)
		return err_set(err, ERR_UNAUTHENTICATED, "certificate expired at %s",
		               str_from_time(end, sizeof(end), id->expires));
	if (identity_check_address(id, addr, err) != 0 || str_eq(id->cluster, trust_cluster(t)))
		return err->code;
	return str_empty(id->system_role) ? adopt_user(t, id, err) : adopt_host(t, id, err);
}

static int make_peer(const struct trust *t, pv_Identity *take_id, const char *addr, int64_t now_ms,
                     struct peer *out, struct err *err)
{
	bool ours = str_eq(take_id->cluster, trust_cluster(t));

	err->code = 0;
	if (judge(t, take_id, addr, now_ms, err) != 0) {
		identity_deinit(take_id);
		return err->code;
	}
	*out = (struct peer){ .kind = PEER_USER, .identity = *take_id };
	if (!str_empty(take_id->system_role))
		out->kind = ours ? PEER_HOST : PEER_REMOTE;
	str_copy(out->addr, sizeof(out->addr), addr);
	*take_id = (pv_Identity){ 0 };
	return 0;
}

/* --- certificates ---------------------------------------------------------------------------- */

static int check_name(const struct x509_info *cert, const pv_Identity *id, struct err *err)
{
	char *name = identity_common_name(id);
	int rc = 0;

	if (name == NULL)
		return err_set_nomem(err);
	if (strcmp(name, cert->common_name) != 0)
		rc = err_set(err, ERR_UNAUTHENTICATED, "the certificate of '%s' names another",
		             cert->common_name);
	free(name);
	return rc;
}

bool trust_holds(const struct trust *t, const pv_Identity *id, const struct pin *key)
{
	return trust_has_key(t, str_empty(id->system_role) ? "user" : "host", id->cluster, key);
}

static int check_key(const struct trust *t, const struct tls_peer *tls, const pv_Identity *id,
                     struct err *err)
{
	const char *other = str_empty(id->system_role) ? "host" : "user";
	const char *name = tls->cert->common_name;

	if (trust_holds(t, id, &tls->ca))
		return 0;
	if (trust_has_key(t, other, id->cluster, &tls->ca))
		return err_set(err, ERR_UNAUTHENTICATED,
		               "the certificate of '%s' has the wrong issuer", name);
	if (!str_eq(id->cluster, trust_cluster(t)))
		return err_set(err, ERR_UNTRUSTED,
		               "the certificate of '%s' is not of a key of cluster '%s' that is "
		               "trusted here",
		               name, id->cluster);
	return err_set(err, ERR_UNTRUSTED,
	               "the certificate of '%s' is of a key that was rotated away", name);
}

static int check_certificate(const struct trust *t, const struct tls_peer *tls,
                             const pv_Identity *id, int64_t now_ms, struct err *err)
{
	if (now_ms >= tls->cert->not_after_ms)
		return err_set(err, ERR_UNAUTHENTICATED, "the certificate of '%s' has expired",
		               tls->cert->common_name);
	if (check_key(t, tls, id, err) != 0)
		return err->code;
	return check_name(tls->cert, id, err);
}

int trust_tls_peer(const struct trust *t, const struct tls_peer *tls, const char *addr,
                   int64_t now_ms, struct peer *out, struct err *err)
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
	if (check_certificate(t, tls, &id, now_ms, err) != 0) {
		identity_deinit(&id);
		return err->code;
	}
	return make_peer(t, &id, addr, now_ms, out, err);
}

int trust_ssh_peer(const struct trust *t, const struct sshcert *cert, const char *addr,
                   int64_t now_ms, struct peer *out, struct err *err)
{
	const char *text = sshcert_extension(cert, IDENTITY_SSH_EXTENSION);
	pv_Identity id = pv_Identity_init_zero;

	if (cert->type != SSHCERT_USER)
		return err_set(err, ERR_UNAUTHENTICATED, "not a person's certificate");
	if (text == NULL)
		return err_set(err, ERR_UNAUTHENTICATED, "certificate of '%s' has no identity",
		               cert->key_id);
	if (identity_decode_ssh(&id, text, strlen(text), err) != 0)
		return err->code;
	if (str_empty(id.user))
		err_set(err, ERR_UNAUTHENTICATED, "not a person's certificate");
	else if (!trust_has_ssh_key(t, id.cluster, &cert->ca))
		err_set(err, ERR_UNTRUSTED,
		        "the certificate of '%s' is not of a key of cluster '%s' that is trusted "
		        "here",
		        cert->key_id, id.cluster);
	else
		return make_peer(t, &id, addr, now_ms, out, err);
	identity_deinit(&id);
	return err->code;
}
