/*
 * x509_issue - builds certificates by hand, top to bottom as RFC 5280, 4.1 lists them.
 *
 * mbedTLS 2.28's writer takes subjects as one string to be parsed, one organization, no IP
 * addresses in the SAN: so only the signature is its work here.
 */
#include "crypto/x509.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "crypto/der.h"
#include "crypto/key.h"
#include "crypto/mbed.h"
#include "crypto/pubkey.h"
#include "crypto/x509_host.h"
#include "crypto/x509_oid.h"

#include <mbedtls/oid.h>

#include <string.h>

#define CERT_MAX   (64u * 1024)
#define KEY_ID_LEN 20
#define YEAR_9999  INT64_C(253402300799) /* the last second that X.509 can write */

/* KeyUsage bits as they stand in its one byte (RFC 5280, 4.2.1.3). */
#define USAGE_DIGITAL_SIGNATURE 0x80
#define USAGE_CERT_AND_CRL_SIGN 0x06

#define OID(bytes) bytes, sizeof(bytes) - 1

/* What the hand above has decided, whoever the certificate is for. */
struct content {
	const struct x509_spec *spec;
	const struct x509 *issuer; /* NULL: itself */
	const struct key *issuer_key;
	bool is_ca;
};

/* Well-formed UTF-8 (RFC 3629) without control characters. */
static bool is_plain_text(const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	while (*at != 0) {
		uint32_t c = *at;
		size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

		if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xc2) || c > 0xf4)
			return false;
		c &= more == 0 ? 0x7f : 0x3fu >> more;
		for (size_t i = 1; i <= more; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (at[i] & 0x3f);
		}
		if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		at += 1 + more;
	}
	return true;
}

static int check_name(const char *what, const char *name, struct err *err)
{
	size_t len = name != NULL ? strlen(name) : 0;

	if (len == 0)
		return err_set(err, ERR_INVALID, "certificate without a %s", what);
	if (len > X509_NAME_MAX)
		return err_set(err, ERR_INVALID,
		               "%s of %zu bytes is too long for a certificate (%d)", what, len,
		               X509_NAME_MAX);
	if (!is_plain_text(name))
		return err_set(err, ERR_INVALID,
		               "%s of a certificate holds control characters or is not UTF-8",
		               what);
	return 0;
}

static int check_spec(const struct x509_spec *s, struct err *err)
{
	uint8_t address[16];
	int rc = check_name("common name", s->common_name, err);

	for (size_t i = 0; rc == 0 && i < s->organization_count; i++)
		rc = check_name("organization", s->organizations[i], err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < s->host_count; i++) {
		if (x509_host_address(s->hosts[i], address) == 0 && !x509_host_is_name(s->hosts[i]))
			return err_set(err, ERR_INVALID,
			               "'%s' is neither a host name nor an address", s->hosts[i]);
	}
	if (s->not_before_ms < 0 || s->not_after_ms <= s->not_before_ms ||
	    s->not_after_ms / 1000 > YEAR_9999)
		return err_set(err, ERR_INVALID, "certificate that ends before it starts");
	return 0;
}

static void put_attribute(struct buf *out, const char *oid, const char *value)
{
	size_t set = der_begin(out, DER_SET);
	size_t attribute = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, oid, strlen(oid));
	der_put(out, DER_UTF8, value, strlen(value));
	der_end(out, attribute);
	der_end(out, set);
}

static void put_subject(struct buf *out, const struct x509_spec *s)
{
	size_t name = der_begin(out, DER_SEQUENCE);

	for (size_t i = 0; i < s->organization_count; i++)
		put_attribute(out, MBEDTLS_OID_AT_ORGANIZATION, s->organizations[i]);
	put_attribute(out, MBEDTLS_OID_AT_CN, s->common_name);
	der_end(out, name);
}

static void put_issuer(struct buf *out, const struct content *c)
{
	const mbedtls_x509_crt *issuer;

	if (c->issuer == NULL) {
		put_subject(out, c->spec);
		return;
	}
	issuer = x509_mbed(c->issuer);
	buf_append(out, issuer->subject_raw.p, issuer->subject_raw.len);
}

static void put_validity(struct buf *out, const struct x509_spec *s)
{
	size_t validity = der_begin(out, DER_SEQUENCE);

	der_put_time(out, s->not_before_ms / 1000);
	der_put_time(out, s->not_after_ms / 1000);
	der_end(out, validity);
}

/* The head of an Extension; the value follows, then two der_end(), inner first. */
struct extension {
	size_t whole;
	size_t value;
};

static struct extension begin_extension(struct buf *out, const char *oid, size_t oid_len,
                                        bool critical)
{
	struct extension e;

	e.whole = der_begin(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid, oid_len);
	if (critical)
		der_put(out, DER_BOOLEAN, "\xff", 1);
	e.value = der_begin(out, DER_OCTETS);
	return e;
}

static void end_extension(struct buf *out, struct extension e)
{
	der_end(out, e.value);
	der_end(out, e.whole);
}

/* A CA may sign leaves but no further CAs (path length 0). */
static void put_constraints(struct buf *out, bool is_ca)
{
	struct extension e = begin_extension(out, OID(MBEDTLS_OID_BASIC_CONSTRAINTS), true);
	size_t seq = der_begin(out, DER_SEQUENCE);

	if (is_ca) {
		der_put(out, DER_BOOLEAN, "\xff", 1);
		der_put_integer(out, (const uint8_t *)"", 1);
	}
	der_end(out, seq);
	end_extension(out, e);
}

static void put_usage(struct buf *out, bool is_ca)
{
	struct extension e = begin_extension(out, OID(MBEDTLS_OID_KEY_USAGE), true);
	uint8_t bits = is_ca ? USAGE_CERT_AND_CRL_SIGN : USAGE_DIGITAL_SIGNATURE;
	uint8_t unused = is_ca ? 1 : 7;

	der_put(out, DER_BITS, (uint8_t[]){ unused, bits }, 2);
	end_extension(out, e);
}

static void put_extended_usage(struct buf *out, unsigned usage)
{
	struct extension e = begin_extension(out, OID(MBEDTLS_OID_EXTENDED_KEY_USAGE), false);
	size_t seq = der_begin(out, DER_SEQUENCE);

	if (usage & X509_SERVER)
		der_put(out, DER_OID, OID(MBEDTLS_OID_SERVER_AUTH));
	if (usage & X509_CLIENT)
		der_put(out, DER_OID, OID(MBEDTLS_OID_CLIENT_AUTH));
	der_end(out, seq);
	end_extension(out, e);
}

/* RFC 7093: the leftmost 160 bits of a SHA-256, here of the whole SubjectPublicKeyInfo. */
static void key_id_of(const struct pubkey *key, uint8_t out[HASH_SIZE])
{
	struct pin pin;

	pubkey_pin(key, &pin);
	memcpy(out, pin.sha256, HASH_SIZE);
}

static void put_key_ids(struct buf *out, const struct content *c)
{
	uint8_t id[HASH_SIZE];
	struct extension e;
	size_t seq;

	if (c->is_ca) {
		e = begin_extension(out, OID(MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER), false);
		key_id_of(c->spec->subject_key, id);
		der_put(out, DER_OCTETS, id, KEY_ID_LEN);
		end_extension(out, e);
	}
	e = begin_extension(out, OID(MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER), false);
	seq = der_begin(out, DER_SEQUENCE);
	key_id_of(key_public(c->issuer_key), id);
	der_put(out, DER_CONTEXT + 0, id, KEY_ID_LEN);
	der_end(out, seq);
	end_extension(out, e);
}

static void put_hosts(struct buf *out, const struct x509_spec *s)
{
	struct extension e = begin_extension(out, OID(MBEDTLS_OID_SUBJECT_ALT_NAME), false);
	size_t seq = der_begin(out, DER_SEQUENCE);

	for (size_t i = 0; i < s->host_count; i++) {
		uint8_t address[16];
		size_t len = x509_host_address(s->hosts[i], address);

		if (len > 0)
			der_put(out, X509_SAN_IP, address, len);
		else
			der_put(out, X509_SAN_DNS, s->hosts[i], strlen(s->hosts[i]));
	}
	der_end(out, seq);
	end_extension(out, e);
}

static void put_identity(struct buf *out, const struct x509_spec *s)
{
	struct extension e = begin_extension(out, OID(X509_OID_IDENTITY), false);

	buf_append(out, s->identity, s->identity_len);
	end_extension(out, e);
}

static void put_extensions(struct buf *out, const struct content *c)
{
	size_t tagged = der_begin(out, DER_CONSTRUCTED + 3);
	size_t seq = der_begin(out, DER_SEQUENCE);

	put_constraints(out, c->is_ca);
	put_usage(out, c->is_ca);
	if (!c->is_ca)
		put_extended_usage(out, c->spec->usage);
	put_key_ids(out, c);
	if (c->spec->host_count > 0)
		put_hosts(out, c->spec);
	if (c->spec->identity_len > 0)
		put_identity(out, c->spec);
	der_end(out, seq);
	der_end(out, tagged);
}

static void put_serial(struct buf *out)
{
	uint8_t serial[16];

	rand_bytes(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and never shorter */
	der_put_integer(out, serial, sizeof(serial));
}

static void put_algorithm(struct buf *out)
{
	size_t seq = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_OID, OID(MBEDTLS_OID_ECDSA_SHA256));
	der_end(out, seq);
}

/* TBSCertificate: what gets signed. */
static void put_content(struct buf *out, const struct content *c)
{
	size_t seq = der_begin(out, DER_SEQUENCE);
	size_t version = der_begin(out, DER_CONSTRUCTED + 0);
	const uint8_t *key;
	size_t key_len;

	der_put_integer(out, (const uint8_t *)"\x02", 1); /* v3 */
	der_end(out, version);
	put_serial(out);
	put_algorithm(out);
	put_issuer(out, c);
	put_validity(out, c->spec);
	put_subject(out, c->spec);
	key = pubkey_der(c->spec->subject_key, &key_len);
	buf_append(out, key, key_len);
	put_extensions(out, c);
	der_end(out, seq);
}

static int issue(const struct content *c, struct x509 **out, struct err *err)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t seq, begin, len;
	struct buf cert;
	int rc;

	buf_init(&cert, CERT_MAX);
	seq = der_begin(&cert, DER_SEQUENCE);
	begin = cert.len;
	put_content(&cert, c);
	rc = buf_check(&cert, err);
	if (rc == 0)
		rc = key_sign(c->issuer_key, cert.data + begin, cert.len - begin, signature, &len,
		              err);
	if (rc != 0)
		goto out;
	put_algorithm(&cert);
	der_put_bits(&cert, signature, len);
	der_end(&cert, seq);
	rc = buf_check(&cert, err);
	if (rc == 0)
		rc = x509_load(cert.data, cert.len, out, err);
out:
	buf_deinit(&cert);
	return rc == 0 ? 0 : err_wrap(err, "issue certificate for '%s'", c->spec->common_name);
}

static int check_issuer_key(const struct key *key, struct err *err)
{
	if (mbedtls_pk_get_type(key_mbed(key)) != MBEDTLS_PK_ECDSA)
		return err_set(err, ERR_INVALID, "the key of an authority is ECDSA");
	return 0;
}

static int check_issuer(const struct x509 *issuer, const struct key *key, struct err *err)
{
	if (x509_info(issuer)->is_ca && pubkey_equal(x509_public(issuer), key_public(key)))
		return 0;
	return err_set(err, ERR_INVALID, "the issuer is no CA, or the key is not its key");
}

int x509_issue(const struct x509_spec *spec, const struct x509 *issuer,
               const struct key *issuer_key, struct x509 **out, struct err *err)
{
	const struct content content = { spec, issuer, issuer_key, false };
	int rc = check_spec(spec, err);

	if (rc == 0)
		rc = check_issuer_key(issuer_key, err);
	if (rc != 0)
		return rc;
	if ((spec->usage & (X509_CLIENT | X509_SERVER)) == 0)
		return err_set(err, ERR_INVALID,
		               "certificate for nothing: neither client nor server");
	if (check_issuer(issuer, issuer_key, err) != 0)
		return err->code;
	return issue(&content, out, err);
}

static bool same_name(const struct x509 *a, const struct x509 *b)
{
	const mbedtls_x509_buf *one = &x509_mbed(a)->subject_raw;
	const mbedtls_x509_buf *two = &x509_mbed(b)->subject_raw;

	return one->len == two->len && memcmp(one->p, two->p, one->len) == 0;
}

int x509_issue_cross(const struct x509 *ca, const struct x509 *issuer, const struct key *issuer_key,
                     struct x509 **out, struct err *err)
{
	const struct x509_info *info = x509_info(ca);
	const struct x509_spec spec = {
		.subject_key = x509_public(ca),
		.common_name = info->common_name,
		.organizations = info->organizations,
		.organization_count = info->organization_count,
		.not_before_ms = info->not_before_ms,
		.not_after_ms = info->not_after_ms,
	};
	const struct content content = { &spec, issuer, issuer_key, true };
	int rc = check_issuer(issuer, issuer_key, err);

	if (rc == 0)
		rc = check_issuer_key(issuer_key, err);
	if (rc != 0)
		return rc;
	if (!info->is_ca || !same_name(ca, issuer))
		return err_set(err, ERR_INVALID, "only a CA of the same name is certified by one");
	return issue(&content, out, err);
}

int x509_issue_ca(const char *common_name, const char *organization, const struct key *key,
                  int64_t not_before_ms, int64_t not_after_ms, struct x509 **out, struct err *err)
{
	const struct x509_spec spec = {
		.subject_key = key_public(key),
		.common_name = common_name,
		.organizations = &organization,
		.organization_count = 1,
		.not_before_ms = not_before_ms,
		.not_after_ms = not_after_ms,
	};
	const struct content content = { &spec, NULL, key, true };
	int rc = check_spec(&spec, err);

	if (rc == 0)
		rc = check_issuer_key(key, err);
	return rc == 0 ? issue(&content, out, err) : rc;
}
