#include "authd/authorities/authority.h"

#include "authd/authorities/authority_keys.h"
#include "authd/authorities/authority_record.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/rotation.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void signer_deinit(struct signer *s)
{
	key_unref(s->tls_key);
	key_unref(s->ssh_key);
	x509_unref(s->tls_cert);
}

static int signer_load(struct signer *s, const pv_CaKeys *keys, struct err *err)
{
	const pb_bytes_array_t *ssh = keys->ssh_count > 0 ? keys->ssh[0].private_key : NULL;

	if (ssh == NULL)
		return err_set(err, ERR_CORRUPT, "a key is missing");
	if (key_load(ssh->bytes, ssh->size, &s->ssh_key, err) != 0)
		return err->code;
	return authority_keys_load_tls(keys, &s->tls_key, &s->tls_cert, err);
}

static int add_trusted(struct authority *a, const pv_CaKeys *keys, struct err *err)
{
	for (pb_size_t i = 0; i < keys->tls_count; i++) {
		const char *pem = keys->tls[i].cert != NULL ? keys->tls[i].cert : "";

		if (a->trusted_count == AUTHORITY_KEYS_MAX)
			return err_set(err, ERR_CORRUPT, "more than %d keys", AUTHORITY_KEYS_MAX);
		if (x509_load(pem, strlen(pem), &a->trusted[a->trusted_count], err) != 0)
			return err->code;
		a->trusted_count++;
	}
	return 0;
}

/* The other trusted key's certificate. */
static struct x509 *find_other(const struct authority *a)
{
	for (size_t i = 0; i < a->trusted_count; i++)
		if (!pin_equal(&x509_info(a->trusted[i])->pin, &x509_info(a->server.tls_cert)->pin))
			return a->trusted[i];
	return NULL;
}

/* Who signed, and in a rotation also by whom that key is vouched for. */
static int make_chain(struct authority *a, const pv_CaKeys *serving, struct err *err)
{
	const char *cross = serving->tls[0].cross_cert;
	struct x509 *other = find_other(a);

	a->chain[a->chain_len++] = x509_ref(a->server.tls_cert);
	if (str_empty(cross) || other == NULL)
		return 0;
	if (x509_load(cross, strlen(cross), &a->chain[a->chain_len], err) != 0)
		return err->code;
	a->chain_len++;
	a->chain[a->chain_len++] = x509_ref(other);
	return 0;
}

static int fill(struct authority *a, const pv_CertAuthority *secret, struct err *err)
{
	const pv_CertAuthoritySpec *spec = &secret->spec;
	const pv_CaKeys *serving = rotation_serving(spec);
	char revision[24];

	if (signer_load(&a->client, &spec->active_keys, err) != 0 ||
	    signer_load(&a->server, serving, err) != 0 ||
	    add_trusted(a, &spec->active_keys, err) != 0 ||
	    add_trusted(a, &spec->additional_trusted_keys, err) != 0 ||
	    make_chain(a, serving, err) != 0 || x509_set_new(&a->trust, err) != 0 ||
	    authority_add_to(a, a->trust, err) != 0)
		return err->code;
	if (authority_record_public(secret, &a->resource, err) != 0)
		return err->code;
	snprintf(revision, sizeof(revision), "%" PRIu64, a->revision);
	return fields_set_str(&a->resource.metadata.revision, revision, err);
}

int authority_new(const pv_CertAuthority *secret, uint64_t revision, struct authority **out,
                  struct err *err)
{
	struct authority *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return err_set_nomem(err);
	a->refs = 1;
	a->revision = revision;
	if (fill(a, secret, err) != 0) {
		authority_unref(a);
		return err->code;
	}
	*out = a;
	return 0;
}

struct authority *authority_ref(struct authority *a)
{
	a->refs++;
	return a;
}

void authority_unref(struct authority *a)
{
	if (a == NULL || --a->refs > 0)
		return;
	signer_deinit(&a->client);
	signer_deinit(&a->server);
	x509_set_unref(a->trust);
	for (size_t i = 0; i < a->trusted_count; i++)
		x509_unref(a->trusted[i]);
	for (size_t i = 0; i < a->chain_len; i++)
		x509_unref(a->chain[i]);
	fields_release(&pv_CertAuthority_table, &a->resource);
	free(a);
}

bool authority_trusts(const struct authority *a, const struct pin *pin)
{
	for (size_t i = 0; i < a->trusted_count; i++)
		if (pin_equal(&x509_info(a->trusted[i])->pin, pin))
			return true;
	return false;
}

int authority_add_to(const struct authority *a, struct x509_set *set, struct err *err)
{
	for (size_t i = 0; i < a->trusted_count; i++)
		if (x509_set_add(set, a->trusted[i], err) != 0)
			return err->code;
	return 0;
}
