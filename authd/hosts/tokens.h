/*
 * tokens - join tokens: what lets a new host become a member of the cluster.
 *
 * The value is known to who was given it; here are its hash (/secrets/tokens/HASH) and, under
 * a random id that tells nothing, the resource that is listed (/tokens/ID).
 */
#ifndef AUTHD_HOSTS_TOKENS_H
#define AUTHD_HOSTS_TOKENS_H

#include "authd/core/companions.h"
#include "authd/core/secrets.h"

#include "base/buf.h"
#include "model/resource.h"
#include "proto/resource.pb.h"
#include "proto/secrets.pb.h"

#include <stdint.h>

struct authd;
struct err;

#define TOKEN_VALUE_MIN 8 /* bytes of a value that an administrator chose */
#define TOKEN_TTL_MAX   (48 * 60 * 60 * 1000LL)

/* Gives a checked token that is named by its value a random id as its name, and appends the
 * operations that store the value's hash. ERR_INVALID: too short; ERR_EXISTS: in use. */
int tokens_hide_value(struct authd *a, pv_Token *token, struct companions *out, struct err *err);

/* The same of a token that is there, named by its id or its value: its name becomes the id, and
 * the value lives as long as the token says now. ERR_NOT_FOUND: there is none. */
int tokens_find(struct authd *a, pv_Token *token, struct companions *out, struct err *err);

/* The id for an id or a value (malloc'ed), and the operations that remove the secret parts.
 * ERR_NOT_FOUND. */
int tokens_forget(struct authd *a, const char *id_or_value, struct companions *out, char **out_id,
                  struct err *err);

/* A token by its value. */
struct token {
	pv_StoredToken stored;
	uint64_t stored_revision;
	pv_Resource resource; /* empty when it was used up */
	uint64_t revision;
	int64_t expires;
};

/* ERR_DENIED: there is none, or it has expired. */
int token_load(struct authd *a, const char *value, struct token *out, struct err *err);
void token_deinit(struct token *t);

/* What the operations below borrow. */
struct token_use {
	char key[RESOURCE_KEY_SIZE];
	char secret_key[SECRETS_KEY_SIZE];
	struct buf bytes;
};

#define TOKEN_USE_OPS 2

/* A single-use token goes from the list, and remembers who used it until it would have expired:
 * appends the operations for that, none of another token. `u` is zero; token_use_deinit() it. */
int token_use(const struct token *t, const char *value, const char *used_by, struct token_use *u,
              struct keyspace_op *ops, size_t *count, struct err *err);
void token_use_deinit(struct token_use *u);

#endif
