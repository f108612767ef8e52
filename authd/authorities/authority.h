/*
 * authority - one certificate authority as it stood at one revision: what signs, and for whom.
 *
 * Immutable and counted (on the loop only): threads go on signing with the one that they were given
 * while a rotation brings the next.
 */
#ifndef AUTHD_AUTHORITIES_AUTHORITY_H
#define AUTHD_AUTHORITIES_AUTHORITY_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct key;
struct pin;
struct x509;
struct x509_set;

struct signer {
	struct key *tls_key;
	struct x509 *tls_cert;
	struct key *ssh_key;
};

#define AUTHORITY_KEYS_MAX  4
#define AUTHORITY_CHAIN_MAX 3

struct authority {
	unsigned refs;
	uint64_t revision;
	struct signer client; /* signs for clients: people, and hosts that call others */
	struct signer server; /* signs what servers show; another key in update_clients only */

	struct x509 *trusted[AUTHORITY_KEYS_MAX]; /* the certificates of its keys; client's first */
	size_t trusted_count;
	struct x509_set *trust; /* the same as a set */
	struct x509
	        *chain[AUTHORITY_CHAIN_MAX]; /* what a server shows behind its own certificate */
	size_t chain_len;

	pv_CertAuthority resource; /* the public half, as everybody may have it */
};

/* From the record with the private halves. ERR_CORRUPT: it lacks something. */
int authority_new(const pv_CertAuthority *secret, uint64_t revision, struct authority **out,
                  struct err *err);
struct authority *authority_ref(struct authority *a); /* returns a */
void authority_unref(struct authority *a);

/* Is this the pin of a key that is trusted now? */
bool authority_trusts(const struct authority *a, const struct pin *pin);

/* Adds the certificates of the trusted keys. */
int authority_add_to(const struct authority *a, struct x509_set *set, struct err *err);

#endif
