#include "authd/core/secrets.h"

#include "authd/core/authd.h"
#include "base/buf.h"
#include "base/err.h"
#include "crypto/hex.h"
#include "wire/fields.h"

#include <stdio.h>
#include <string.h>

#define USERS KEYSPACE_SECRETS "users/"

static char *user_key(char out[SECRETS_KEY_SIZE], const char *user, const char *what)
{
	snprintf(out, SECRETS_KEY_SIZE, USERS "%s/%s", user, what);
	return out;
}

char *secrets_user_prefix(char out[SECRETS_KEY_SIZE], const char *user)
{
	return user_key(out, user, "");
}

char *secrets_password_key(char out[SECRETS_KEY_SIZE], const char *user)
{
	return user_key(out, user, "password");
}

char *secrets_attempts_key(char out[SECRETS_KEY_SIZE], const char *user)
{
	return user_key(out, user, "attempts");
}

char *secrets_user_invite_key(char out[SECRETS_KEY_SIZE], const char *user)
{
	return user_key(out, user, "invite");
}

char *secrets_mfa_key(char out[SECRETS_KEY_SIZE], const char *user, const char *device)
{
	snprintf(out, SECRETS_KEY_SIZE, USERS "%s/mfa/%s", user, device);
	return out;
}

char *secrets_mfa_pending_key(char out[SECRETS_KEY_SIZE], const char *user)
{
	return user_key(out, user, "mfa_pending");
}

char *secrets_host_key(char out[SECRETS_KEY_SIZE], const char *host_id)
{
	snprintf(out, SECRETS_KEY_SIZE, KEYSPACE_SECRETS "hosts/%s", host_id);
	return out;
}

char *secrets_token_id_key(char out[SECRETS_KEY_SIZE], const char *id)
{
	snprintf(out, SECRETS_KEY_SIZE, KEYSPACE_SECRETS "token_ids/%s", id);
	return out;
}

void secrets_hash(const char *value, uint8_t out[HASH_SIZE])
{
	hash_sha256(value, strlen(value), out);
}

static char *hash_key(char out[SECRETS_KEY_SIZE], const char *folder, const uint8_t hash[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];

	snprintf(out, SECRETS_KEY_SIZE, KEYSPACE_SECRETS "%s/%s", folder,
	         hex_encode(hex, hash, HASH_SIZE));
	return out;
}

char *secrets_invite_key(char out[SECRETS_KEY_SIZE], const uint8_t hash[HASH_SIZE])
{
	return hash_key(out, "invites", hash);
}

char *secrets_token_key(char out[SECRETS_KEY_SIZE], const uint8_t hash[HASH_SIZE])
{
	return hash_key(out, "tokens", hash);
}

int secrets_load(struct authd *a, const char *key, const struct fields_table *t, void *out_msg,
                 uint64_t *out_revision, struct err *err)
{
	struct keyspace_item item;
	int rc = keyspace_get(a->keyspace, key, &item, err);

	if (rc != 0)
		return rc;
	rc = fields_decode(t, item.value, item.len, out_msg, err);
	if (rc == 0 && out_revision != NULL)
		*out_revision = item.revision;
	keyspace_item_deinit(&item);
	return rc;
}

int secrets_put_op(struct keyspace_op *out, const char *key, const struct fields_table *t,
                   const void *msg, int64_t expires, struct buf *bytes, struct err *err)
{
	int rc = fields_encode(t, msg, bytes, err);

	if (rc == 0)
		*out = keyspace_op_put(key, bytes->data, bytes->len, expires);
	return rc;
}
