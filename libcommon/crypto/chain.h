/*
 * chain - what is wrong with a chain of certificates at a given time, in words.
 *
 * mbedTLS verifies signatures, constraints and usage; times it would take from the machine's clock,
 * so they are judged here. Host names are left to the caller. Inside of crypto only.
 */
#ifndef CRYPTO_CHAIN_H
#define CRYPTO_CHAIN_H

#include "crypto/pin.h"

#include <mbedtls/x509_crt.h>

#include <stdbool.h>

struct chain {
	int64_t now_ms;
	bool asked;    /* whether mbedTLS came to verify anything */
	struct pin ca; /* the key that signed the leaf */
	char subject[64];
	int64_t bound_ms; /* the start or end that was missed; the leaf's if several were */
};

/* mbedTLS' verify callback; p is a struct chain with now_ms set. */
int chain_visit(void *p, mbedtls_x509_crt *crt, int depth, uint32_t *flags);

/* 0 when flags is 0, else the first reason that counts: ERR_UNTRUSTED when nobody who is trusted
 * signed it, or ERR_UNAUTHENTICATED. */
int chain_judge(const struct chain *c, uint32_t flags, struct err *err);

#endif
