/*
 * pki - a certificate authority and its certificates, for tests.
 */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include "base/err.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"

#include <assert.h>
#include <string.h>

#define PKI_NOW  INT64_C(1800000000000) /* January 2027 */
#define PKI_HOUR INT64_C(3600000)

struct pki {
	struct key *key;
	struct x509 *ca;
	struct x509_set *trust; /* holds the ca */
};

/* A certificate and its key. */
struct pki_leaf {
	struct key *key;
	struct x509 *cert;
};

static inline void pki_init(struct pki *p, const char *name)
{
	struct err err;
	int rc = key_generate(&p->key, &err);

	rc |= x509_issue_ca(name, "test", p->key, PKI_NOW - PKI_HOUR, PKI_NOW + 1000 * PKI_HOUR,
	                    &p->ca, &err);
	rc |= x509_set_new(&p->trust, &err);
	rc |= x509_set_add(p->trust, p->ca, &err);
	assert(rc == 0);
}

static inline void pki_deinit(struct pki *p)
{
	x509_set_unref(p->trust);
	x509_unref(p->ca);
	key_unref(p->key);
}

/* Issues what `spec` says; its key, missing times and usage are filled in. */
static inline void pki_issue(const struct pki *p, struct x509_spec spec, struct pki_leaf *out)
{
	struct err err;
	int rc = key_generate(&out->key, &err);

	spec.subject_key = key_public(out->key);
	if (spec.not_after_ms == 0) {
		spec.not_before_ms = PKI_NOW - PKI_HOUR;
		spec.not_after_ms = PKI_NOW + PKI_HOUR;
	}
	if (spec.usage == 0)
		spec.usage = X509_CLIENT;
	rc |= x509_issue(&spec, p->ca, p->key, &out->cert, &err);
	assert(rc == 0);
}

static inline void pki_leaf_deinit(struct pki_leaf *l)
{
	x509_unref(l->cert);
	key_unref(l->key);
}

#endif
