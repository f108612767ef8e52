/*
 * x509 - certificates of the cluster: issue, read, verify.
 *
 * Subjects are a common name and organizations (roles), each an attribute of its own, built from
 * the strings byte by byte: whatever characters a name holds, it stays one value. What only we
 * read is in one private extension. Certificates are immutable and counted.
 */
#ifndef CRYPTO_X509_H
#define CRYPTO_X509_H

#include "crypto/pin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct key;
struct pubkey;
struct x509;

/* The extension that carries an Identity: postern's arc, never critical. */
#define X509_IDENTITY_OID "1.3.6.1.4.1.58888.1.1"

/* What TLS may use it for; a user's certificate can never pass as a server's. */
enum x509_usage {
	X509_CLIENT = 1,
	X509_SERVER = 2,
};

#define X509_NAME_MAX 200 /* bytes of a common name or organization */

struct x509_spec {
	const struct pubkey *subject_key;
	const char *common_name;          /* UTF-8, 1 to X509_NAME_MAX bytes */
	const char *const *organizations; /* the same, each; kept in this order */
	size_t organization_count;
	const char *const *hosts; /* names (a leading "*." is fine) and IP addresses, told apart */
	size_t host_count;
	const void *identity; /* bytes of the private extension; none when identity_len is 0 */
	size_t identity_len;
	int64_t not_before_ms; /* back-dating for clock skew is the caller's */
	int64_t not_after_ms;
	unsigned usage; /* enum x509_usage, one or both */
};

/* ERR_INVALID: an empty, overlong, not UTF-8 name or one with control characters; a bad host; an
 * end that is not after the start; an issuer that is no CA or whose key `issuer_key` is not. */
int x509_issue(const struct x509_spec *spec, const struct x509 *issuer,
               const struct key *issuer_key, struct x509 **out, struct err *err);

/* A self-signed CA certificate that may sign leaves only. */
int x509_issue_ca(const char *common_name, const char *organization, const struct key *key,
                  int64_t not_before_ms, int64_t not_after_ms, struct x509 **out, struct err *err);

/*
 * The key of a CA certified by another one of the same name: who trusts the other then trusts it
 * too (RFC 4210, 4.4, root CA key update). ERR_INVALID: another name, no CA, or not its key.
 */
int x509_issue_cross(const struct x509 *ca, const struct x509 *issuer, const struct key *issuer_key,
                     struct x509 **out, struct err *err);

/* One certificate, PEM (the first CERTIFICATE) or DER. */
int x509_load(const void *data, size_t len, struct x509 **out, struct err *err);

/* All certificates of a PEM text, in order. Free with x509_unref_all(). ERR_INVALID: none, or one
 * broken; ERR_LIMIT: more than `max`. */
int x509_load_all(const char *pem, size_t len, size_t max, struct x509 ***out, size_t *out_count,
                  struct err *err);
void x509_unref_all(struct x509 **list, size_t count);

struct x509 *x509_ref(const struct x509 *c); /* returns c */
void x509_unref(struct x509 *c);

#define X509_SERIAL_SIZE      41
#define X509_FINGERPRINT_SIZE 65

/* What a certificate says; borrowed, lives as long as the certificate. */
struct x509_info {
	const char *common_name;          /* "" when it has none */
	const char *const *organizations; /* in the order of the certificate */
	size_t organization_count;
	const char *const *hosts; /* DNS names and IP addresses of the SAN, as text */
	size_t host_count;
	const uint8_t *identity; /* NULL when it has no such extension */
	size_t identity_len;
	int64_t not_before_ms;
	int64_t not_after_ms;
	bool is_ca;
	char serial[X509_SERIAL_SIZE];           /* hex */
	char fingerprint[X509_FINGERPRINT_SIZE]; /* SHA-256 of the whole certificate, hex */
	struct pin pin;                          /* of its own key */
};

const struct x509_info *x509_info(const struct x509 *c);
const uint8_t *x509_der(const struct x509 *c, size_t *out_len);
void x509_append_pem(const struct x509 *c, struct buf *out); /* failure is sticky in `out` */
const struct pubkey *x509_public(const struct x509 *c);

/*
 * Whether the certificate is for this host: an IP address equals one of its IP SANs, a name one of
 * its DNS SANs (case ignored; "*." stands for one label below at least two). The common name never
 * counts (RFC 6125).
 */
bool x509_is_for_host(const struct x509_info *info, const char *host);

#endif
