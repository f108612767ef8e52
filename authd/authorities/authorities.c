#include "authd/authorities/authorities.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/sshkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/resource.h"
#include "store/keyspace.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MS (10LL * 365 * 24 * 3600 * 1000)
#define BACKDATE_MS                                                                   \
	(3600LL * 1000) /* hosts whose clocks are slow trust it from the first minute \
	                 */

/* --- keys in the keyspace -------------------------------------------------------------------- */

static int public_key(char out[RESOURCE_KEY_SIZE], const char *type, const char *cluster,
                      struct err *err)
{
	return resource_key(out, resource_kind_find("cert_authority"), type, cluster, err);
}

static int secret_key(char out[RESOURCE_KEY_SIZE], const char *type, const char *cluster,
                      struct err *err)
{
	char key[RESOURCE_KEY_SIZE];

	if (public_key(key, type, cluster, err) != 0)
		return err->code;
	if (snprintf(out, RESOURCE_KEY_SIZE, "%s%s", KEYSPACE_SECRETS, key + 1) >=
	    RESOURCE_KEY_SIZE)
		return err_set(err, ERR_INVALID, "the cluster's name is too long");
	return 0;
}

/* --- making one ------------------------------------------------------------------------------ */

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

static int make_tls(pv_CaKeys *keys, const char *type, const char *cluster, int64_t now,
                    struct err *err)
{
	pv_TlsKeyPair *pair = fields_add(&keys->tls, &keys->tls_count, sizeof(*pair), err);
	char *name = str_printf("%s %s authority", cluster, type);
	struct x509 *cert = NULL;
	struct key *key = NULL;
	struct buf der = { 0 };
	struct buf pem = { 0 };

	err->code = 0;
	if (name == NULL)
		err_set_nomem(err);
	if (pair == NULL || name == NULL || key_generate(&key, err) != 0 ||
	    key_append_der(key, &der, err) != 0)
		goto out;
	if (x509_issue_ca(name, cluster, key, now - BACKDATE_MS, now + LIFE_MS, &cert, err) != 0)
		goto out;
	x509_append_pem(cert, &pem);
	if (buf_check(&pem, err) != 0)
		goto out;
	if (fields_set_str(&pair->cert, buf_str(&pem), err) == 0)
		fields_set_bytes(&pair->key, der.data, der.len, err);
out:
	free(name);
	x509_unref(cert);
	key_unref(key);
	buf_deinit(&pem);
	buf_wipe(&der);
	return err->code;
}

/* An authority with its private halves. */
static int make(pv_CertAuthority *ca, const char *type, const char *cluster, int64_t now,
                struct err *err)
{
	pv_CaKeys *keys = &ca->spec.active_keys;

	ca->has_metadata = ca->has_spec = ca->spec.has_active_keys = true;
	ca->spec.has_rotation = true;
	ca->spec.rotation.last_rotated = now;
	if (fields_set_str(&ca->kind, "cert_authority", err) != 0 ||
	    fields_set_str(&ca->sub_kind, type, err) != 0 ||
	    fields_set_str(&ca->version, "v2", err) != 0 ||
	    fields_set_str(&ca->metadata.name, cluster, err) != 0 ||
	    fields_set_str(&ca->spec.type, type, err) != 0 ||
	    fields_set_str(&ca->spec.cluster_name, cluster, err) != 0 ||
	    fields_set_str(&ca->spec.rotation.state, "standby", err) != 0)
		return err->code;
	if (make_ssh(keys, err) != 0)
		return err->code;
	return make_tls(keys, type, cluster, now, err);
}

static void strip(pv_CaKeys *keys)
{
	for (size_t i = 0; i < keys->ssh_count; i++) {
		free(keys->ssh[i].private_key);
		keys->ssh[i].private_key = NULL;
	}
	for (size_t i = 0; i < keys->tls_count; i++) {
		free(keys->tls[i].key);
		keys->tls[i].key = NULL;
	}
}

/* A copy without any private half. */
static int public_half(const pv_CertAuthority *secret, pv_CertAuthority *out, struct err *err)
{
	if (fields_clone(&pv_CertAuthority_table, secret, out, err) != 0)
		return err->code;
	strip(&out->spec.active_keys);
	strip(&out->spec.additional_trusted_keys);
	return 0;
}

/* --- storing and loading --------------------------------------------------------------------- */

/* Both halves in one write: a crash leaves an authority or none. */
static int store(struct keyspace *ks, const pv_CertAuthority *secret, struct err *err)
{
	pv_Resource public = { .which_of = pv_Resource_cert_authority_tag };
	char keys[2][RESOURCE_KEY_SIZE];
	struct buf bytes[2] = { 0 };
	struct keyspace_op ops[2];

	err->code = 0;
	if (public_key(keys[0], secret->sub_kind, secret->metadata.name, err) != 0 ||
	    secret_key(keys[1], secret->sub_kind, secret->metadata.name, err) != 0 ||
	    public_half(secret, &public.of.cert_authority, err) != 0)
		return err->code;
	if (resource_encode(&public, &bytes[0], err) != 0 ||
	    fields_encode(&pv_CertAuthority_table, secret, &bytes[1], err) != 0)
		goto out;
	for (size_t i = 0; i < 2; i++)
		ops[i] = keyspace_op_create(keys[i], bytes[i].data, bytes[i].len, 0);
	keyspace_write_wait(ks, ops, 2, NULL, err);
out:
	resource_deinit(&public);
	buf_deinit(&bytes[0]);
	buf_wipe(&bytes[1]);
	return err->code;
}

static int create(struct keyspace *ks, const char *type, const char *cluster, int64_t now,
                  struct err *err)
{
	pv_CertAuthority secret = pv_CertAuthority_init_zero;
	int rc = make(&secret, type, cluster, now, err);

	if (rc == 0)
		rc = store(ks, &secret, err);
	fields_release(&pv_CertAuthority_table, &secret);
	return rc;
}

static int take_keys(struct authority *a, const pv_CertAuthority *secret, struct err *err)
{
	const pv_CaKeys *keys = &secret->spec.active_keys;
	const pb_bytes_array_t *ssh = keys->ssh_count > 0 ? keys->ssh[0].private_key : NULL;
	const pb_bytes_array_t *tls = keys->tls_count > 0 ? keys->tls[0].key : NULL;

	if (ssh == NULL || tls == NULL || keys->tls[0].cert == NULL)
		return err_set(err, ERR_CORRUPT, "a key is missing");
	if (key_load(ssh->bytes, ssh->size, &a->ssh_key, err) != 0 ||
	    key_load(tls->bytes, tls->size, &a->tls_key, err) != 0)
		return err->code;
	return x509_load(keys->tls[0].cert, strlen(keys->tls[0].cert), &a->tls_cert, err);
}

static int load(struct authority *a, struct keyspace *ks, const char *type, const char *cluster,
                struct err *err)
{
	pv_CertAuthority secret = pv_CertAuthority_init_zero;
	struct keyspace_item item;
	char key[RESOURCE_KEY_SIZE];
	int rc;

	if (secret_key(key, type, cluster, err) != 0 || keyspace_get(ks, key, &item, err) != 0)
		return err->code;
	rc = fields_decode(&pv_CertAuthority_table, item.value, item.len, &secret, err);
	if (rc == 0)
		rc = take_keys(a, &secret, err);
	if (rc == 0)
		rc = public_half(&secret, &a->resource, err);
	fields_release(&pv_CertAuthority_table, &secret);
	keyspace_item_deinit(&item);
	return rc;
}

static int open_one(struct authority *a, struct keyspace *ks, const char *type, const char *cluster,
                    const struct clock *clock, struct err *err)
{
	int rc = load(a, ks, type, cluster, err);

	if (rc == ERR_NOT_FOUND) {
		rc = create(ks, type, cluster, clock_wall_ms(clock), err);
		if (rc == 0)
			rc = load(a, ks, type, cluster, err);
	}
	return rc == 0 ? 0 : err_wrap(err, "%s authority of '%s'", type, cluster);
}

int authorities_open(struct authorities *all, struct keyspace *ks, const char *cluster,
                     const struct clock *clock, struct err *err)
{
	if (open_one(&all->user, ks, "user", cluster, clock, err) == 0 &&
	    open_one(&all->host, ks, "host", cluster, clock, err) == 0)
		return 0;
	authorities_deinit(all);
	return err->code;
}

static void deinit_one(struct authority *a)
{
	key_unref(a->tls_key);
	key_unref(a->ssh_key);
	x509_unref(a->tls_cert);
	fields_release(&pv_CertAuthority_table, &a->resource);
	*a = (struct authority){ 0 };
}

void authorities_deinit(struct authorities *all)
{
	deinit_one(&all->user);
	deinit_one(&all->host);
}

/* --- for others ------------------------------------------------------------------------------ */

int authorities_copy(const struct authorities *all, pv_CertAuthority **out, pb_size_t *out_count,
                     struct err *err)
{
	pv_CertAuthority *copies = calloc(2, sizeof(*copies));

	if (copies == NULL)
		return err_set_nomem(err);
	if (fields_clone(&pv_CertAuthority_table, &all->user.resource, &copies[0], err) != 0 ||
	    fields_clone(&pv_CertAuthority_table, &all->host.resource, &copies[1], err) != 0) {
		fields_release(&pv_CertAuthority_table, &copies[0]);
		free(copies);
		return err->code;
	}
	*out = copies;
	*out_count = 2;
	return 0;
}

int authorities_pins(const struct authorities *all, struct strlist *out, struct err *err)
{
	char text[PIN_TEXT_SIZE];

	return strlist_add(out, pin_format(&x509_info(all->host.tls_cert)->pin, text), err);
}

int authorities_trust(const struct authorities *all, struct x509_set **out, struct err *err)
{
	struct x509_set *set;

	if (x509_set_new(&set, err) != 0)
		return err->code;
	if (x509_set_add(set, all->user.tls_cert, err) != 0 ||
	    x509_set_add(set, all->host.tls_cert, err) != 0) {
		x509_set_unref(set);
		return err->code;
	}
	*out = set;
	return 0;
}
