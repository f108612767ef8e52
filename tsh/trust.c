#include "tsh/trust.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "rpc/web_call.h"

#include <stdlib.h>

#define CHAIN_MAX 4

/* What a configuration is made of, until it is. */
struct parts {
	struct pin pin;
	bool has_pin;
	bool pinned; /* asks the proxy for its host certificate */
	struct x509_set *roots;
	struct x509 **chain;
	size_t chain_len;
	struct key *key;
};

static void parts_deinit(struct parts *p)
{
	x509_set_unref(p->roots);
	x509_unref_all(p->chain, p->chain_len);
	key_unref(p->key);
}

static int load_cluster_trust(struct parts *parts, const struct profile *p, struct err *err)
{
	struct buf pem = { 0 };
	int rc = profile_read(p, PROFILE_CAS, &pem, err);

	if (rc == 0)
		rc = x509_set_new(&parts->roots, err);
	if (rc == 0 && (rc = x509_set_add_bundle(parts->roots, pem.data, pem.len, err)) != 0) {
		x509_set_unref(parts->roots);
		parts->roots = NULL;
	}
	buf_deinit(&pem);
	return rc;
}

/* Who once knew the cluster by a pin knows its authorities since, both keys of a rotation too. */
static int load_proxy_trust(struct parts *parts, const struct profile *p, bool known,
                            struct err *err)
{
	struct err ignored;

	if (str_empty(p->data.ca_pin))
		return web_call_roots(&parts->roots, err);
	parts->pinned = true;
	if (known && load_cluster_trust(parts, p, &ignored) == 0)
		return 0;
	parts->has_pin = true;
	return pin_parse(p->data.ca_pin, &parts->pin, err);
}

static int load_own(struct parts *parts, const struct profile *p, struct err *err)
{
	struct buf pem = { 0 }, key = { 0 };
	int rc = profile_read(p, PROFILE_TLS_CERT, &pem, err);

	if (rc == 0)
		rc = x509_load_all(buf_str(&pem), pem.len, CHAIN_MAX, &parts->chain,
		                   &parts->chain_len, err);
	if (rc == 0)
		rc = profile_read(p, PROFILE_KEY, &key, err);
	if (rc == 0)
		rc = key_load(key.data, key.len, &parts->key, err);
	buf_deinit(&pem);
	buf_wipe(&key);
	return rc != 0 ? err_wrap(err, "the login's certificate") : 0;
}

static int make(const struct parts *parts, const char *alpn, const struct clock *clock,
                struct tls_conf **out, struct err *err)
{
	const char *const protocols[] = { alpn, parts->pinned ? PIN_ALPN : NULL, NULL };
	struct tls_own own = { .chain = (const struct x509 *const *)parts->chain,
		               .chain_len = parts->chain_len,
		               .key = parts->key };
	struct tls_conf_spec spec = { .role = TLS_CLIENT,
		                      .service = "tsh",
		                      .clock = clock,
		                      .own = &own,
		                      .own_count = parts->key != NULL ? 1 : 0,
		                      .trust = parts->roots,
		                      .pin = parts->has_pin ? &parts->pin : NULL,
		                      .alpn = alpn != NULL ? protocols : NULL };

	return tls_conf_new(&spec, out, err);
}

int trust_proxy_anonymous(const struct profile *p, bool known, const struct clock *clock,
                          struct tls_conf **out, struct err *err)
{
	struct parts parts = { 0 };
	int rc = load_proxy_trust(&parts, p, known, err);

	if (rc == 0)
		rc = make(&parts, WEB_CALL_ALPN, clock, out, err);
	parts_deinit(&parts);
	return rc;
}

int trust_proxy(const struct profile *p, const struct clock *clock, struct tls_conf **out,
                struct err *err)
{
	struct parts parts = { 0 };
	int rc = load_proxy_trust(&parts, p, true, err);

	if (rc == 0)
		rc = load_own(&parts, p, err);
	if (rc == 0)
		rc = make(&parts, TRUST_STREAM, clock, out, err);
	parts_deinit(&parts);
	return rc;
}

int trust_cluster(const struct profile *p, const struct clock *clock, const char *alpn,
                  struct tls_conf **out, struct err *err)
{
	struct parts parts = { .pinned = true }; /* of hosts, never of the web */
	int rc = load_cluster_trust(&parts, p, err);

	if (rc == 0)
		rc = load_own(&parts, p, err);
	if (rc == 0)
		rc = make(&parts, alpn, clock, out, err);
	parts_deinit(&parts);
	return rc;
}
