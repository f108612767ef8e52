#include "crypto/password.h"

#include "base/err.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_argon2id_STRBYTES, "a hash fits");

int password_hash(const char *password, const struct password_cost *cost,
                  char out[PASSWORD_HASH_SIZE], struct err *err)
{
	char hash[crypto_pwhash_argon2id_STRBYTES];
	size_t len = strlen(password);

	if (len == 0 || len > PASSWORD_MAX)
		return err_set(err, ERR_INVALID, "a password has 1 to %d bytes", PASSWORD_MAX);
	if (sodium_init() < 0)
		return err_set(err, ERR_INTERNAL, "libsodium does not start");
	if (crypto_pwhash_argon2id_str(hash, password, len, cost->passes, cost->memory) != 0)
		return err_set(err, ERR_NOMEM, "no memory to hash a password (%zu KB)",
		               cost->memory / 1024);
	memcpy(out, hash, sizeof(hash));
	return 0;
}

static int deny(struct err *err)
{
	return err_set(err, ERR_DENIED, "wrong password");
}

int password_verify(const char *hash, const char *password, struct err *err)
{
	size_t len = strlen(password);

	if (len == 0 || len > PASSWORD_MAX || sodium_init() < 0)
		return deny(err);
	if (crypto_pwhash_argon2id_str_verify(hash, password, len) != 0)
		return deny(err);
	return 0;
}

int password_verify_nobody(const char *password, const struct password_cost *cost, struct err *err)
{
	char hash[PASSWORD_HASH_SIZE];
	struct err unused;

	password_hash(password, cost, hash, &unused);
	return deny(err);
}

bool password_is_outdated(const char *hash, const struct password_cost *cost)
{
	return crypto_pwhash_argon2id_str_needs_rehash(hash, cost->passes, cost->memory) != 0;
}
