#include "crypto/sshcert.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/base64.h"
#include "crypto/der.h"
#include "crypto/pubkey.h"
#include "crypto/sshcert_limits.h"
#include "crypto/sshkey_type.h"

#include <mbedtls/oid.h>

#include <stdlib.h>
#include <string.h>

static int broken(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "SSH certificate with a broken %s", what);
}

static int copy_text(struct sshwire_string s, char **out, const char *what, struct err *err)
{
	if (memchr(s.data, 0, s.len) != NULL)
		return broken(err, what);
	*out = strndup((const char *)s.data, s.len);
	return *out != NULL ? 0 : err_set_nomem(err);
}

static int64_t ms_of(uint64_t seconds)
{
	return seconds > INT64_MAX / 1000 ? SSHCERT_FOREVER : (int64_t)seconds * 1000;
}

/* The key: its type, then the fields that stand behind the nonce. */
static int read_subject(struct sshwire *r, struct sshkey *out, struct err *err)
{
	const struct sshkey_type *type = sshkey_type_find_cert(sshwire_string(r));
	struct buf blob = { 0 };
	const uint8_t *from;
	int rc;

	if (type == NULL)
		return err_set(err, ERR_INVALID, "not an SSH certificate of a type that we know");
	sshwire_string(r); /* nonce */
	from = r->in.at;
	for (unsigned i = 0; i < type->fields; i++)
		sshwire_string(r);
	if (r->in.failed)
		return broken(err, "key");
	sshwire_put_text(&blob, type->name);
	buf_append(&blob, from, (size_t)(r->in.at - from));
	rc = buf_check(&blob, err);
	if (rc == 0)
		rc = sshkey_parse_blob(blob.data, blob.len, out, err);
	buf_deinit(&blob);
	return rc;
}

static int read_principals(struct sshwire_string list, struct sshcert *c, struct err *err)
{
	struct sshwire r;
	int rc = 0;

	c->principals = calloc(SSHCERT_PRINCIPALS_MAX, sizeof(*c->principals));
	if (c->principals == NULL)
		return err_set_nomem(err);
	sshwire_init(&r, list.data, list.len);
	while (rc == 0 && sshwire_more(&r)) {
		if (c->principal_count == SSHCERT_PRINCIPALS_MAX)
			return broken(err, "list of principals");
		rc = copy_text(sshwire_string(&r), &c->principals[c->principal_count], "principal",
		               err);
		if (rc == 0)
			c->principal_count++;
	}
	if (rc == 0 && !sshwire_end(&r))
		rc = broken(err, "list of principals");
	return rc;
}

/* A value is a string within the string; nothing there makes it a flag. */
static int read_option(struct sshwire *r, struct sshcert_option *out, struct err *err)
{
	char *name = NULL, *value = NULL;
	struct sshwire_string data;
	struct sshwire inner;
	int rc = copy_text(sshwire_string(r), &name, "option", err);

	data = sshwire_string(r);
	sshwire_init(&inner, data.data, data.len);
	if (rc == 0 && data.len > 0) {
		rc = copy_text(sshwire_string(&inner), &value, "option", err);
		if (rc == 0 && !sshwire_end(&inner))
			rc = broken(err, "option");
	}
	if (rc != 0) {
		free(name);
		free(value);
		return rc;
	}
	*out = (struct sshcert_option){ name, value };
	return 0;
}

static int read_options(struct sshwire_string list, struct sshcert_option **out_options,
                        size_t *count, struct err *err)
{
	struct sshwire r;
	int rc = 0;

	*out_options = calloc(SSHCERT_OPTIONS_MAX, sizeof(**out_options));
	if (*out_options == NULL)
		return err_set_nomem(err);
	sshwire_init(&r, list.data, list.len);
	while (rc == 0 && sshwire_more(&r)) {
		struct sshcert_option *at = *out_options + *count;

		if (*count == SSHCERT_OPTIONS_MAX)
			return broken(err, "list of options");
		rc = read_option(&r, at, err);
		if (rc == 0)
			(*count)++;
		if (rc == 0 && *count > 1 && strcmp(at[-1].name, at->name) >= 0)
			rc = broken(err, "order of options");
	}
	if (rc == 0 && !sshwire_end(&r))
		rc = broken(err, "list of options");
	return rc;
}

static int keep(struct sshwire_string s, uint8_t **out, size_t *out_len, struct err *err)
{
	*out = malloc(s.len + 1);
	if (*out == NULL)
		return err_set_nomem(err);
	memcpy(*out, s.data, s.len);
	*out_len = s.len;
	return 0;
}

/* What follows the subject, in the order of PROTOCOL.certkeys. */
static int read_fields(struct sshwire *r, const uint8_t *blob, struct sshcert *c, struct err *err)
{
	struct sshwire_string ca, signature;
	int rc;

	c->serial = sshwire_u64(r);
	c->type = (enum sshcert_type)sshwire_u32(r);
	if (c->type != SSHCERT_USER && c->type != SSHCERT_HOST)
		return broken(err, "type");
	rc = copy_text(sshwire_string(r), &c->key_id, "key id", err);
	if (rc == 0)
		rc = read_principals(sshwire_string(r), c, err);
	c->not_before_ms = ms_of(sshwire_u64(r));
	c->not_after_ms = ms_of(sshwire_u64(r));
	if (rc == 0)
		rc = read_options(sshwire_string(r), &c->critical, &c->critical_count, err);
	if (rc == 0)
		rc = read_options(sshwire_string(r), &c->extensions, &c->extension_count, err);
	if (rc != 0)
		return rc;
	sshwire_string(r); /* reserved */
	ca = sshwire_string(r);
	rc = keep((struct sshwire_string){ blob, (size_t)(r->in.at - blob) }, &c->signed_bytes,
	          &c->signed_len, err);
	signature = sshwire_string(r);
	if (!sshwire_end(r))
		return broken(err, "end");
	if (rc == 0)
		rc = sshkey_parse_blob(ca.data, ca.len, &c->ca, err);
	if (rc == 0)
		rc = keep(signature, &c->signature, &c->signature_len, err);
	return rc;
}

int sshcert_parse_blob(const void *blob, size_t len, struct sshcert *out, struct err *err)
{
	struct sshcert c = { 0 };
	struct sshwire r;
	int rc;

	if (len > SSHCERT_BLOB_MAX)
		return err_set(err, ERR_INVALID, "SSH certificate of more than %u bytes",
		               SSHCERT_BLOB_MAX);
	sshwire_init(&r, blob, len);
	rc = read_subject(&r, &c.subject, err);
	if (rc == 0)
		rc = read_fields(&r, blob, &c, err);
	if (rc != 0) {
		sshcert_deinit(&c);
		return rc;
	}
	*out = c;
	return 0;
}

int sshcert_parse_line(const char *line, struct sshcert *out, struct err *err)
{
	struct sshwire_string type;
	struct sshkey_line parts;
	struct buf blob = { 0 };
	struct sshwire r;
	int rc = sshkey_split_line(line, &parts, err);

	if (rc != 0)
		return rc;
	rc = base64_decode(parts.base64, parts.base64_len, &blob, err);
	sshwire_init(&r, blob.data, blob.len);
	type = sshwire_string(&r);
	if (rc == 0 && (type.len != parts.type_len || memcmp(type.data, parts.type, type.len) != 0))
		rc = err_set(err, ERR_INVALID, "the line is of another type than its content");
	if (rc == 0)
		rc = sshcert_parse_blob(blob.data, blob.len, out, err);
	buf_deinit(&blob);
	return rc == 0 ? 0 : err_wrap(err, "SSH certificate");
}

static void free_options(struct sshcert_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free((char *)options[i].name);
		free((char *)options[i].value);
	}
	free(options);
}

void sshcert_deinit(struct sshcert *c)
{
	if (c == NULL)
		return;
	sshkey_deinit(&c->subject);
	sshkey_deinit(&c->ca);
	free(c->key_id);
	for (size_t i = 0; i < c->principal_count; i++)
		free(c->principals[i]);
	free(c->principals);
	free_options(c->critical, c->critical_count);
	free_options(c->extensions, c->extension_count);
	free(c->signed_bytes);
	free(c->signature);
	*c = (struct sshcert){ 0 };
}

/* The P-256 key of an authority as a SubjectPublicKeyInfo (RFC 5480). */
static int load_ca(const struct sshkey *ca, struct pubkey **out, struct err *err)
{
	struct sshwire_string point;
	size_t info, algorithm;
	struct buf der = { 0 };
	struct sshwire r;
	int rc;

	if (!str_eq(ca->type, SSHCERT_CA_TYPE))
		return err_set(err, ERR_INVALID, "SSH authority of another type than %s",
		               SSHCERT_CA_TYPE);
	sshwire_init(&r, ca->blob, ca->blob_len);
	sshwire_string(&r);
	sshwire_string(&r);
	point = sshwire_string(&r);
	info = der_begin(&der, DER_SEQUENCE);
	algorithm = der_begin(&der, DER_SEQUENCE);
	der_put(&der, DER_OID, MBEDTLS_OID_EC_ALG_UNRESTRICTED,
	        strlen(MBEDTLS_OID_EC_ALG_UNRESTRICTED));
	der_put(&der, DER_OID, MBEDTLS_OID_EC_GRP_SECP256R1, strlen(MBEDTLS_OID_EC_GRP_SECP256R1));
	der_end(&der, algorithm);
	der_put_bits(&der, point.data, point.len);
	der_end(&der, info);
	rc = buf_check(&der, err);
	if (rc == 0)
		rc = pubkey_load(der.data, der.len, out, err);
	buf_deinit(&der);
	return rc;
}

/* SSH's two numbers as DER has them. */
static int signature_to_der(const struct sshcert *c, struct buf *out, struct err *err)
{
	struct sshwire_string numbers, x, y;
	struct sshwire r;
	size_t seq;

	sshwire_init(&r, c->signature, c->signature_len);
	if (!sshwire_is(sshwire_string(&r), SSHCERT_CA_TYPE))
		return err_set(err, ERR_UNAUTHENTICATED,
		               "SSH certificate signed by another method");
	numbers = sshwire_string(&r);
	if (!sshwire_end(&r))
		return broken(err, "signature");
	sshwire_init(&r, numbers.data, numbers.len);
	x = sshwire_string(&r);
	y = sshwire_string(&r);
	if (!sshwire_end(&r) || sshwire_mpint_bits(x) == 0 || sshwire_mpint_bits(y) == 0)
		return broken(err, "signature");
	seq = der_begin(out, DER_SEQUENCE);
	der_put(out, DER_INTEGER, x.data, x.len);
	der_put(out, DER_INTEGER, y.data, y.len);
	der_end(out, seq);
	return buf_check(out, err);
}

static int check_signature(const struct sshcert *c, struct err *err)
{
	struct pubkey *ca = NULL;
	struct buf der = { 0 };
	int rc = load_ca(&c->ca, &ca, err);

	if (rc == 0)
		rc = signature_to_der(c, &der, err);
	if (rc == 0)
		rc = pubkey_verify(ca, c->signed_bytes, c->signed_len, der.data, der.len, err);
	buf_deinit(&der);
	pubkey_unref(ca);
	return rc == 0 ? 0
	               : err_set(err, ERR_UNAUTHENTICATED,
	                         "SSH certificate of '%s' has a wrong signature", c->key_id);
}

static int check_times(const struct sshcert *c, int64_t now_ms, struct err *err)
{
	char bound[STR_TIME_SIZE], now[STR_TIME_SIZE];
	bool early = now_ms < c->not_before_ms;

	if (!early && (now_ms < c->not_after_ms || c->not_after_ms == SSHCERT_FOREVER))
		return 0;
	return err_set(
	        err, ERR_UNAUTHENTICATED, "SSH certificate of '%s' %s %s (it is %s here)",
	        c->key_id, early ? "is not valid before" : "expired at",
	        str_from_time(bound, sizeof(bound), early ? c->not_before_ms : c->not_after_ms),
	        str_from_time(now, sizeof(now), now_ms));
}

int sshcert_verify(const struct sshcert *c, const struct sshkey *cas, size_t ca_count,
                   int64_t now_ms, struct err *err)
{
	for (size_t i = 0; i < ca_count; i++) {
		int rc;

		if (cas[i].blob_len != c->ca.blob_len ||
		    memcmp(cas[i].blob, c->ca.blob, c->ca.blob_len) != 0)
			continue;
		rc = check_signature(c, err);
		return rc == 0 ? check_times(c, now_ms, err) : rc;
	}
	return err_set(err, ERR_UNAUTHENTICATED,
	               "SSH certificate of '%s' is not signed by a trusted authority", c->key_id);
}

const char *sshcert_extension(const struct sshcert *c, const char *name)
{
	for (size_t i = 0; i < c->extension_count; i++) {
		if (str_eq(c->extensions[i].name, name))
			return c->extensions[i].value != NULL ? c->extensions[i].value : "";
	}
	return NULL;
}
