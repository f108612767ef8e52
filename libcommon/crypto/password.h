/*
 * password - argon2id hashes of passwords (RFC 9106, libsodium's string form "$argon2id$...").
 *
 * Every call takes as long as its cost says, tens to hundreds of milliseconds: call them in the
 * thread pool, with a bound on how many at once.
 */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct password_cost {
	unsigned passes;
	size_t memory; /* bytes, at least 8192 */
};

/* OWASP's second choice for argon2id, rounded up: 3 passes over 32 MB. */
#define PASSWORD_COST_DEFAULT ((struct password_cost){ .passes = 3, .memory = 32u << 20 })

#define PASSWORD_HASH_SIZE 128
#define PASSWORD_MAX       1024 /* bytes; longer ones are refused */

/* ERR_INVALID: empty or too long. ERR_NOMEM: the memory that the cost asks for is not there. */
int password_hash(const char *password, const struct password_cost *cost,
                  char out[PASSWORD_HASH_SIZE], struct err *err);

/* ERR_DENIED: not this password (or `hash` is not a hash at all). */
int password_verify(const char *hash, const char *password, struct err *err);

/* For users that do not exist: takes as long as a verify of a hash of this cost would, and always
 * gives the ERR_DENIED of password_verify(). */
int password_verify_nobody(const char *password, const struct password_cost *cost, struct err *err);

/* Whether a hash was made at another cost than this, so that a login should renew it. */
bool password_is_outdated(const char *hash, const struct password_cost *cost);

#endif
