/*
 * mbed - what the files of crypto share about mbedTLS. Nobody else includes this.
 */
#ifndef CRYPTO_MBED_H
#define CRYPTO_MBED_H

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

struct err;
struct key;
struct pubkey;
struct x509;
struct x509_set;

/* base/rand in the form that mbedTLS asks for; never fails. */
int mbed_rng(void *unused, unsigned char *out, size_t len);

/* Sets "what: mbedTLS's own words for ret" (what it was doing); ERR_NOMEM instead of `code` when
 * memory ran out. */
int mbed_fail(struct err *err, int code, int ret, const char *what);

/* SHA-2 only, RSA from 2048 bits, the NIST curves. */
const mbedtls_x509_crt_profile *mbed_profile(void);

/* Milliseconds since 1970. */
int64_t mbed_time_ms(const mbedtls_x509_time *t);

/* ERR_INVALID unless it is of a kind and size that we take. */
int mbed_check_key(const mbedtls_pk_context *pk, struct err *err);

/*
 * Makes an EC key fit to be shared: mbedTLS keeps a table of multiples of the base point that it
 * builds at first use, without a lock, and for its general EC type throws away each time. So turn
 * it into the ECDSA type and build the table now; signing is then twice as fast, and only reads.
 */
int mbed_prepare_shared(mbedtls_pk_context *pk, struct err *err);

/* The insides of our own objects; mbedTLS has no const, but only reads them. */
mbedtls_pk_context *key_mbed(const struct key *k);
mbedtls_pk_context *pubkey_mbed(const struct pubkey *p);
mbedtls_x509_crt *x509_mbed(const struct x509 *c);
mbedtls_x509_crt *x509_set_mbed(const struct x509_set *s); /* the whole list */

#endif
