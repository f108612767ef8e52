#include "authd/people/invite.h"

#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/people/attempts.h"
#include "authd/people/calls.h"
#include "authd/people/mfa.h"
#include "authd/people/people.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/password.h"
#include "crypto/totp.h"
#include "loop/work.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define PASSWORD_LENGTH_MIN 6
#define PASSWORD_LENGTH_MAX 128
#define FIRST_DEVICE        "otp" /* the one that is enrolled with an invite */

/* --- making one ----------------------------------------------------------------------------- */

int invite_make(struct authd *a, const char *user, int64_t ttl, struct invite *out, struct err *err)
{
	pv_StoredInvite stored = { .user = audit_text(user) };
	uint8_t hash[HASH_SIZE], otp_key[TOTP_KEY_SIZE];
	int rc;

	*out = (struct invite){ 0 };
	if (ttl < 0 || ttl > INVITE_TTL_MAX)
		return err_set(err, ERR_INVALID, "ttl: an invite is good for at most 48 hours");
	secret_token(out->token);
	secrets_hash(out->token, hash);
	out->expires = stored.expires = authd_now(a) + (ttl > 0 ? ttl : a->conf.invite_ttl);
	totp_key(otp_key);
	rc = fields_set_bytes(&stored.hash, hash, sizeof(hash), err);
	if (rc == 0)
		rc = fields_set_bytes(&stored.otp_key, otp_key, sizeof(otp_key), err);
	explicit_bzero(otp_key, sizeof(otp_key));
	if (rc == 0)
		rc = secrets_put_op(&out->ops[0], secrets_user_invite_key(out->keys[0], user),
		                    &pv_StoredInvite_table, &stored, stored.expires, &out->bytes[0],
		                    err);
	if (rc == 0)
		rc = secrets_put_op(&out->ops[1], secrets_invite_key(out->keys[1], hash),
		                    &pv_StoredInvite_table, &stored, stored.expires, &out->bytes[1],
		                    err);
	free(stored.hash);
	secret_free(stored.otp_key, sizeof(otp_key));
	if (rc != 0)
		invite_deinit(out);
	return rc;
}

void invite_deinit(struct invite *i)
{
	explicit_bzero(i->token, sizeof(i->token));
	for (size_t n = 0; n < INVITE_OPS; n++)
		buf_wipe(&i->bytes[n]);
}

struct proxy_walk {
	char *addr; /* malloc'ed */
	struct err *err;
};

/* The first proxy that says how it is reached from outside. */
static int find_proxy(void *arg, const struct keyspace_item *item)
{
	struct proxy_walk *w = arg;
	const pv_NodeSpec *spec;
	pv_Resource r;
	int rc = resource_of_item(item, &r, w->err);

	if (rc != 0)
		return rc;
	spec = &r.of.proxy.spec;
	if (spec->public_addrs_count > 0)
		rc = fields_set_str(&w->addr, spec->public_addrs[0], w->err);
	else if (!str_empty(spec->addr))
		rc = fields_set_str(&w->addr, spec->addr, w->err);
	resource_deinit(&r);
	return rc != 0 ? rc : w->addr != NULL;
}

int invite_answer(struct authd *a, const char *user, const struct invite *i, pv_Invite *out,
                  struct err *err)
{
	const struct keyspace_query proxies = { .prefix = "/proxies/" };
	struct proxy_walk walk = { NULL, err };
	struct strlist pins = { 0 };
	int rc = keyspace_each(a->keyspace, &proxies, find_proxy, &walk, NULL, err);

	*out = (pv_Invite){ .expires = i->expires };
	if (walk.addr != NULL) {
		out->url = str_printf("https://%s/web/invite/%s", walk.addr, i->token);
		rc = out->url != NULL ? 0 : err_set_nomem(err);
	}
	free(walk.addr);
	if (rc == 0)
		rc = fields_set_str(&out->user, user, err);
	if (rc == 0)
		rc = fields_set_str(&out->token, i->token, err);
	if (rc == 0)
		rc = authorities_pins(&a->authorities, &pins, err);
	for (size_t n = 0; rc == 0 && n < pins.count; n++)
		rc = fields_add_str(&out->ca_pins, &out->ca_pins_count, pins.items[n], err);
	strlist_deinit(&pins);
	if (rc != 0)
		fields_release(&pv_Invite_table, out);
	return rc;
}

int invite_forget_op(struct authd *a, const char *user, char key[SECRETS_KEY_SIZE],
                     struct keyspace_op *out, size_t *count, struct err *err)
{
	pv_StoredInvite stored;
	int rc = secrets_load(a, secrets_user_invite_key(key, user), &pv_StoredInvite_table,
	                      &stored, NULL, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc != 0)
		return rc;
	if (stored.hash != NULL && stored.hash->size == HASH_SIZE) {
		secrets_invite_key(key, stored.hash->bytes);
		out[(*count)++] = (struct keyspace_op){ .action = KEYSPACE_DELETE, .key = key };
	}
	fields_release(&pv_StoredInvite_table, &stored);
	return 0;
}

/* --- using one ------------------------------------------------------------------------------ */

/* The record behind a token, if it is its user's newest and the user is still there. */
static int load_invite(struct authd *a, const char *token, pv_StoredInvite *out,
                       uint64_t *out_revision, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	uint8_t hash[HASH_SIZE];
	pv_StoredInvite newest = { 0 };
	pv_Resource user = { 0 };
	bool good;
	int rc;

	secrets_hash(token != NULL ? token : "", hash);
	rc = secrets_load(a, secrets_invite_key(key, hash), &pv_StoredInvite_table, out,
	                  out_revision, err);
	if (rc != 0)
		goto out;
	rc = secrets_load(a, secrets_user_invite_key(key, out->user), &pv_StoredInvite_table,
	                  &newest, NULL, err);
	if (rc == 0)
		rc = resource_load(a, resource_kind_find("user"), NULL, out->user, &user, err);
	good = rc == 0 && newest.hash != NULL && newest.hash->size == HASH_SIZE &&
	       secret_equal(newest.hash->bytes, hash, HASH_SIZE);
	if (rc == 0 && !good)
		rc = ERR_NOT_FOUND;
	if (rc != 0)
		fields_release(&pv_StoredInvite_table, out);
out:
	fields_release(&pv_StoredInvite_table, &newest);
	resource_deinit(&user);
	if (rc == ERR_NOT_FOUND)
		err_set(err, ERR_NOT_FOUND, "the invite is not valid, was used, or has expired");
	return rc;
}

void handle_get_invite(struct rpc_call *call)
{
	const pv_GetInviteRequest *in = rpc_call_request(call);
	struct authd *a = authd_of(call);
	pv_GetInviteResponse answer = pv_GetInviteResponse_init_zero;
	enum mfa_policy policy;
	pv_StoredInvite stored;
	struct err err;
	int rc;

	if (load_invite(a, in->token, &stored, NULL, &err) != 0) {
		rpc_call_fail(call, &err);
		return;
	}
	rc = mfa_policy(a, &policy, &err);
	if (rc == 0 && policy != MFA_OFF && stored.otp_key != NULL) {
		answer.has_enrollment = true;
		rc = mfa_enrollment(a, stored.user, stored.otp_key, &answer.enrollment, &err);
	}
	if (rc == 0) {
		answer.user = stored.user;
		answer.expires = stored.expires;
		answer.cluster_name = a->conf.cluster_name;
		answer.second_factor = (char *)(uintptr_t)mfa_policy_name(policy);
		rpc_call_reply(call, &answer);
	} else {
		rpc_call_fail(call, &err);
	}
	fields_release(&pv_MfaEnrollment_table, &answer.enrollment);
	fields_release(&pv_StoredInvite_table, &stored);
}

/* AcceptInvite: HASHING --> WRITING --> AUDITING --> answer */
struct accept {
	struct pending pending;
	struct authd *authd;
	struct work work;
	char *password;
	char hash[PASSWORD_HASH_SIZE];
	int64_t otp_step; /* of the code that enrolls a device; 0: none does */
	pv_StoredInvite invite;
	uint64_t revision; /* of its record: whoever uses it first wins */
	struct err err;
};

static void accept_finish(struct accept *op, const struct err *err)
{
	pending_end(&op->pending, &(pv_Empty){ 0 }, err);
	secret_str_free(op->password);
	explicit_bzero(op->hash, sizeof(op->hash));
	fields_release(&pv_StoredInvite_table, &op->invite);
	free(op);
}

static void on_audited(void *arg, const struct err *err)
{
	accept_finish(arg, err);
}

static void on_stored(void *arg, uint64_t revision, const struct err *failure)
{
	struct accept *op = arg;
	struct audit_event e;
	struct err err;

	(void)revision;
	if (failure != NULL && (failure->code == ERR_CONFLICT || failure->code == ERR_NOT_FOUND)) {
		err_set(&err, ERR_NOT_FOUND, "the invite was used meanwhile");
		failure = &err;
	}
	if (failure != NULL) {
		accept_finish(op, failure);
		return;
	}
	audit_event_init(&e, AUDIT_USER_PASSWORD_CHANGE, true, authd_now(op->authd));
	e.pb.user = op->invite.user;
	if (audit_log_write(op->authd->audit, &e.pb, 1, on_audited, op, &err) != 0)
		accept_finish(op, &err);
}

/* Consumes the invite and stores the password, which also ends a lock, and the device of the second
 * factor, in one write. */
static int store(struct accept *op, struct err *err)
{
	pv_StoredPassword stored = { .hash = op->hash, .changed = authd_now(op->authd) };
	char keys[5][SECRETS_KEY_SIZE];
	const char *user = op->invite.user;
	struct buf bytes = { 0 }, device = { 0 };
	struct keyspace_op ops[5];
	size_t count = 4;
	int rc;

	secrets_invite_key(keys[0], op->invite.hash->bytes);
	ops[0] = keyspace_op_delete_at(keys[0], op->revision);
	ops[1] = (struct keyspace_op){ .action = KEYSPACE_DELETE,
		                       .key = secrets_user_invite_key(keys[1], user) };
	ops[2] = (struct keyspace_op){ .action = KEYSPACE_DELETE,
		                       .key = secrets_attempts_key(keys[2], user) };
	rc = secrets_put_op(&ops[3], secrets_password_key(keys[3], user), &pv_StoredPassword_table,
	                    &stored, 0, &bytes, err);
	if (rc == 0 && op->otp_step != 0)
		rc = mfa_add_op(op->authd, user, FIRST_DEVICE, op->invite.otp_key, op->otp_step,
		                keys[4], &device, &ops[count++], err);
	if (rc == 0)
		rc = keyspace_write(op->authd->keyspace, ops, count, on_stored, op, err);
	buf_wipe(&bytes);
	buf_wipe(&device);
	return rc;
}

static void run_hash(struct work *w)
{
	struct accept *op = container_of(w, struct accept, work);

	password_hash(op->password, &PASSWORD_COST_DEFAULT, op->hash, &op->err);
}

static void on_hashed(struct work *w, bool canceled)
{
	struct accept *op = container_of(w, struct accept, work);

	if (canceled)
		err_set(&op->err, ERR_CANCELED, "shutting down");
	if (op->err.code != 0 || store(op, &op->err) != 0)
		accept_finish(op, &op->err);
}

static int check_password(const char *password, struct err *err)
{
	size_t len = password != NULL ? strlen(password) : 0;

	if (len >= PASSWORD_LENGTH_MIN && len <= PASSWORD_LENGTH_MAX)
		return 0;
	return err_set(err, ERR_INVALID, "a password has %d to %d bytes", PASSWORD_LENGTH_MIN,
	               PASSWORD_LENGTH_MAX);
}

/* The code that shows that the app has the key; where the cluster asks for none it is ignored. */
static int check_code(struct accept *op, const char *code, struct err *err)
{
	const pb_bytes_array_t *key = op->invite.otp_key;
	enum mfa_policy policy;
	int rc = mfa_policy(op->authd, &policy, err);

	if (rc != 0 || policy == MFA_OFF || (policy == MFA_OPTIONAL && str_empty(code)))
		return rc;
	if (key == NULL)
		return err_set(err, ERR_CONFLICT,
		               "this invite is older than the cluster's second "
		               "factor; ask for a new one");
	if (str_empty(code))
		return err_set(err, ERR_INVALID,
		               "this cluster asks for a second factor: a code from "
		               "your authenticator app is needed");
	if (totp_check(key->bytes, key->size, code, authd_now(op->authd), 0, &op->otp_step, err) !=
	    0)
		return err_set(err, ERR_INVALID,
		               "the code is not the one that the app shows now; is "
		               "its clock right?");
	return 0;
}

void handle_accept_invite(struct rpc_call *call)
{
	const pv_AcceptInviteRequest *in = rpc_call_request(call);
	struct accept *op = calloc(1, sizeof(*op));
	struct err err;
	int rc;

	if (op == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	op->authd = authd_of(call);
	pending_begin(&op->pending, call);
	rc = load_invite(op->authd, in->token, &op->invite, &op->revision, &err);
	if (rc == 0)
		rc = check_password(in->password, &err);
	if (rc == 0)
		rc = check_code(op, in->otp, &err);
	if (rc == 0)
		rc = fields_set_str(&op->password, in->password, &err);
	if (rc == 0)
		rc = people_hash(op->authd, &op->work, run_hash, on_hashed, &err);
	if (rc != 0)
		accept_finish(op, &err);
}
