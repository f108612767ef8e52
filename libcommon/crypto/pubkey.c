#include "crypto/pubkey.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/mbed.h"
#include "crypto/pem.h"
#include "crypto/pin.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct pubkey {
	atomic_uint refs;
	mbedtls_pk_context pk;
	size_t der_len;
	uint8_t der[];
};

static int load_der(const uint8_t *der, size_t len, struct pubkey **out, struct err *err)
{
	struct pubkey *p = malloc(sizeof(*p) + len);
	unsigned char *at;
	int rc;

	if (p == NULL)
		return err_set_nomem(err);
	atomic_init(&p->refs, 1);
	mbedtls_pk_init(&p->pk);
	p->der_len = len;
	memcpy(p->der, der, len);
	at = p->der;
	rc = mbedtls_pk_parse_subpubkey(&at, p->der + len, &p->pk);
	if (rc != 0)
		rc = mbed_fail(err, ERR_INVALID, rc, "not a public key that we know");
	else if (at != p->der + len)
		rc = err_set(err, ERR_INVALID, "more bytes behind a public key");
	else
		rc = mbed_check_key(&p->pk, err);
	if (rc != 0) {
		pubkey_unref(p);
		return rc;
	}
	*out = p;
	return 0;
}

int pubkey_load(const void *data, size_t len, struct pubkey **out, struct err *err)
{
	char label[PEM_LABEL_SIZE];
	struct buf der = { 0 };
	size_t used;
	int rc;

	if (!pem_is(data, len))
		return load_der(data, len, out, err);
	rc = pem_next(data, len, label, &der, &used, err);
	if (rc == 0 && strcmp(label, "PUBLIC KEY") != 0)
		rc = err_set(err, ERR_INVALID, "expected a PUBLIC KEY, found a %s", label);
	if (rc == 0)
		rc = load_der(der.data, der.len, out, err);
	buf_deinit(&der);
	return rc;
}

struct pubkey *pubkey_ref(const struct pubkey *p)
{
	struct pubkey *shared = (struct pubkey *)p; /* only the counter changes */

	atomic_fetch_add(&shared->refs, 1);
	return shared;
}

void pubkey_unref(struct pubkey *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	mbedtls_pk_free(&p->pk);
	free(p);
}

const uint8_t *pubkey_der(const struct pubkey *p, size_t *out_len)
{
	*out_len = p->der_len;
	return p->der;
}

void pubkey_append_pem(const struct pubkey *p, struct buf *out)
{
	pem_append(out, "PUBLIC KEY", p->der, p->der_len);
}

bool pubkey_equal(const struct pubkey *a, const struct pubkey *b)
{
	return a->der_len == b->der_len && memcmp(a->der, b->der, a->der_len) == 0;
}

void pubkey_pin(const struct pubkey *p, struct pin *out)
{
	pin_of_spki(p->der, p->der_len, out);
}

int pubkey_verify(const struct pubkey *p, const void *data, size_t len, const void *signature,
                  size_t signature_len, struct err *err)
{
	uint8_t hash[HASH_SIZE];
	int ret;

	hash_sha256(data, len, hash);
	ret = mbedtls_pk_verify(pubkey_mbed(p), MBEDTLS_MD_SHA256, hash, sizeof(hash), signature,
	                        signature_len);
	if (ret != 0)
		return mbed_fail(err, ERR_DENIED, ret, "signature does not match");
	return 0;
}

mbedtls_pk_context *pubkey_mbed(const struct pubkey *p)
{
	return (mbedtls_pk_context *)&p->pk;
}
