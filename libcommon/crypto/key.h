/*
 * key - private keys: made here (ECDSA P-256), or brought in (a web certificate's: EC or RSA).
 *
 * Immutable once made and counted, so that configurations and threads may share one. The secret
 * is overwritten when the last reference goes.
 */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct key;
struct pubkey;

int key_generate(struct key **out, struct err *err);

/*
 * From PEM (EC PRIVATE KEY, RSA PRIVATE KEY, PRIVATE KEY) or DER (SEC1, PKCS#1, PKCS#8), not
 * encrypted. ERR_INVALID: no such key, an RSA key below 2048 bits, a curve other than P-256, P-384,
 * P-521.
 */
int key_load(const void *data, size_t len, struct key **out, struct err *err);

struct key *key_ref(struct key *k); /* returns k */
void key_unref(struct key *k);

/* Append the secret itself: the buffer is the caller's to buf_wipe(). The PEM form is one that
 * OpenSSH's tools read as an identity file too. */
int key_append_pem(const struct key *k, struct buf *out, struct err *err);
int key_append_der(const struct key *k, struct buf *out, struct err *err);

/* The public half, borrowed: it lives as long as the key. */
const struct pubkey *key_public(const struct key *k);

/* Longest signature: ECDSA P-521 in DER; RSA up to 8192 bits. */
#define KEY_SIGNATURE_MAX 1024

/* Signs the SHA-256 of `data`. ECDSA gives DER (RFC 3279), RSA PKCS#1 v1.5. Thread-safe. */
int key_sign(const struct key *k, const void *data, size_t len, uint8_t out[KEY_SIGNATURE_MAX],
             size_t *out_len, struct err *err);

#endif
