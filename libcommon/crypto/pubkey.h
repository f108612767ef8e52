/*
 * pubkey - public keys as TLS and X.509 know them: EC P-256, P-384, P-521 and RSA from 2048 bits.
 *
 * The keys of OpenSSH users, which may be of more types, are sshkey's. Immutable and counted.
 */
#ifndef CRYPTO_PUBKEY_H
#define CRYPTO_PUBKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct pin;
struct pubkey;

/* From a SubjectPublicKeyInfo, PEM (PUBLIC KEY) or DER. ERR_INVALID: none, or not of the list
 * above. */
int pubkey_load(const void *data, size_t len, struct pubkey **out, struct err *err);

struct pubkey *pubkey_ref(const struct pubkey *p); /* returns p */
void pubkey_unref(struct pubkey *p);

/* The SubjectPublicKeyInfo in DER; borrowed, as long as the key. */
const uint8_t *pubkey_der(const struct pubkey *p, size_t *out_len);
void pubkey_append_pem(const struct pubkey *p, struct buf *out); /* failure is sticky in `out` */

bool pubkey_equal(const struct pubkey *a, const struct pubkey *b);
void pubkey_pin(const struct pubkey *p, struct pin *out);

/* Checks a signature as key_sign() makes it. ERR_DENIED: it is not this key's over this data. */
int pubkey_verify(const struct pubkey *p, const void *data, size_t len, const void *signature,
                  size_t signature_len, struct err *err);

#endif
