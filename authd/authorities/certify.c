#include "authd/authorities/certify.h"

#include "authd/authorities/authority.h"
#include "base/buf.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/pubkey.h"
#include "crypto/sshcert.h"
#include "crypto/x509.h"
#include "model/identity.h"

#include <stdlib.h>
#include <string.h>

#define EXTENSIONS_MAX 5

static bool is_host(const struct certify *c)
{
	return !str_empty(c->identity.system_role);
}

/* --- X.509 ---------------------------------------------------------------------------------- */

static int sign_tls(struct certify *c, const struct signer *signer, char **out, struct err *err)
{
	const char *const host_role[] = { c->identity.system_role };
	struct buf identity = { 0 }, pem = { 0 };
	char *name = identity_common_name(&c->identity);
	struct x509_spec spec = {
		.common_name = name,
		.organizations = is_host(c) ? host_role : (const char *const *)c->identity.roles,
		.organization_count = is_host(c) ? 1 : c->identity.roles_count,
		.hosts = (const char *const *)c->tls_names.items,
		.host_count = c->tls_names.count,
		.not_before_ms = c->now - c->backdate,
		.not_after_ms = c->identity.expires,
		.usage = is_host(c) ? X509_CLIENT | X509_SERVER : X509_CLIENT,
	};
	struct pubkey *key = NULL;
	struct x509 *cert = NULL;
	int rc = name != NULL ? 0 : err_set_nomem(err);

	if (rc == 0)
		rc = pubkey_load(c->tls_public_key, strlen(c->tls_public_key), &key, err);
	if (rc == 0)
		rc = identity_encode(&c->identity, &identity, err);
	if (rc != 0)
		goto out;
	spec.subject_key = key;
	spec.identity = identity.data;
	spec.identity_len = identity.len;
	rc = x509_issue(&spec, signer->tls_cert, signer->tls_key, &cert, err);
	if (rc != 0)
		goto out;
	x509_append_pem(cert, &pem);
	rc = buf_check(&pem, err);
	if (rc == 0)
		*out = (char *)buf_take(&pem, &(size_t){ 0 });
out:
	x509_unref(cert);
	pubkey_unref(key);
	buf_deinit(&identity);
	buf_deinit(&pem);
	free(name);
	return rc != 0 ? err_wrap(err, "certify the TLS key") : 0;
}

/* What hosts call others with, and, while servers still show the old key's, what they show. */
static int sign_both_tls(struct certify *c, struct err *err)
{
	const struct authority *ca = c->ca;

	if (sign_tls(c, &ca->client, &c->tls, err) != 0)
		return err->code;
	if (!is_host(c) ||
	    pin_equal(&x509_info(ca->server.tls_cert)->pin, &x509_info(ca->client.tls_cert)->pin))
		return 0;
	return sign_tls(c, &ca->server, &c->tls_server, err);
}

/* --- SSH ------------------------------------------------------------------------------------ */

/* People with no login get a certificate all the same, one that opens the proxy's door only: a
 * certificate without principals would open everything. */
static int principals(const struct certify *c, struct strlist *out, struct err *err)
{
	int rc = is_host(c) ? 0 : strlist_add(out, IDENTITY_DOOR_PRINCIPAL, err);

	for (size_t i = 0; rc == 0 && is_host(c) && i < c->ssh_names.count; i++)
		rc = strlist_add(out, c->ssh_names.items[i], err);
	for (size_t i = 0; rc == 0 && !is_host(c) && i < c->identity.logins_count; i++)
		rc = strlist_add(out, c->identity.logins[i], err);
	return rc;
}

static size_t extensions(const struct certify *c, const char *identity,
                         struct sshcert_option out[EXTENSIONS_MAX])
{
	size_t n = 0;

	out[n++] = (struct sshcert_option){ IDENTITY_SSH_EXTENSION, identity };
	if (is_host(c))
		return n;
	out[n++] = (struct sshcert_option){ "permit-pty", NULL };
	if (c->allow.port_forwarding)
		out[n++] = (struct sshcert_option){ "permit-port-forwarding", NULL };
	if (c->allow.agent_forwarding)
		out[n++] = (struct sshcert_option){ "permit-agent-forwarding", NULL };
	if (c->allow.x11_forwarding)
		out[n++] = (struct sshcert_option){ "permit-X11-forwarding", NULL };
	return n;
}

static int sign_ssh(struct certify *c, struct err *err)
{
	char *name = identity_common_name(&c->identity);
	struct sshcert_option ext[EXTENSIONS_MAX];
	struct strlist allowed = { 0 };
	struct buf identity = { 0 }, line = { 0 };
	const struct signer *signer;
	struct sshkey key = { 0 };
	struct sshcert_spec spec = {
		.type = is_host(c) ? SSHCERT_HOST : SSHCERT_USER,
		.subject = &key,
		.key_id = name,
		.not_before_ms = c->now - c->backdate,
		.not_after_ms = c->identity.expires,
		.extensions = ext,
	};
	int rc = name != NULL ? 0 : err_set_nomem(err);

	if (rc == 0)
		rc = sshkey_parse_line(c->ssh_public_key, &key, err);
	if (rc == 0)
		rc = principals(c, &allowed, err);
	if (rc == 0)
		rc = identity_encode_ssh(&c->identity, &identity, err);
	if (rc != 0)
		goto out;
	rand_bytes(&spec.serial, sizeof(spec.serial));
	spec.principals = (const char *const *)allowed.items;
	spec.principal_count = allowed.count;
	spec.extension_count = extensions(c, buf_str(&identity), ext);
	/* sshd only ever shows a host's. */
	signer = is_host(c) ? &c->ca->server : &c->ca->client;
	rc = sshcert_issue(&spec, signer->ssh_key, &line, err);
	if (rc == 0)
		rc = buf_check(&line, err);
	if (rc == 0)
		c->ssh = (char *)buf_take(&line, &(size_t){ 0 });
out:
	sshkey_deinit(&key);
	strlist_deinit(&allowed);
	buf_deinit(&identity);
	buf_deinit(&line);
	free(name);
	return rc != 0 ? err_wrap(err, "certify the SSH key") : 0;
}

/* --- the operation -------------------------------------------------------------------------- */

static int sign(struct certify *c, struct err *err)
{
	int rc = 0;

	if (str_empty(c->tls_public_key) && str_empty(c->ssh_public_key))
		return err_set(err, ERR_INVALID, "there is no public key to certify");
	if (!str_empty(c->tls_public_key))
		rc = sign_both_tls(c, err);
	if (rc == 0 && !str_empty(c->ssh_public_key))
		rc = sign_ssh(c, err);
	return rc;
}

int certify_now(struct certify *c, struct authority *ca, struct err *err)
{
	int rc;

	c->ca = authority_ref(ca);
	rc = sign(c, err);
	authority_unref(ca);
	c->ca = NULL;
	return rc;
}

static void run(struct work *w)
{
	struct certify *c = container_of(w, struct certify, work);

	sign(c, &c->err);
}

static void done(struct work *w, bool canceled)
{
	struct certify *c = container_of(w, struct certify, work);

	authority_unref(c->ca);
	c->ca = NULL;
	if (canceled)
		err_set(&c->err, ERR_CANCELED, "shutting down");
	c->done(c, c->err.code != 0 ? &c->err : NULL);
}

int certify_start(struct certify *c, struct authority *ca, struct work_pool *pool, struct err *err)
{
	c->ca = authority_ref(ca);
	c->err = (struct err){ 0 };
	if (work_start(pool, &c->work, run, done, err) == 0)
		return 0;
	authority_unref(ca);
	return err->code;
}

void certify_deinit(struct certify *c)
{
	identity_deinit(&c->identity);
	strlist_deinit(&c->tls_names);
	strlist_deinit(&c->ssh_names);
	free(c->ssh_public_key);
	free(c->tls_public_key);
	free(c->ssh);
	free(c->tls);
	free(c->tls_server);
	c->ssh_public_key = c->tls_public_key = c->ssh = c->tls = c->tls_server = NULL;
}
