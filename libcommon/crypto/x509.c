#include "crypto/x509.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hex.h"
#include "crypto/mbed.h"
#include "crypto/pem.h"
#include "crypto/pubkey.h"
#include "crypto/x509_host.h"
#include "crypto/x509_oid.h"

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Bounds on what one certificate may name; mbedTLS bounds its size by the TLS record. */
#define NAMES_MAX 256
#define DER_MAX   (64u * 1024)

struct names {
	char **list; /* each malloc'ed */
	size_t count;
};

struct x509 {
	atomic_uint refs;
	mbedtls_x509_crt crt;
	struct pubkey *public;
	struct names common_names;
	struct names organizations;
	struct names hosts;
	struct x509_info info;
};

static void free_names(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
}

/* A name with a 0 byte in it would be two names to two readers. */
static int add_name(struct names *n, const void *text, size_t len, struct err *err)
{
	char **list;

	if (len > 0 && memchr(text, 0, len) != NULL)
		return err_set(err, ERR_INVALID, "a certificate with a 0 byte in a name");
	if (n->count == NAMES_MAX)
		return err_set(err, ERR_INVALID, "a certificate with more than %d names",
		               NAMES_MAX);
	list = reallocarray(n->list, n->count + 1, sizeof(*list));
	if (list == NULL)
		return err_set_nomem(err);
	n->list = list;
	list[n->count] = strndup(text, len);
	if (list[n->count] == NULL)
		return err_set_nomem(err);
	n->count++;
	return 0;
}

static bool is_oid(const mbedtls_asn1_buf *oid, const char *bytes)
{
	return oid->len == strlen(bytes) && memcmp(oid->p, bytes, oid->len) == 0;
}

static bool is_text(int tag)
{
	return tag == MBEDTLS_ASN1_UTF8_STRING || tag == MBEDTLS_ASN1_PRINTABLE_STRING ||
	       tag == MBEDTLS_ASN1_IA5_STRING || tag == MBEDTLS_ASN1_T61_STRING;
}

static int read_subject(struct x509 *c, struct err *err)
{
	for (const mbedtls_x509_name *at = &c->crt.subject; at != NULL; at = at->next) {
		struct names *to;
		int rc;

		if (is_oid(&at->oid, MBEDTLS_OID_AT_CN))
			to = &c->common_names;
		else if (is_oid(&at->oid, MBEDTLS_OID_AT_ORGANIZATION))
			to = &c->organizations;
		else
			continue;
		if (!is_text(at->val.tag))
			return err_set(err, ERR_INVALID, "a certificate with a name of tag %d",
			               at->val.tag);
		rc = add_name(to, at->val.p, at->val.len, err);
		if (rc != 0)
			return rc;
	}
	if (c->common_names.count > 1)
		return err_set(err, ERR_INVALID, "a certificate with two common names");
	return 0;
}

static int add_address(struct x509 *c, const mbedtls_asn1_buf *at, struct err *err)
{
	char text[INET6_ADDRSTRLEN];

	if (at->len != 4 && at->len != 16)
		return err_set(err, ERR_INVALID, "a certificate with an address of %zu bytes",
		               at->len);
	inet_ntop(at->len == 4 ? AF_INET : AF_INET6, at->p, text, sizeof(text));
	return add_name(&c->hosts, text, strlen(text), err);
}

/* A DNS name that reads like an address would match as one: left out. */
static int add_dns_name(struct x509 *c, const mbedtls_asn1_buf *at, struct err *err)
{
	int rc = add_name(&c->hosts, at->p, at->len, err);
	uint8_t address[16];

	if (rc == 0 && x509_host_address(c->hosts.list[c->hosts.count - 1], address) > 0)
		free(c->hosts.list[--c->hosts.count]);
	return rc;
}

static int read_hosts(struct x509 *c, struct err *err)
{
	const mbedtls_x509_sequence *at = &c->crt.subject_alt_names;

	for (; at != NULL && at->buf.p != NULL; at = at->next) {
		int rc = 0;

		if (at->buf.tag == X509_SAN_DNS)
			rc = add_dns_name(c, &at->buf, err);
		else if (at->buf.tag == X509_SAN_IP)
			rc = add_address(c, &at->buf, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* One Extension at *at: OID, optional critical flag, value. */
static int next_extension(unsigned char **at, const unsigned char *end, mbedtls_asn1_buf *oid,
                          mbedtls_asn1_buf *value)
{
	const int sequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
	unsigned char *stop;
	size_t len;
	int critical;
	int ret;

	ret = mbedtls_asn1_get_tag(at, end, &len, sequence);
	if (ret != 0)
		return ret;
	stop = *at + len;
	ret = mbedtls_asn1_get_tag(at, stop, &oid->len, MBEDTLS_ASN1_OID);
	if (ret != 0)
		return ret;
	oid->p = *at;
	*at += oid->len;
	ret = mbedtls_asn1_get_bool(at, stop, &critical);
	if (ret != 0 && ret != MBEDTLS_ERR_ASN1_UNEXPECTED_TAG)
		return ret;
	ret = mbedtls_asn1_get_tag(at, stop, &value->len, MBEDTLS_ASN1_OCTET_STRING);
	value->p = *at;
	*at = stop;
	return ret;
}

static int read_identity(struct x509 *c, struct err *err)
{
	unsigned char *at = c->crt.v3_ext.p;
	const unsigned char *end = at != NULL ? at + c->crt.v3_ext.len : NULL;
	mbedtls_asn1_buf oid, value;
	size_t len;

	if (at == NULL || c->crt.v3_ext.len == 0)
		return 0;
	if (mbedtls_asn1_get_tag(&at, end, &len,
	                         MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
		return err_set(err, ERR_INVALID, "a certificate with broken extensions");
	while (at < end) {
		if (next_extension(&at, end, &oid, &value) != 0)
			return err_set(err, ERR_INVALID, "a certificate with a broken extension");
		if (!is_oid(&oid, X509_OID_IDENTITY))
			continue;
		if (c->info.identity != NULL)
			return err_set(err, ERR_INVALID, "a certificate with two identities");
		c->info.identity = value.p;
		c->info.identity_len = value.len;
	}
	return 0;
}

static void fill_info(struct x509 *c)
{
	struct x509_info *info = &c->info;
	const mbedtls_x509_buf *serial = &c->crt.serial;
	size_t serial_max = (X509_SERIAL_SIZE - 1) / 2;
	uint8_t hash[HASH_SIZE];

	info->common_name = c->common_names.count == 1 ? c->common_names.list[0] : "";
	info->organizations = (const char *const *)c->organizations.list;
	info->organization_count = c->organizations.count;
	info->hosts = (const char *const *)c->hosts.list;
	info->host_count = c->hosts.count;
	info->not_before_ms = mbed_time_ms(&c->crt.valid_from);
	info->not_after_ms = mbed_time_ms(&c->crt.valid_to);
	info->is_ca = c->crt.ca_istrue != 0;
	hex_encode(info->serial, serial->p, serial->len < serial_max ? serial->len : serial_max);
	hash_sha256(c->crt.raw.p, c->crt.raw.len, hash);
	hex_encode(info->fingerprint, hash, sizeof(hash));
	pubkey_pin(c->public, &info->pin);
}

static int fill(struct x509 *c, const uint8_t *der, size_t len, struct err *err)
{
	int rc = mbedtls_x509_crt_parse_der(&c->crt, der, len);

	if (rc != 0)
		return mbed_fail(err, ERR_INVALID, rc, "not a certificate that we can read");
	if (c->crt.raw.len != len)
		return err_set(err, ERR_INVALID, "more bytes behind a certificate");
	rc = pubkey_load(c->crt.pk_raw.p, c->crt.pk_raw.len, &c->public, err);
	if (rc == 0)
		rc = read_subject(c, err);
	if (rc == 0)
		rc = read_hosts(c, err);
	if (rc == 0)
		rc = read_identity(c, err);
	if (rc == 0)
		fill_info(c);
	return rc;
}

static int load_der(const uint8_t *der, size_t len, struct x509 **out, struct err *err)
{
	struct x509 *c;
	int rc;

	if (len > DER_MAX)
		return err_set(err, ERR_INVALID, "a certificate of more than %u bytes", DER_MAX);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_set_nomem(err);
	atomic_init(&c->refs, 1);
	mbedtls_x509_crt_init(&c->crt);
	rc = fill(c, der, len, err);
	if (rc != 0) {
		x509_unref(c);
		return rc;
	}
	*out = c;
	return 0;
}

/* The next CERTIFICATE of a PEM text; ERR_NOT_FOUND when there is none. */
static int next_pem(const char **text, size_t *len, struct x509 **out, struct err *err)
{
	char label[PEM_LABEL_SIZE];
	struct buf der = { 0 };
	size_t used;
	int rc;

	do {
		buf_wipe(&der);
		rc = pem_next(*text, *len, label, &der, &used, err);
		if (rc == 0) {
			*text += used;
			*len -= used;
		}
	} while (rc == 0 && strcmp(label, "CERTIFICATE") != 0);
	if (rc == 0)
		rc = load_der(der.data, der.len, out, err);
	buf_wipe(&der);
	return rc;
}

int x509_load(const void *data, size_t len, struct x509 **out, struct err *err)
{
	const char *text = data;
	int rc;

	if (!pem_is(data, len))
		return load_der(data, len, out, err);
	rc = next_pem(&text, &len, out, err);
	return rc == ERR_NOT_FOUND ? err_set(err, ERR_INVALID, "no certificate in it") : rc;
}

int x509_load_all(const char *pem, size_t len, size_t max, struct x509 ***out, size_t *out_count,
                  struct err *err)
{
	struct x509 **list = calloc(max, sizeof(struct x509 *));
	struct x509 *one;
	size_t count = 0;
	int rc;

	if (list == NULL)
		return err_set_nomem(err);
	while ((rc = next_pem(&pem, &len, &one, err)) == 0) {
		if (count == max) {
			x509_unref(one);
			rc = err_set(err, ERR_LIMIT, "more than %zu certificates", max);
			break;
		}
		list[count++] = one;
	}
	if (rc == ERR_NOT_FOUND)
		rc = count > 0 ? 0 : err_set(err, ERR_INVALID, "no certificate in it");
	if (rc != 0) {
		x509_unref_all(list, count);
		return rc;
	}
	*out = list;
	*out_count = count;
	return 0;
}

void x509_unref_all(struct x509 **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x509_unref(list[i]);
	free(list);
}

struct x509 *x509_ref(const struct x509 *c)
{
	struct x509 *shared = (struct x509 *)c; /* only the counter changes */

	atomic_fetch_add(&shared->refs, 1);
	return shared;
}

void x509_unref(struct x509 *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	mbedtls_x509_crt_free(&c->crt);
	pubkey_unref(c->public);
	free_names(&c->common_names);
	free_names(&c->organizations);
	free_names(&c->hosts);
	free(c);
}

const struct x509_info *x509_info(const struct x509 *c)
{
	return &c->info;
}

const uint8_t *x509_der(const struct x509 *c, size_t *out_len)
{
	*out_len = c->crt.raw.len;
	return c->crt.raw.p;
}

void x509_append_pem(const struct x509 *c, struct buf *out)
{
	pem_append(out, "CERTIFICATE", c->crt.raw.p, c->crt.raw.len);
}

const struct pubkey *x509_public(const struct x509 *c)
{
	return c->public;
}

mbedtls_x509_crt *x509_mbed(const struct x509 *c)
{
	return (mbedtls_x509_crt *)&c->crt;
}
