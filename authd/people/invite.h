/*
 * invite - a token that lets its holder set a user's password, once, before it expires.
 *
 * A user has one invite that is good, the newest. Only its hash is kept.
 */
#ifndef AUTHD_PEOPLE_INVITE_H
#define AUTHD_PEOPLE_INVITE_H

#include "authd/core/secrets.h"
#include "base/buf.h"
#include "crypto/secret.h"
#include "proto/auth.pb.h"

#include <stddef.h>
#include <stdint.h>

struct authd;
struct err;

#define INVITE_TTL_MAX (48 * 60 * 60 * 1000LL)
#define INVITE_OPS     2

/* A new invite and the operations that store it; add them to the write that it belongs to. */
struct invite {
	char token[SECRET_TOKEN_SIZE];
	int64_t expires;
	struct keyspace_op ops[INVITE_OPS];
	char keys[INVITE_OPS][SECRETS_KEY_SIZE];
	struct buf bytes[INVITE_OPS];
};

/* ttl 0 = the cluster's. ERR_INVALID: below 0 or above INVITE_TTL_MAX. */
int invite_make(struct authd *a, const char *user, int64_t ttl, struct invite *out,
                struct err *err);
void invite_deinit(struct invite *i); /* overwrites the token */

/* What is shown to the administrator; fields_release() it. */
int invite_answer(struct authd *a, const char *user, const struct invite *i, pv_Invite *out,
                  struct err *err);

/* The user's key under which the one good invite's record lies, removed with that record when
 * there is one: operations for whoever deletes the user. Appends to `ops`. */
int invite_forget_op(struct authd *a, const char *user, char key[SECRETS_KEY_SIZE],
                     struct keyspace_op *out, size_t *count, struct err *err);

#endif
