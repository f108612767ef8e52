#include "daemon/credentials_parts.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/pubkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/rotation.h"
#include "model/trust.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 4

void credentials_parts_deinit(struct credentials_parts *p)
{
	x509_unref_all(p->chain, p->chain_len);
	x509_unref_all(p->server_chain, p->server_chain_len);
	trust_unref(p->trust);
	*p = (struct credentials_parts){ 0 };
}

const pv_CertAuthority *credentials_authority(const pv_JoinResponse *a, const char *type)
{
	for (pb_size_t i = 0; i < a->authorities_count; i++)
		if (str_eq(a->authorities[i].spec.type, type) &&
		    str_eq(a->authorities[i].spec.cluster_name, a->cluster_name))
			return &a->authorities[i];
	return NULL;
}

/* --- whom to trust --------------------------------------------------------------------------- */

static int make_trust(struct credentials_parts *p, const pv_JoinResponse *a, struct err *err)
{
	const char *cluster = a->cluster_name != NULL ? a->cluster_name : "";
	int rc = trust_new(cluster, &p->trust, err);

	for (pb_size_t i = 0; rc == 0 && i < a->authorities_count; i++)
		rc = trust_add(p->trust, &a->authorities[i], err);
	if (rc != 0)
		return rc;
	p->host_cas = trust_hosts(p->trust, cluster);
	if (p->host_cas == NULL || x509_set_count(p->host_cas) == 0)
		return err_set(err, ERR_INVALID, "no host authority among those of the cluster");
	return 0;
}

/* --- what we are certified by ---------------------------------------------------------------- */

static int load_chain(const char *pem, const struct pubkey *own, struct x509 ***out,
                      size_t *out_len, struct err *err)
{
	if (x509_load_all(pem, strlen(pem), CHAIN_MAX, out, out_len, err) != 0)
		return err_wrap(err, "read our certificate");
	if (pubkey_equal(x509_public((*out)[0]), own))
		return 0;
	x509_unref_all(*out, *out_len);
	*out = NULL;
	*out_len = 0;
	return err_set(err, ERR_INVALID, "our certificate is for another key");
}

/* Appends a certificate in PEM; nothing when there is none. */
static int append_pem(struct x509 ***chain, size_t *len, const char *pem, struct err *err)
{
	struct x509 **longer;

	if (str_empty(pem))
		return 0;
	longer = realloc(*chain, (*len + 1) * sizeof(*longer));
	if (longer == NULL)
		return err_set_nomem(err);
	*chain = longer;
	if (x509_load(pem, strlen(pem), &longer[*len], err) != 0)
		return err->code;
	(*len)++;
	return 0;
}

static bool is_pair(const pv_TlsKeyPair *pair, const struct pin *pin)
{
	struct x509 *ca;
	struct err ignored;
	bool same;

	if (str_empty(pair->cert) || x509_load(pair->cert, strlen(pair->cert), &ca, &ignored) != 0)
		return false;
	same = pin_equal(&x509_info(ca)->pin, pin);
	x509_unref(ca);
	return same;
}

static const pv_TlsKeyPair *find_pair(const pv_CaKeys *keys, const struct pin *pin)
{
	for (pb_size_t i = 0; i < keys->tls_count; i++)
		if (is_pair(&keys->tls[i], pin))
			return &keys->tls[i];
	return NULL;
}

/* The authority's key that signed a certificate of ours; NULL: none that is trusted now. Its time
 * is not the question here. */
static const pv_TlsKeyPair *find_signer(const struct credentials_parts *p,
                                        const pv_CertAuthoritySpec *ca, const struct x509 *leaf)
{
	const pv_TlsKeyPair *found;
	struct err ignored;
	struct pin pin;

	if (x509_set_verify(p->host_cas, leaf, NULL, 0, x509_info(leaf)->not_after_ms - 1000, &pin,
	                    &ignored) != 0)
		return NULL;
	found = find_pair(&ca->active_keys, &pin);
	return found != NULL ? found : find_pair(&ca->additional_trusted_keys, &pin);
}

/* The authority's other key, by whose pin we may be known. */
static const pv_TlsKeyPair *find_other(const pv_CertAuthoritySpec *ca, const pv_TlsKeyPair *signer)
{
	const pv_CaKeys *const sets[] = { &ca->active_keys, &ca->additional_trusted_keys };

	for (int s = 0; s < 2; s++)
		for (pb_size_t i = 0; i < sets[s]->tls_count; i++)
			if (&sets[s]->tls[i] != signer)
				return &sets[s]->tls[i];
	return NULL;
}

static int complete_server_chain(struct credentials_parts *p, const pv_CertAuthoritySpec *ca,
                                 const pv_TlsKeyPair *signer, struct err *err)
{
	const pv_TlsKeyPair *other = find_other(ca, signer);

	if (append_pem(&p->server_chain, &p->server_chain_len, signer->cert, err) != 0)
		return err->code;
	if (str_empty(signer->cross_cert) || other == NULL)
		return 0;
	if (append_pem(&p->server_chain, &p->server_chain_len, signer->cross_cert, err) != 0)
		return err->code;
	return append_pem(&p->server_chain, &p->server_chain_len, other->cert, err);
}

static int make_chains(struct credentials_parts *p, const pv_JoinResponse *a,
                       const struct pubkey *own, struct err *err)
{
	const pv_CertAuthoritySpec *ca = &credentials_authority(a, "host")->spec;
	const pv_CaKeys *serving = rotation_serving(ca);
	const char *pem = a->tls_certificate != NULL ? a->tls_certificate : "";
	const char *shown = str_empty(a->tls_server_certificate) ? pem : a->tls_server_certificate;
	const pv_TlsKeyPair *client, *server;

	if (load_chain(pem, own, &p->chain, &p->chain_len, err) != 0 ||
	    load_chain(shown, own, &p->server_chain, &p->server_chain_len, err) != 0)
		return err->code;
	client = find_signer(p, ca, p->chain[0]);
	server = find_signer(p, ca, p->server_chain[0]);
	p->trusted = client != NULL && server != NULL;
	if (!p->trusted)
		return 0;
	p->fits = client == ca->active_keys.tls && server == serving->tls;
	if (append_pem(&p->chain, &p->chain_len, client->cert, err) != 0)
		return err->code;
	return complete_server_chain(p, ca, server, err);
}

int credentials_parts_make(struct credentials_parts *p, const pv_JoinResponse *answer,
                           const struct pubkey *own, struct err *err)
{
	int rc;

	*p = (struct credentials_parts){ 0 };
	rc = make_trust(p, answer, err);
	if (rc == 0)
		rc = make_chains(p, answer, own, err);
	if (rc != 0)
		credentials_parts_deinit(p);
	return rc;
}
