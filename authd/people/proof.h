/*
 * proof - somebody proves by a password, or by a code, who they are: in turn, and unless the name
 * is locked.
 *
 *   GATES --> VERIFYING the password, where one is asked for --> judged
 *
 * There is a gate per address, so that one of them cannot keep the hashing to itself, and behind
 * it one per name, which lets no more in than may still fail: guesses cannot race each other
 * past the lock. Names that nobody has take the same way at the same cost.
 */
#ifndef AUTHD_PEOPLE_PROOF_H
#define AUTHD_PEOPLE_PROOF_H

#include "authd/people/people.h"

#include "base/err.h"
#include "crypto/password.h"
#include "loop/work.h"
#include "store/keyspace.h"

#include <stdbool.h>

struct proof;

enum proof_verdict {
	PROOF_RIGHT,   /* or no password was asked for */
	PROOF_WRONG,   /* to be counted, proof_fail() */
	PROOF_UNJUDGED /* locked, or too much to do: nothing to hold against them */
};

/* err says why, unless it is right. */
typedef void (*proof_cb)(struct proof *p, enum proof_verdict verdict, const struct err *err);

/* Embed it, zeroed; what is borrowed lives until proof_leave(). */
struct proof {
	struct authd *authd;
	const char *user;     /* borrowed; a checked name */
	const char *password; /* borrowed; NULL: none is asked for, only the turn */
	proof_cb judged;

	struct gate_guest at_address;
	struct gate_guest at_name;
	struct work work;              /* the hash */
	char hash[PASSWORD_HASH_SIZE]; /* "" = there is no such user, or none with a password */
	bool had_failures;
	struct err verdict; /* of the thread */
};

/* Gets in line, with the first four fields filled in. `judged` comes once, at once or later. Then
 * they are inside until proof_leave(), so that what else they show is judged in turn, too. `addr`
 * is theirs, with or without a port. */
int proof_start(struct proof *p, const char *addr, struct err *err);

/* One more failure: counted while they are inside, so that the next one knows of it. */
int proof_fail(struct proof *p, keyspace_done_cb done, void *arg, struct err *err);

/* All was right: what failed before is forgotten. */
int proof_clear(struct proof *p, keyspace_done_cb done, void *arg, struct err *err);

/* Leaves the gates to those who wait, with the room that there is now. Harmless if outside. */
void proof_leave(struct proof *p);

#endif
