#include "crypto/key.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/mbed.h"
#include "crypto/pem.h"
#include "crypto/pubkey.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static_assert(KEY_SIGNATURE_MAX >= MBEDTLS_PK_SIGNATURE_MAX_SIZE, "a signature fits");

/* RSA of 8192 bits in PKCS#1 is the longest. */
#define DER_MAX 6144

struct key {
	atomic_uint refs;
	mbedtls_pk_context pk;
	struct pubkey *public;
	struct buf der;        /* the secret; mbedTLS cannot write the type we keep in pk */
	const char *pem_label; /* a constant */
};

static struct key *new_key(void)
{
	struct key *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	atomic_init(&k->refs, 1);
	mbedtls_pk_init(&k->pk);
	return k;
}

/* mbedTLS writes at the end of a buffer. */
static int keep_der(struct key *k, struct err *err)
{
	uint8_t der[DER_MAX];
	int len = mbedtls_pk_write_key_der(&k->pk, der, sizeof(der));

	if (len < 0)
		return mbed_fail(err, ERR_INTERNAL, len, "write key");
	buf_append(&k->der, der + sizeof(der) - len, (size_t)len);
	explicit_bzero(der, sizeof(der));
	return buf_check(&k->der, err);
}

static int keep_public(struct key *k, struct err *err)
{
	uint8_t der[DER_MAX];
	int len = mbedtls_pk_write_pubkey_der(&k->pk, der, sizeof(der));

	if (len < 0)
		return mbed_fail(err, ERR_INTERNAL, len, "write public key");
	return pubkey_load(der + sizeof(der) - len, (size_t)len, &k->public, err);
}

/* Takes over k, whose pk was just filled. */
static int finish(struct key *take_k, struct key **out, struct err *err)
{
	struct key *k = take_k;
	int rc = mbed_check_key(&k->pk, err);

	k->pem_label = mbedtls_pk_get_type(&k->pk) == MBEDTLS_PK_RSA ? "RSA PRIVATE KEY"
	                                                             : "EC PRIVATE KEY";
	if (rc == 0)
		rc = keep_der(k, err);
	if (rc == 0)
		rc = keep_public(k, err);
	if (rc == 0)
		rc = mbed_prepare_shared(&k->pk, err);
	if (rc != 0) {
		key_unref(k);
		return rc;
	}
	*out = k;
	return 0;
}

int key_generate(struct key **out, struct err *err)
{
	struct key *k = new_key();
	int ret;

	if (k == NULL)
		return err_set_nomem(err);
	ret = mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
	if (ret == 0)
		ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(k->pk), mbed_rng,
		                          NULL);
	if (ret != 0) {
		key_unref(k);
		return mbed_fail(err, ERR_NOMEM, ret, "generate key");
	}
	return finish(k, out, err);
}

static int load_der(const uint8_t *der, size_t len, struct key **out, struct err *err)
{
	struct key *k = new_key();
	int ret;

	if (k == NULL)
		return err_set_nomem(err);
	ret = mbedtls_pk_parse_key(&k->pk, der, len, NULL, 0);
	if (ret != 0) {
		key_unref(k);
		return mbed_fail(err, ERR_INVALID, ret, "not a private key that we know");
	}
	return finish(k, out, err);
}

static bool is_key_label(const char *label)
{
	return strcmp(label, "EC PRIVATE KEY") == 0 || strcmp(label, "RSA PRIVATE KEY") == 0 ||
	       strcmp(label, "PRIVATE KEY") == 0;
}

/* Skips other blocks: openssl ecparam -genkey puts EC PARAMETERS in front. */
static int load_pem(const char *text, size_t len, struct key **out, struct err *err)
{
	char label[PEM_LABEL_SIZE];
	struct buf der = { 0 };
	size_t used;
	int rc;

	for (;;) {
		rc = pem_next(text, len, label, &der, &used, err);
		if (rc != 0 || is_key_label(label))
			break;
		buf_wipe(&der);
		text += used;
		len -= used;
	}
	if (rc == ERR_NOT_FOUND)
		rc = err_set(err, ERR_INVALID, "no unencrypted private key in it");
	if (rc == 0)
		rc = load_der(der.data, der.len, out, err);
	buf_wipe(&der);
	return rc;
}

int key_load(const void *data, size_t len, struct key **out, struct err *err)
{
	return pem_is(data, len) ? load_pem(data, len, out, err) : load_der(data, len, out, err);
}

struct key *key_ref(struct key *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void key_unref(struct key *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	mbedtls_pk_free(&k->pk);
	pubkey_unref(k->public);
	buf_wipe(&k->der);
	free(k);
}

int key_append_der(const struct key *k, struct buf *out, struct err *err)
{
	buf_append(out, k->der.data, k->der.len);
	return buf_check(out, err);
}

int key_append_pem(const struct key *k, struct buf *out, struct err *err)
{
	pem_append(out, k->pem_label, k->der.data, k->der.len);
	return buf_check(out, err);
}

const struct pubkey *key_public(const struct key *k)
{
	return k->public;
}

int key_sign(const struct key *k, const void *data, size_t len, uint8_t out[KEY_SIGNATURE_MAX],
             size_t *out_len, struct err *err)
{
	uint8_t hash[HASH_SIZE];
	int ret;

	hash_sha256(data, len, hash);
	ret = mbedtls_pk_sign(key_mbed(k), MBEDTLS_MD_SHA256, hash, sizeof(hash), out, out_len,
	                      mbed_rng, NULL);
	if (ret != 0)
		return mbed_fail(err, ERR_INTERNAL, ret, "sign");
	return 0;
}

mbedtls_pk_context *key_mbed(const struct key *k)
{
	return (mbedtls_pk_context *)&k->pk;
}
