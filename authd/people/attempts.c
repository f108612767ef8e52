#include "authd/people/attempts.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/core/secrets.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MS (30 * 60 * 1000LL)

/* The record as it counts now, a lock that is over starts from nothing; and the revision of what
 * is stored, 0 when nothing is. */
static int load(struct authd *a, const char *user, pv_LoginAttempts *out, uint64_t *out_revision,
                struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	int rc;

	*out_revision = 0;
	rc = secrets_load(a, secrets_attempts_key(key, user), &pv_LoginAttempts_table, out,
	                  out_revision, err);
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
	uint64_t revision;
	int rc = load(a, user, out, &revision, err);

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

/* --- counting -------------------------------------------------------------------------------- */

/* One more failure. Others of the same name may be counted at the same moment: a write that finds
 * the record changed is tried again on what is there then, so that none is lost. */
struct failure {
	struct authd *authd;
	char *user;
	int tries;
	keyspace_done_cb done;
	void *arg;
};

#define TRIES 64 /* more than ever are inside of one name's gate */

static int try_count(struct failure *f, struct err *err);

static void on_counted(void *arg, uint64_t revision, const struct err *err)
{
	struct failure *f = arg;
	struct err again;

	if (err != NULL && (err->code == ERR_CONFLICT || err->code == ERR_EXISTS) &&
	    f->tries < TRIES) {
		if (try_count(f, &again) == 0)
			return;
		err = &again;
	}
	f->done(f->arg, revision, err);
	free(f->user);
	free(f);
}

static int try_count(struct failure *f, struct err *err)
{
	char key[SECRETS_KEY_SIZE], message[] = "too many failed logins";
	int64_t now = authd_now(f->authd), expires = now + MEMORY_MS;
	struct buf bytes = { 0 };
	struct keyspace_op op;
	pv_LoginAttempts attempts;
	pv_UserStatus status = { 0 };
	uint64_t revision;
	int rc = load(f->authd, f->user, &attempts, &revision, err);

	if (rc != 0)
		return rc;
	f->tries++;
	attempts.failures++;
	if (attempts.failures >= f->authd->conf.login_attempts) {
		attempts.locked_until = expires = now + f->authd->conf.login_lock;
		status = (pv_UserStatus){ .is_locked = true,
			                  .lock_expires = expires,
			                  .locked_time = now,
			                  .locked_message = message };
	}
	rc = secrets_put_op(&op, secrets_attempts_key(key, f->user), &pv_LoginAttempts_table,
	                    &attempts, expires, &bytes, err);
	op.condition = revision != 0 ? KEYSPACE_IF_REVISION : KEYSPACE_IF_ABSENT;
	op.revision = revision;
	if (rc == 0 && status.is_locked)
		rc = write_both(f->authd, f->user, op, &status, on_counted, f, err);
	else if (rc == 0)
		rc = keyspace_write(f->authd->keyspace, &op, 1, on_counted, f, err);
	buf_deinit(&bytes);
	return rc;
}

int attempts_fail(struct authd *a, const char *user, keyspace_done_cb done, void *arg,
                  struct err *err)
{
	struct failure *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return err_set_nomem(err);
	*f = (struct failure){ .authd = a, .user = strdup(user), .done = done, .arg = arg };
	rc = f->user != NULL ? try_count(f, err) : err_set_nomem(err);
	if (rc != 0) {
		free(f->user);
		free(f);
	}
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
