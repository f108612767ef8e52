/*
 * sshcert_issue - writes the fields in the order of PROTOCOL.certkeys and signs them.
 */
#include "crypto/sshcert.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/base64.h"
#include "crypto/key.h"
#include "crypto/mbed.h"
#include "crypto/sshcert_limits.h"
#include "crypto/sshkey_type.h"

#include <mbedtls/asn1.h>

#include <stdlib.h>
#include <string.h>

#define NONCE_LEN 32

static int check_text(const char *what, const char *text, struct err *err)
{
	if (str_empty(text))
		return err_set(err, ERR_INVALID, "SSH certificate with an empty %s", what);
	for (const char *at = text; *at != 0; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return err_set(err, ERR_INVALID,
			               "SSH certificate with a control character in the %s", what);
	}
	return 0;
}

static int check_spec(const struct sshcert_spec *s, struct err *err)
{
	int rc = check_text("key id", s->key_id, err);

	if (rc == 0 && s->principal_count == 0)
		rc = err_set(err, ERR_INVALID, "SSH certificate without principals");
	if (rc == 0 && s->principal_count > SSHCERT_PRINCIPALS_MAX)
		rc = err_set(err, ERR_INVALID, "SSH certificate with more than %d principals",
		             SSHCERT_PRINCIPALS_MAX);
	for (size_t i = 0; rc == 0 && i < s->principal_count; i++)
		rc = check_text("principal", s->principals[i], err);
	if (rc == 0 &&
	    (s->critical_count > SSHCERT_OPTIONS_MAX || s->extension_count > SSHCERT_OPTIONS_MAX))
		rc = err_set(err, ERR_INVALID, "SSH certificate with more than %d options",
		             SSHCERT_OPTIONS_MAX);
	if (rc == 0 && (s->not_before_ms < 0 || s->not_after_ms <= s->not_before_ms))
		rc = err_set(err, ERR_INVALID, "SSH certificate that ends before it starts");
	return rc;
}

static uint64_t seconds_rounded_up(int64_t ms)
{
	return ms == SSHCERT_FOREVER ? UINT64_MAX : (uint64_t)(ms / 1000 + (ms % 1000 != 0));
}

/* Strings inside of a string: returns where its length goes. */
static size_t begin_string(struct buf *out)
{
	buf_append_u32(out, 0);
	return out->len;
}

static void end_string(struct buf *out, size_t begun)
{
	size_t len;

	if (out->failed != 0)
		return;
	len = out->len - begun;
	for (size_t i = 0; i < 4; i++)
		out->data[begun - 4 + i] = (uint8_t)(len >> (24 - 8 * i));
}

static void put_principals(struct buf *out, const struct sshcert_spec *s)
{
	size_t list = begin_string(out);

	for (size_t i = 0; i < s->principal_count; i++)
		sshwire_put_text(out, s->principals[i]);
	end_string(out, list);
}

static int compare_options(const void *a, const void *b)
{
	return strcmp(((const struct sshcert_option *)a)->name,
	              ((const struct sshcert_option *)b)->name);
}

/* Sorted by name, each once, as the format demands. */
static int put_options(struct buf *out, const struct sshcert_option *options, size_t count,
                       struct err *err)
{
	struct sshcert_option sorted[SSHCERT_OPTIONS_MAX];
	size_t list = begin_string(out);

	if (count > 0)
		memcpy(sorted, options, count * sizeof(*options));
	qsort(sorted, count, sizeof(*sorted), compare_options);
	for (size_t i = 0; i < count; i++) {
		size_t value;

		if (i > 0 && str_eq(sorted[i].name, sorted[i - 1].name))
			return err_set(err, ERR_INVALID, "SSH certificate with '%s' twice",
			               sorted[i].name);
		sshwire_put_text(out, sorted[i].name);
		value = begin_string(out);
		if (sorted[i].value != NULL)
			sshwire_put_text(out, sorted[i].value);
		end_string(out, value);
	}
	end_string(out, list);
	return 0;
}

/* The numbers of the key, which stand behind its type. */
static void put_key(struct buf *out, const struct sshkey *k)
{
	struct sshwire r;

	sshwire_init(&r, k->blob, k->blob_len);
	sshwire_string(&r);
	buf_append(out, r.in.at, r.in.left);
}

static int put_content(struct buf *out, const struct sshcert_spec *s, const struct sshkey *ca,
                       struct err *err)
{
	struct sshwire_string name = { (const uint8_t *)s->subject->type,
		                       strlen(s->subject->type) };
	uint8_t nonce[NONCE_LEN];
	int rc;

	rand_bytes(nonce, sizeof(nonce));
	sshwire_put_text(out, sshkey_type_find(name)->cert_name);
	sshwire_put_string(out, nonce, sizeof(nonce));
	put_key(out, s->subject);
	buf_append_u64(out, s->serial);
	buf_append_u32(out, s->type);
	sshwire_put_text(out, s->key_id);
	put_principals(out, s);
	buf_append_u64(out, (uint64_t)s->not_before_ms / 1000);
	buf_append_u64(out, seconds_rounded_up(s->not_after_ms));
	rc = put_options(out, s->critical, s->critical_count, err);
	if (rc == 0)
		rc = put_options(out, s->extensions, s->extension_count, err);
	sshwire_put_text(out, ""); /* reserved */
	sshwire_put_string(out, ca->blob, ca->blob_len);
	return rc == 0 ? buf_check(out, err) : rc;
}

/* The numbers of an ECDSA signature are the same bytes in DER and in SSH. */
static int put_signature(struct buf *out, const struct key *ca, struct err *err)
{
	uint8_t der[KEY_SIGNATURE_MAX];
	unsigned char *at = der;
	size_t signature, numbers, der_len, len;
	int rc = key_sign(ca, out->data, out->len, der, &der_len, err);

	if (rc != 0)
		return rc;
	if (mbedtls_asn1_get_tag(&at, der + der_len, &len,
	                         MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
		return err_set(err, ERR_INTERNAL, "signature is not DER");
	signature = begin_string(out);
	sshwire_put_text(out, SSHCERT_CA_TYPE);
	numbers = begin_string(out);
	for (int i = 0; i < 2; i++) {
		if (mbedtls_asn1_get_tag(&at, der + der_len, &len, MBEDTLS_ASN1_INTEGER) != 0)
			return err_set(err, ERR_INTERNAL, "signature is not DER");
		sshwire_put_string(out, at, len);
		at += len;
	}
	end_string(out, numbers);
	end_string(out, signature);
	return buf_check(out, err);
}

static void put_line(struct buf *out, const struct sshcert_spec *s, const struct buf *blob)
{
	struct sshwire r;
	struct sshwire_string type;

	sshwire_init(&r, blob->data, blob->len);
	type = sshwire_string(&r);
	buf_append(out, type.data, type.len);
	buf_append_byte(out, ' ');
	base64_append(out, blob->data, blob->len);
	buf_appendf(out, " %s", s->key_id);
}

int sshcert_issue(const struct sshcert_spec *spec, const struct key *ca, struct buf *out,
                  struct err *err)
{
	struct sshkey ca_key = { 0 };
	struct buf blob;
	int rc = check_spec(spec, err);

	buf_init(&blob, SSHCERT_BLOB_MAX);
	if (rc == 0)
		rc = sshkey_from_pubkey(key_public(ca), "", &ca_key, err);
	if (rc == 0 && !str_eq(ca_key.type, SSHCERT_CA_TYPE))
		rc = err_set(err, ERR_INVALID, "the key of an SSH authority is ECDSA P-256");
	if (rc == 0)
		rc = put_content(&blob, spec, &ca_key, err);
	if (rc == 0)
		rc = put_signature(&blob, ca, err);
	if (rc == 0) {
		put_line(out, spec, &blob);
		rc = buf_check(out, err);
	}
	buf_deinit(&blob);
	sshkey_deinit(&ca_key);
	return rc == 0 ? 0 : err_wrap(err, "issue SSH certificate");
}
