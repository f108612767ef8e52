#include "authd/people/users.h"

#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/people/attempts.h"
#include "authd/people/calls.h"
#include "authd/people/invite.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "model/identity.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

int users_check_role(struct authd *a, const char *role, struct err *err)
{
	pv_Role found;
	int rc = access_lookup_role(a, role, &found, err);

	if (rc == 0)
		fields_release(&pv_Role_table, &found);
	return rc;
}

static int check_roles(struct authd *a, const pv_User *user, struct err *err)
{
	for (size_t i = 0; i < user->spec.roles_count; i++)
		if (users_check_role(a, user->spec.roles[i], err) != 0)
			return err->code;
	return 0;
}

/* --- an operation that ends in an invite, or in nothing to show ------------------------------ */

struct user_op {
	struct pending pending;
	struct authd *authd;
	enum audit_kind kind;
	char *user;
	struct invite invite;
	pv_Resource resource; /* the user's record, when it is written */
};

static struct user_op *op_new(struct rpc_call *call, const char *user, enum audit_kind kind,
                              struct err *err)
{
	struct user_op *op = calloc(1, sizeof(*op));

	if (op == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	op->authd = authd_of(call);
	op->kind = kind;
	op->user = strdup(user != NULL ? user : "");
	if (op->user == NULL) {
		err_set_nomem(err);
		free(op);
		return NULL;
	}
	pending_begin(&op->pending, call);
	return op;
}

static void finish(struct user_op *op, const void *response, const struct err *err)
{
	pending_end(&op->pending, response, err);
	resource_deinit(&op->resource);
	invite_deinit(&op->invite);
	free(op->user);
	free(op);
}

static void audit(struct user_op *op)
{
	struct audit_event e;

	if (op->pending.call == NULL)
		return;
	audit_event_init(&e, op->kind, true, authd_now(op->authd));
	audit_log_caller(&e, op->pending.call);
	e.pb.name = op->user;
	e.pb.roles_count = op->resource.of.user.spec.roles_count;
	e.pb.roles = op->resource.of.user.spec.roles;
	e.pb.expires = op->invite.expires;
	audit_log_report(op->authd, &e);
}

/* Written: the administrator gets the invite. */
static void on_invited(void *arg, uint64_t revision, const struct err *failure)
{
	struct user_op *op = arg;
	pv_Invite answer;
	struct err err;

	(void)revision;
	if (failure == NULL)
		audit(op);
	if (failure == NULL && invite_answer(op->authd, op->user, &op->invite, &answer, &err) != 0)
		failure = &err;
	if (failure != NULL) {
		finish(op, NULL, failure);
		return;
	}
	pending_end(&op->pending, &answer, NULL);
	fields_release(&pv_Invite_table, &answer);
	finish(op, NULL, NULL);
}

/* The user that the call names, who must exist. */
static int load_user(struct user_op *op, struct err *err)
{
	return resource_load(op->authd, resource_kind_find("user"), NULL, op->user, &op->resource,
	                     err);
}

static void fail_call(struct rpc_call *call, struct user_op *op, const struct err *err)
{
	if (op != NULL)
		finish(op, NULL, err);
	else
		rpc_call_fail(call, err);
}

/* --- CreateUser ------------------------------------------------------------------------------ */

static int fill_traits(const pv_CreateUserRequest *in, pv_UserSpec *spec, struct err *err)
{
	for (size_t i = 0; i < in->traits_count; i++) {
		pv_UserSpec_TraitsEntry *to =
		        fields_add(&spec->traits, &spec->traits_count, sizeof(*to), err);
		int rc;

		if (to == NULL)
			return err->code;
		to->has_value = true;
		rc = fields_set_str(&to->key, in->traits[i].key, err);
		if (rc == 0)
			rc = fields_clone(&pv_Strings_table, &in->traits[i].value, &to->value, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int fill_user(struct user_op *op, const pv_CreateUserRequest *in, struct err *err)
{
	pv_User *user = &op->resource.of.user;
	pv_UserSpec *spec = &user->spec;
	const struct peer *by = caller_of(op->pending.call);
	char name[PEER_NAME_SIZE];
	int rc;

	op->resource.which_of = pv_Resource_user_tag;
	user->has_spec = spec->has_created_by = spec->created_by.has_user = true;
	rc = fields_set_str(&resource_metadata(&op->resource)->name, op->user, err);
	for (size_t i = 0; rc == 0 && i < in->roles_count; i++)
		rc = fields_add_str(&spec->roles, &spec->roles_count, in->roles[i], err);
	if (rc == 0)
		rc = fill_traits(in, spec, err);
	if (rc == 0)
		rc = fields_set_str(&spec->created_by.user.name, peer_name(by, name, sizeof(name)),
		                    err);
	spec->created_by.time = authd_now(op->authd);
	if (rc == 0)
		rc = resource_validate(&op->resource, err);
	return rc == 0 ? check_roles(op->authd, user, err) : rc;
}

static void on_created(void *arg, uint64_t revision, const struct err *failure)
{
	struct user_op *op = arg;
	struct err err;

	if (failure != NULL && failure->code == ERR_EXISTS) {
		err_set(&err, ERR_EXISTS, "user '%s' already exists", op->user);
		failure = &err;
	}
	on_invited(op, revision, failure);
}

static int write_user(struct user_op *op, int64_t ttl, struct err *err)
{
	struct keyspace_op ops[1 + INVITE_OPS];
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	int rc = resource_key_of(key, &op->resource, err);

	if (rc == 0)
		rc = resource_bytes(op->authd, key, &op->resource, &bytes, err);
	if (rc == 0)
		rc = invite_make(op->authd, op->user, ttl, &op->invite, err);
	if (rc == 0) {
		ops[0] = keyspace_op_create(key, bytes.data, bytes.len, 0);
		memcpy(ops + 1, op->invite.ops, sizeof(op->invite.ops));
		rc = keyspace_write(op->authd->keyspace, ops, 1 + INVITE_OPS, on_created, op, err);
	}
	buf_deinit(&bytes);
	return rc;
}

void handle_create_user(struct rpc_call *call)
{
	const pv_CreateUserRequest *in = rpc_call_request(call);
	struct err err;
	struct user_op *op = op_new(call, in->name, AUDIT_USER_CREATE, &err);

	if (op == NULL || fill_user(op, in, &err) != 0 || write_user(op, in->ttl, &err) != 0)
		fail_call(call, op, &err);
}

/* --- ResetUser: password and devices are gone at once, a new invite is out ---------------------
 */

static void on_unlocked_for_reset(void *arg, uint64_t revision, const struct err *failure)
{
	struct user_op *op = arg;
	char keys[3][SECRETS_KEY_SIZE];
	struct keyspace_op ops[3 + INVITE_OPS];
	size_t count = 0;
	struct err err;
	int rc = 0;

	if (failure != NULL) {
		on_invited(op, revision, failure);
		return;
	}
	ops[count++] = (struct keyspace_op){ .action = KEYSPACE_DELETE,
		                             .key = secrets_password_key(keys[0], op->user) };
	ops[count++] = keyspace_op_delete_range(secrets_mfa_key(keys[2], op->user, ""), NULL);
	rc = invite_forget_op(op->authd, op->user, keys[1], ops, &count, &err);
	if (rc == 0) {
		memcpy(ops + count, op->invite.ops, sizeof(op->invite.ops));
		rc = keyspace_write(op->authd->keyspace, ops, count + INVITE_OPS, on_invited, op,
		                    &err);
	}
	if (rc != 0)
		on_invited(op, revision, &err);
}

void handle_reset_user(struct rpc_call *call)
{
	const pv_ResetUserRequest *in = rpc_call_request(call);
	struct err err;
	struct user_op *op = op_new(call, in->name, AUDIT_RESET_PASSWORD_TOKEN_CREATE, &err);

	if (op == NULL || load_user(op, &err) != 0 ||
	    invite_make(op->authd, op->user, in->ttl, &op->invite, &err) != 0 ||
	    attempts_clear(op->authd, op->user, on_unlocked_for_reset, op, &err) != 0)
		fail_call(call, op, &err);
}

/* --- UnlockUser ------------------------------------------------------------------------------ */

static void on_unlocked(void *arg, uint64_t revision, const struct err *failure)
{
	struct user_op *op = arg;

	(void)revision;
	if (failure == NULL)
		audit(op);
	finish(op, &(pv_Empty){ 0 }, failure);
}

void handle_unlock_user(struct rpc_call *call)
{
	const pv_UnlockUserRequest *in = rpc_call_request(call);
	struct err err;
	struct user_op *op = op_new(call, in->name, AUDIT_USER_UPDATE, &err);

	if (op == NULL || load_user(op, &err) != 0 ||
	    attempts_clear(op->authd, op->user, on_unlocked, op, &err) != 0)
		fail_call(call, op, &err);
}
