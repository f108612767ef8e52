#include "authd/authorities/authority_keys.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/sshkey.h"
#include "crypto/x509.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define LIFE_MS     (10LL * 365 * 24 * 3600 * 1000)
#define BACKDATE_MS (3600LL * 1000) /* hosts whose clocks are slow trust it at once */

/* --- making ---------------------------------------------------------------------------------- */

static int make_ssh(pv_CaKeys *keys, struct err *err)
{
	pv_SshKeyPair *pair = fields_add(&keys->ssh, &keys->ssh_count, sizeof(*pair), err);
	struct sshkey public = { 0 };
	struct key *key = NULL;
	struct buf der = { 0 };
	struct buf line = { 0 };

	err->code = 0;
	if (pair == NULL || key_generate(&key, err) != 0 || key_append_der(key, &der, err) != 0)
		goto out;
	if (sshkey_from_pubkey(key_public(key), "", &public, err) != 0)
		goto out;
	sshkey_append_line(&public, &line);
	if (buf_check(&line, err) != 0)
		goto out;
	if (fields_set_str(&pair->public_key, buf_str(&line), err) == 0)
		fields_set_bytes(&pair->private_key, der.data, der.len, err);
out:
	key_unref(key);
	sshkey_deinit(&public);
	buf_deinit(&line);
	buf_wipe(&der);
	return err->code;
}

static int set_pem(char **field, const struct x509 *cert, struct err *err)
{
	struct buf pem = { 0 };
	int rc;

	x509_append_pem(cert, &pem);
	rc = buf_check(&pem, err);
	if (rc == 0)
		rc = fields_set_str(field, buf_str(&pem), err);
	buf_deinit(&pem);
	return rc;
}

static int make_tls(pv_CaKeys *keys, const char *type, const char *cluster, int64_t now,
                    struct err *err)
{
	pv_TlsKeyPair *pair = fields_add(&keys->tls, &keys->tls_count, sizeof(*pair), err);
	char *name = str_printf("%s %s authority", cluster, type);
	struct x509 *cert = NULL;
	struct key *key = NULL;
	struct buf der = { 0 };

	err->code = 0;
	if (name == NULL)
		err_set_nomem(err);
	if (pair == NULL || name == NULL || key_generate(&key, err) != 0 ||
	    key_append_der(key, &der, err) != 0)
		goto out;
	if (x509_issue_ca(name, cluster, key, now - BACKDATE_MS, now + LIFE_MS, &cert, err) != 0)
		goto out;
	if (set_pem(&pair->cert, cert, err) == 0)
		fields_set_bytes(&pair->key, der.data, der.len, err);
out:
	free(name);
	x509_unref(cert);
	key_unref(key);
	buf_wipe(&der);
	return err->code;
}

int authority_keys_make(const char *type, const char *cluster, int64_t now, pv_CaKeys *out,
                        struct err *err)
{
	*out = (pv_CaKeys)pv_CaKeys_init_zero;
	if (make_ssh(out, err) == 0 && make_tls(out, type, cluster, now, err) == 0)
		return 0;
	fields_release(&pv_CaKeys_table, out);
	return err->code;
}

/* --- two of them ----------------------------------------------------------------------------- */

int authority_keys_load_tls(const pv_CaKeys *keys, struct key **out_key, struct x509 **out_cert,
                            struct err *err)
{
	const pb_bytes_array_t *der = keys->tls_count > 0 ? keys->tls[0].key : NULL;
	struct key *key;

	if (der == NULL || keys->tls[0].cert == NULL)
		return err_set(err, ERR_CORRUPT, "a key is missing");
	if (key_load(der->bytes, der->size, &key, err) != 0)
		return err->code;
	if (x509_load(keys->tls[0].cert, strlen(keys->tls[0].cert), out_cert, err) != 0) {
		key_unref(key);
		return err->code;
	}
	*out_key = key;
	return 0;
}

static int certify(pv_CaKeys *keys, const struct x509 *ca, const struct x509 *issuer,
                   const struct key *issuer_key, struct err *err)
{
	struct x509 *cross;
	int rc = x509_issue_cross(ca, issuer, issuer_key, &cross, err);

	if (rc != 0)
		return rc;
	rc = set_pem(&keys->tls[0].cross_cert, cross, err);
	x509_unref(cross);
	return rc;
}

int authority_keys_cross(pv_CaKeys *one, pv_CaKeys *two, struct err *err)
{
	struct key *keys[2] = { NULL, NULL };
	struct x509 *certs[2] = { NULL, NULL };
	int rc = authority_keys_load_tls(one, &keys[0], &certs[0], err);

	if (rc == 0)
		rc = authority_keys_load_tls(two, &keys[1], &certs[1], err);
	if (rc == 0)
		rc = certify(one, certs[0], certs[1], keys[1], err);
	if (rc == 0)
		rc = certify(two, certs[1], certs[0], keys[0], err);
	for (int i = 0; i < 2; i++) {
		key_unref(keys[i]);
		x509_unref(certs[i]);
	}
	return rc;
}
