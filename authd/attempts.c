#include "authd/attempts.h"

#include "authd/authd.h"
#include "authd/resource_store.h"
#include "authd/secrets.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/secrets.fields.h"

#define MEMORY_MS (30 * 60 * 1000LL)

/* The record as it counts now: a lock that is over starts from nothing. */
static int load(struct authd *a, const char *user, pv_LoginAttempts *out, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	int rc = secrets_load(a, secrets_attempts_key(key, user), &pv_LoginAttempts_table, out,
	                      NULL, err);

	if (rc == ERR_NOT_FOUND ||
	    (rc == 0 && out->locked_until != 0 && authd_now(a) >= out->locked_until)) {
		*out = (pv_LoginAttempts){ 0 };
		return 0;
	}
	return rc;
}

int attempts_load(struct authd *a, const char *user, pv_LoginAttempts *out, struct err *err)
{
	char until[STR_TIME_SIZE];
	int rc = load(a, user, out, err);

	if (rc != 0 || out->locked_until == 0)
		return rc;
	return err_set(err, ERR_DENIED, "user '%s' is locked until %s after %d failed logins", user,
	               str_from_time(until, sizeof(until), out->locked_until), (int)out->failures);
}

unsigned attempts_room(const struct authd *a, const pv_LoginAttempts *so_far)
{
	int64_t left = a->conf.login_attempts - so_far->failures;

	return left > 1 ? (unsigned)left : 1;
}

/* --- the user's record ---------------------------------------------------------------------- */

/* The operation that writes `status` into a user's record, if there is one and it changes. The
 * record must still be as it was read. */
static int status_op(struct authd *a, const char *user, const pv_UserStatus *status,
                     char key[RESOURCE_KEY_SIZE], struct buf *bytes, struct keyspace_op *op,
                     size_t *count, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find("user");
	struct keyspace_item item;
	pv_Resource r;
	int rc = resource_key(key, kind, NULL, user, err);

	if (rc == 0)
		rc = keyspace_get(a->keyspace, key, &item, err);
	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc != 0)
		return rc;
	rc = resource_of_item(&item, &r, err);
	if (rc == 0 && r.of.user.spec.status.is_locked != status->is_locked) {
		fields_set_str(&r.of.user.spec.status.locked_message, NULL, err);
		r.of.user.spec.has_status = true;
		r.of.user.spec.status = *status;
		rc = resource_bytes(a, key, &r, bytes, err);
		r.of.user.spec.status = (pv_UserStatus){ 0 }; /* its message is borrowed */
		if (rc == 0)
			op[(*count)++] = keyspace_op_update_at(key, item.revision, bytes->data,
			                                       bytes->len, item.expires);
	}
	if (rc == 0 || r.which_of != 0)
		resource_deinit(&r);
	keyspace_item_deinit(&item);
	return rc;
}

/* Writes an operation on the attempts together with what the user's record then says. */
static int write_both(struct authd *a, const char *user, struct keyspace_op attempts,
                      const pv_UserStatus *status, keyspace_done_cb done, void *arg,
                      struct err *err)
{
	struct keyspace_op ops[2] = { attempts };
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	size_t count = 1;
	int rc = status_op(a, user, status, key, &bytes, ops, &count, err);

	if (rc == 0)
		rc = keyspace_write(a->keyspace, ops, count, done, arg, err);
	buf_deinit(&bytes);
	return rc;
}

int attempts_fail(struct authd *a, const char *user, keyspace_done_cb done, void *arg,
                  struct err *err)
{
	char key[SECRETS_KEY_SIZE], message[] = "too many failed logins";
	int64_t now = authd_now(a), expires = now + MEMORY_MS;
	struct buf bytes = { 0 };
	struct keyspace_op op;
	pv_LoginAttempts attempts;
	pv_UserStatus status = { 0 };
	int rc = load(a, user, &attempts, err);

	if (rc != 0)
		return rc;
	attempts.failures++;
	if (attempts.failures >= a->conf.login_attempts) {
		attempts.locked_until = expires = now + a->conf.login_lock;
		status = (pv_UserStatus){ .is_locked = true,
			                  .lock_expires = expires,
			                  .locked_time = now,
			                  .locked_message = message };
	}
	rc = secrets_put_op(&op, secrets_attempts_key(key, user), &pv_LoginAttempts_table,
	                    &attempts, expires, &bytes, err);
	if (rc == 0 && status.is_locked)
		rc = write_both(a, user, op, &status, done, arg, err);
	else if (rc == 0)
		rc = keyspace_write(a->keyspace, &op, 1, done, arg, err);
	buf_deinit(&bytes);
	return rc;
}

int attempts_clear(struct authd *a, const char *user, keyspace_done_cb done, void *arg,
                   struct err *err)
{
	const pv_UserStatus unlocked = { 0 };
	char key[SECRETS_KEY_SIZE];
	struct keyspace_op op = { .action = KEYSPACE_DELETE,
		                  .key = secrets_attempts_key(key, user) };

	return write_both(a, user, op, &unlocked, done, arg, err);
}
