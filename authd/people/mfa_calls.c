/*
 * mfa_calls - people see, add and remove the devices of their second factor.
 *
 *   PROVING who it is --wrong--> COUNTING (as a failed login) --> answer
 *                     --right--> WRITING --> answer, and a line in the audit log
 *
 * By a code of a device, or, who has none yet, by the password: a certificate alone, which may have
 * been stolen, adds no device that outlives it. A new device counts once it has shown a code
 * itself.
 */
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/people/calls.h"
#include "authd/people/mfa.h"
#include "authd/people/proof.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/secret.h"
#include "crypto/totp.h"
#include "model/identity.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define PENDING_MS (10 * 60 * 1000LL)
#define OPS_MAX    3

struct mfa_op {
	struct pending pending;
	struct authd *authd;
	struct proof proof;
	void (*proceed)(struct mfa_op *op); /* once it is their turn, and the password was right */
	char *user;
	char *password;            /* NULL: none is asked for */
	char *otp;                 /* the code that they gave */
	char *device;              /* its name, for the audit log */
	bool audited;              /* a line in the log follows, */
	enum audit_kind kind;      /* of this kind */
	struct mfa_use use;        /* the code that allows it */
	pv_StoredMfaDevice stored; /* the device in question */
	char key[SECRETS_KEY_SIZE];
	char pending_key[SECRETS_KEY_SIZE];
	struct buf bytes;
	struct keyspace_op ops[OPS_MAX];
	size_t count;
	pv_MfaEnrollment enrollment;
	const void *answer; /* NULL: the empty one */
	struct err denied;
};

static void op_free(struct mfa_op *op)
{
	proof_leave(&op->proof);
	mfa_use_deinit(&op->use);
	buf_wipe(&op->bytes);
	fields_release(&pv_StoredMfaDevice_table, &op->stored);
	fields_release(&pv_MfaEnrollment_table, &op->enrollment);
	secret_str_free(op->password);
	secret_str_free(op->otp);
	free(op->user);
	free(op->device);
	free(op);
}

static struct mfa_op *op_new(struct rpc_call *call, const char *device, const char *otp,
                             void (*proceed)(struct mfa_op *op), struct err *err)
{
	struct mfa_op *op = calloc(1, sizeof(*op));

	if (op == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	op->authd = authd_of(call);
	op->proceed = proceed;
	if (fields_set_str(&op->user, caller_of(call)->identity.user, err) != 0 ||
	    fields_set_str(&op->device, device != NULL ? device : "", err) != 0 ||
	    fields_set_str(&op->otp, otp != NULL ? otp : "", err) != 0) {
		op_free(op);
		return NULL;
	}
	secrets_mfa_pending_key(op->pending_key, op->user);
	pending_begin(&op->pending, call);
	return op;
}

static void finish(struct mfa_op *op, const struct err *err)
{
	const pv_Empty empty = pv_Empty_init_zero;

	pending_end(&op->pending, op->answer != NULL ? op->answer : &empty, err);
	op_free(op);
}

/* --- PROVING, COUNTING ----------------------------------------------------------------------- */

static void on_counted(void *arg, uint64_t revision, const struct err *err)
{
	struct mfa_op *op = arg;

	(void)revision;
	finish(op, err != NULL ? err : &op->denied);
}

/* Ends the call for a reason that counts as a failed login. */
static void deny(struct mfa_op *op, const struct err *why)
{
	struct err err;

	op->denied = *why;
	if (proof_fail(&op->proof, on_counted, op, &err) != 0)
		finish(op, &err);
}

/* The code was judged, and nothing is allowed by it: a wrong one counts. */
static void refuse(struct mfa_op *op, const struct err *why)
{
	if (why->code == ERR_DENIED)
		deny(op, why);
	else
		finish(op, why);
}

static void on_judged(struct proof *p, enum proof_verdict verdict, const struct err *err)
{
	struct mfa_op *op = container_of(p, struct mfa_op, proof);
	struct err wrong;

	if (verdict == PROOF_RIGHT) {
		op->proceed(op);
	} else if (verdict == PROOF_WRONG) {
		err_set(&wrong, ERR_DENIED, "the password is wrong");
		deny(op, &wrong);
	} else {
		finish(op, err);
	}
}

static void prove(struct mfa_op *op, const char *addr)
{
	struct err err;

	op->proof = (struct proof){
		.authd = op->authd, .user = op->user, .password = op->password, .judged = on_judged
	};
	if (proof_start(&op->proof, addr, &err) != 0)
		finish(op, &err);
}

/* 0: the code is good and will be used up, or they have no device that could show one, and the
 * password was right. */
static int judge(struct mfa_op *op, struct err *err)
{
	int rc = mfa_check(op->authd, op->user, op->otp, &op->use, err);

	if (rc == 0)
		op->ops[op->count++] = op->use.op;
	if (rc == ERR_NOT_FOUND && op->password != NULL)
		rc = 0;
	return rc;
}

/* --- WRITING --------------------------------------------------------------------------------- */

static void on_written(void *arg, uint64_t revision, const struct err *failure)
{
	struct mfa_op *op = arg;
	struct audit_event e;
	struct err err;

	(void)revision;
	if (failure != NULL && failure->code == ERR_CONFLICT) {
		err_set(&err, ERR_CONFLICT, "something changed meanwhile; try again");
		failure = &err;
	}
	if (failure == NULL && op->audited && op->pending.call != NULL) {
		audit_event_init(&e, op->kind, true, authd_now(op->authd));
		audit_log_caller(&e, op->pending.call);
		e.pb.name = op->device;
		audit_log_report(op->authd, &e);
	}
	finish(op, failure);
}

static int write_ops(struct mfa_op *op, struct err *err)
{
	return keyspace_write(op->authd->keyspace, op->ops, op->count, on_written, op, err);
}

/* --- ListMfaDevices -------------------------------------------------------------------------- */

struct listing {
	pv_ListMfaDevicesResponse *out;
	struct err *err;
};

static int add_listed(void *arg, const char *key, const pv_StoredMfaDevice *device,
                      uint64_t revision)
{
	struct listing *l = arg;
	pv_MfaDevice *row =
	        fields_add(&l->out->devices, &l->out->devices_count, sizeof(*row), l->err);

	(void)key;
	(void)revision;
	if (row == NULL)
		return l->err->code;
	row->added = device->added;
	return fields_set_str(&row->name, device->name, l->err);
}

void handle_list_mfa_devices(struct rpc_call *call)
{
	pv_ListMfaDevicesResponse answer = pv_ListMfaDevicesResponse_init_zero;
	struct err err;
	struct listing listing = { &answer, &err };

	if (mfa_each(authd_of(call), caller_of(call)->identity.user, add_listed, &listing, &err) !=
	    0)
		rpc_call_fail(call, &err);
	else
		rpc_call_reply(call, &answer);
	fields_release(&pv_ListMfaDevicesResponse_table, &answer);
}

/* --- BeginMfaDevice -------------------------------------------------------------------------- */

struct looking {
	const char *name;
	size_t count;
	bool found;
};

static int look(void *arg, const char *key, const pv_StoredMfaDevice *device, uint64_t revision)
{
	struct looking *l = arg;

	(void)key;
	(void)revision;
	l->count++;
	l->found = l->found || str_eq(device->name, l->name);
	return 0;
}

static int look_at_devices(struct mfa_op *op, struct looking *out, struct err *err)
{
	*out = (struct looking){ .name = op->device };
	return mfa_each(op->authd, op->user, look, out, err);
}

static int check_new_name(struct mfa_op *op, size_t *out_count, struct err *err)
{
	struct looking l;

	if (resource_check_name(op->device, err) != 0 || look_at_devices(op, &l, err) != 0)
		return err->code;
	if (l.found)
		return err_set(err, ERR_EXISTS, "you have a device '%s' already", op->device);
	if (l.count >= MFA_DEVICES_MAX)
		return err_set(err, ERR_LIMIT, "you have %zu devices; remove one first", l.count);
	*out_count = l.count;
	return 0;
}

/* The device as it waits for its first code. */
static int prepare_device(struct mfa_op *op, struct err *err)
{
	uint8_t key[TOTP_KEY_SIZE];
	int rc;

	totp_key(key);
	rc = fields_set_bytes(&op->stored.key, key, sizeof(key), err);
	explicit_bzero(key, sizeof(key));
	if (rc == 0)
		rc = fields_set_str(&op->stored.name, op->device, err);
	if (rc == 0)
		rc = secrets_put_op(&op->ops[op->count], op->pending_key, &pv_StoredMfaDevice_table,
		                    &op->stored, authd_now(op->authd) + PENDING_MS, &op->bytes,
		                    err);
	if (rc == 0) {
		op->count++;
		op->answer = &op->enrollment;
		rc = mfa_enrollment(op->authd, op->user, op->stored.key, &op->enrollment, err);
	}
	return rc;
}

static void begin_device(struct mfa_op *op)
{
	struct err err;

	if (judge(op, &err) != 0)
		refuse(op, &err);
	else if (prepare_device(op, &err) != 0 || write_ops(op, &err) != 0)
		finish(op, &err);
}

/* Who has no device yet shows the password instead of a code. */
static int take_password(struct mfa_op *op, const char *password, struct err *err)
{
	if (str_empty(password))
		return err_set(err, ERR_DENIED,
		               "you have no device yet: a first one needs your password");
	return fields_set_str(&op->password, password, err);
}

void handle_begin_mfa_device(struct rpc_call *call)
{
	const pv_BeginMfaDeviceRequest *in = rpc_call_request(call);
	struct err err;
	struct mfa_op *op = op_new(call, in->name, in->otp, begin_device, &err);
	size_t devices = 0;

	if (op == NULL)
		rpc_call_fail(call, &err);
	else if (check_new_name(op, &devices, &err) != 0 ||
	         (devices == 0 && take_password(op, in->password, &err) != 0))
		finish(op, &err);
	else
		prove(op, caller_of(call)->addr);
}

/* --- FinishMfaDevice ------------------------------------------------------------------------- */

static int load_pending(struct mfa_op *op, struct err *err)
{
	uint64_t revision;
	int rc = secrets_load(op->authd, op->pending_key, &pv_StoredMfaDevice_table, &op->stored,
	                      &revision, err);

	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND,
		               "no device waits for its first code; begin anew");
	if (rc == 0 && op->stored.key == NULL)
		rc = err_set(err, ERR_CORRUPT, "the device that waits has no key");
	if (rc == 0)
		rc = fields_set_str(&op->device, op->stored.name, err);
	if (rc == 0)
		op->ops[op->count++] = keyspace_op_delete_at(op->pending_key, revision);
	return rc;
}

static void finish_device(struct mfa_op *op)
{
	int64_t step = 0;
	struct err err;

	if (load_pending(op, &err) != 0) {
		finish(op, &err);
		return;
	}
	op->audited = true;
	op->kind = AUDIT_MFA_ADD;
	if (totp_check(op->stored.key->bytes, op->stored.key->size, op->otp, authd_now(op->authd),
	               0, &step, &err) != 0)
		refuse(op, &err);
	else if (mfa_add_op(op->authd, op->user, op->device, op->stored.key, step, op->key,
	                    &op->bytes, &op->ops[op->count++], &err) != 0 ||
	         write_ops(op, &err) != 0)
		finish(op, &err);
}

void handle_finish_mfa_device(struct rpc_call *call)
{
	const pv_FinishMfaDeviceRequest *in = rpc_call_request(call);
	struct err err;
	struct mfa_op *op = op_new(call, NULL, in->otp, finish_device, &err);

	if (op == NULL)
		rpc_call_fail(call, &err);
	else
		prove(op, caller_of(call)->addr);
}

/* --- RemoveMfaDevice ------------------------------------------------------------------------- */

static int check_may_go(struct mfa_op *op, struct err *err)
{
	enum mfa_policy policy;
	struct looking l;

	if (look_at_devices(op, &l, err) != 0 || mfa_policy(op->authd, &policy, err) != 0)
		return err->code;
	if (!l.found)
		return err_set(err, ERR_NOT_FOUND, "you have no device '%s'", op->device);
	if (l.count == 1 && policy == MFA_REQUIRED)
		return err_set(err, ERR_DENIED,
		               "'%s' is your last device, and this cluster asks for "
		               "one; add another first",
		               op->device);
	return 0;
}

/* A device that says itself that it may go is not written once more. */
static void add_removal(struct mfa_op *op)
{
	secrets_mfa_key(op->key, op->user, op->device);
	if (str_eq(op->key, op->use.key))
		op->ops[0] = keyspace_op_delete_at(op->key, op->use.op.revision);
	else
		op->ops[op->count++] = keyspace_op_delete(op->key);
}

static void remove_device(struct mfa_op *op)
{
	struct err err;

	if (check_may_go(op, &err) != 0) {
		finish(op, &err);
		return;
	}
	op->audited = true;
	op->kind = AUDIT_MFA_DELETE;
	if (judge(op, &err) != 0) {
		refuse(op, &err);
		return;
	}
	add_removal(op);
	if (write_ops(op, &err) != 0)
		finish(op, &err);
}

void handle_remove_mfa_device(struct rpc_call *call)
{
	const pv_RemoveMfaDeviceRequest *in = rpc_call_request(call);
	struct err err;
	struct mfa_op *op = op_new(call, in->name, in->otp, remove_device, &err);

	if (op == NULL)
		rpc_call_fail(call, &err);
	else if (resource_check_name(op->device, &err) != 0)
		finish(op, &err);
	else
		prove(op, caller_of(call)->addr);
}
