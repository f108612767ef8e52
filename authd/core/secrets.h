/*
 * secrets - the messages that lie under /secrets/ (proto/secrets.proto): their keys, and
 * reading and writing them.
 */
#ifndef AUTHD_CORE_SECRETS_H
#define AUTHD_CORE_SECRETS_H

#include "crypto/hash.h"
#include "store/keyspace.h"

#include <stdint.h>

struct authd;
struct buf;
struct err;
struct fields_table;

#define SECRETS_KEY_SIZE (KEYSPACE_KEY_MAX + 1)

/* Each writes the key to `out` and returns it. Names were checked (resource_check_name). */
char *secrets_user_prefix(char out[SECRETS_KEY_SIZE], const char *user); /* all of theirs */
char *secrets_password_key(char out[SECRETS_KEY_SIZE], const char *user);
char *secrets_attempts_key(char out[SECRETS_KEY_SIZE], const char *user);
char *secrets_user_invite_key(char out[SECRETS_KEY_SIZE], const char *user);
/* "" as the device: the prefix of all of them. */
char *secrets_mfa_key(char out[SECRETS_KEY_SIZE], const char *user, const char *device);
char *secrets_mfa_pending_key(char out[SECRETS_KEY_SIZE], const char *user);
char *secrets_host_key(char out[SECRETS_KEY_SIZE], const char *host_id);
char *secrets_token_id_key(char out[SECRETS_KEY_SIZE], const char *id);

/* What was handed out is found by its hash, and never stored itself. */
void secrets_hash(const char *value, uint8_t out[HASH_SIZE]);
char *secrets_invite_key(char out[SECRETS_KEY_SIZE], const uint8_t hash[HASH_SIZE]);
char *secrets_token_key(char out[SECRETS_KEY_SIZE], const uint8_t hash[HASH_SIZE]);

/* Fills *out_msg, for fields_release(); *out_revision may be NULL. ERR_NOT_FOUND, ERR_CORRUPT. */
int secrets_load(struct authd *a, const char *key, const struct fields_table *t, void *out_msg,
                 uint64_t *out_revision, struct err *err);

/* The operation that puts a message; `key` and `bytes` (to be wiped) live until it is written. */
int secrets_put_op(struct keyspace_op *out, const char *key, const struct fields_table *t,
                   const void *msg, int64_t expires, struct buf *bytes, struct err *err);

#endif
