/*
 * x509_set - the authorities that somebody trusts, and the question whether a chain ends there.
 *
 * Filled first, then shared: once a configuration holds it, nobody adds. Counted.
 */
#ifndef CRYPTO_X509_SET_H
#define CRYPTO_X509_SET_H

#include "crypto/pin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct x509;
struct x509_set;

int x509_set_new(struct x509_set **out, struct err *err);
struct x509_set *x509_set_ref(const struct x509_set *s); /* returns s */
void x509_set_unref(struct x509_set *s);

/* One authority. ERR_INVALID: it is not a CA certificate. One that is in already is left out. */
int x509_set_add(struct x509_set *s, const struct x509 *ca, struct err *err);

/* A PEM bundle such as /etc/ssl/certs/ca-certificates.crt. Certificates that mbedTLS does not know
 * how to read are left out; ERR_INVALID when none remains. */
int x509_set_add_bundle(struct x509_set *s, const void *pem, size_t len, struct err *err);

size_t x509_set_count(const struct x509_set *s);

/* Whether an authority with this key is in it. */
bool x509_set_has(const struct x509_set *s, const struct pin *ca);

/* A hash over the keys in the set, in no order: two sets agree exactly when they trust the same. */
int x509_set_generation(const struct x509_set *s, uint8_t out[HASH_SIZE], struct err *err);

/*
 * Whether `leaf`, through the certificates of `chain` if need be, ends at a CA of the set at
 * `now_ms`, all valid then. *out_ca (may be NULL) gets the pin of the CA that signed the leaf.
 * ERR_UNTRUSTED or ERR_UNAUTHENTICATED with a sentence: "certificate of 'web-1' is not signed by a
 * trusted authority", "... expired at ... (it is ... here)", "... is not valid before ...".
 */
int x509_set_verify(const struct x509_set *s, const struct x509 *leaf,
                    const struct x509 *const *chain, size_t chain_len, int64_t now_ms,
                    struct pin *out_ca, struct err *err);

#endif
