/*
 * pin - a certificate authority known by its key: "sha256:" and the hash, in hex, of the
 * SubjectPublicKeyInfo of its certificate (as RFC 7469 pins keys).
 *
 * Invites and join commands carry one; who has it can tell the right cluster from a wrong one
 * before a password or a token leaves the machine.
 */
#ifndef CRYPTO_PIN_H
#define CRYPTO_PIN_H

#include "crypto/hash.h"

#include <stdbool.h>

struct err;

struct pin {
	uint8_t sha256[HASH_SIZE];
};

/* Offered among a client's ALPN names, never agreed on: it trusts the cluster's authority and not
 * the web's, and asks a proxy for its host certificate. */
#define PIN_ALPN "postern-pin"

#define PIN_TEXT_SIZE (7 + 2 * HASH_SIZE + 1)

/* ERR_INVALID: not "sha256:" and 64 hex digits. */
int pin_parse(const char *text, struct pin *out, struct err *err);
char *pin_format(const struct pin *pin, char out[PIN_TEXT_SIZE]); /* returns out */
bool pin_equal(const struct pin *a, const struct pin *b);

/* The pin of a key given as SubjectPublicKeyInfo in DER (pubkey_append_der). */
void pin_of_spki(const void *der, size_t len, struct pin *out);

#endif
