/*
 * login - a name and a password in, certificates out.
 *
 *   GATES --> VERIFYING --wrong--> COUNTING ---------------+--> AUDITING --> answer
 *                       --right--> using the code up,      |
 *                                  where one is asked for, |
 *                                  then SIGNING -----------+
 *
 * There is a gate per address, so that one of them cannot keep the hashing to itself, and behind
 * it one per name, which lets no more in than may still fail: guesses cannot race each other
 * past the lock. Names that nobody has take the same way at the same cost.
 */
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/authorities/certify.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/secrets.h"
#include "authd/core/settings.h"
#include "authd/people/attempts.h"
#include "authd/people/calls.h"
#include "authd/people/issue.h"
#include "authd/people/mfa.h"
#include "authd/people/people.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/password.h"
#include "crypto/secret.h"
#include "loop/work.h"
#include "model/identity.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_PER_ADDRESS 8

struct login {
	struct pending pending;
	struct authd *authd;
	struct gate_guest at_address;
	struct gate_guest at_name;
	struct work work; /* the hash */
	struct certify certify;

	char *user;
	char *password;
	char *otp; /* a code of the second factor; "" = none was given */
	struct mfa_use code;
	char *ssh_public_key;
	char *tls_public_key;
	int64_t ttl;
	char *addr; /* of the person, as far as it is known */

	char hash[PASSWORD_HASH_SIZE]; /* "" = there is no such user, or none with a password */
	bool had_failures;
	struct err verdict; /* of the thread */
	struct err err;     /* why it failed; the first reason stays */
	pv_LoginResponse answer;
};

static void fail(struct login *l, const struct err *err)
{
	if (l->err.code == 0)
		l->err = *err;
}

static void login_free(struct login *l)
{
	fields_release(&pv_LoginResponse_table, &l->answer);
	certify_deinit(&l->certify);
	mfa_use_deinit(&l->code);
	secret_str_free(l->password);
	secret_str_free(l->otp);
	explicit_bzero(l->hash, sizeof(l->hash));
	free(l->user);
	free(l->ssh_public_key);
	free(l->tls_public_key);
	free(l->addr);
	free(l);
}

static void finish(struct login *l)
{
	pending_end(&l->pending, &l->answer, l->err.code != 0 ? &l->err : NULL);
	login_free(l);
}

/* --- AUDITING: no answer before the log has it ---------------------------------------------- */

static void on_audited(void *arg, const struct err *err)
{
	struct login *l = arg;

	if (err != NULL)
		fail(l, err);
	finish(l);
}

static void audit(struct login *l)
{
	struct audit_event e;
	struct err err;

	audit_event_init(&e, AUDIT_USER_LOGIN, l->err.code == 0, authd_now(l->authd));
	e.pb.user = l->user;
	e.pb.method = audit_text("local");
	e.pb.addr_remote = l->addr;
	if (l->err.code != 0)
		e.pb.error = l->err.msg;
	if (audit_log_write(l->authd->audit, &e.pb, 1, on_audited, l, &err) != 0) {
		fail(l, &err);
		finish(l);
	}
}

/* --- COUNTING a failure --------------------------------------------------------------------- */

/* Leaves the gates to those who wait, with the room that there is now. */
static void leave_gates(struct login *l)
{
	pv_LoginAttempts attempts = { 0 };
	struct err err;
	unsigned room;

	if (l->at_name.inside) {
		if (attempts_load(l->authd, l->user, &attempts, &err) != 0)
			room = 1; /* locked: they find out one by one */
		else
			room = attempts_room(l->authd, &attempts);
		gate_leave(l->authd->people, &l->at_name, room);
	}
	gate_leave(l->authd->people, &l->at_address, ROOM_PER_ADDRESS);
}

static void on_counted(void *arg, uint64_t revision, const struct err *err)
{
	struct login *l = arg;

	(void)revision;
	if (err != NULL)
		fail(l, err);
	leave_gates(l);
	audit(l);
}

/* Of this cluster, whoever it is. */
static bool asks_for_codes(const struct login *l)
{
	enum mfa_policy policy;
	struct err ignored;

	return mfa_policy(l->authd, &policy, &ignored) != 0 || policy != MFA_OFF;
}

static void count_failure(struct login *l)
{
	struct err err;

	err_set(&err, ERR_UNAUTHENTICATED, "wrong user name%s",
	        asks_for_codes(l) ? ", password or code" : " or password");
	fail(l, &err);
	if (attempts_fail(l->authd, l->user, on_counted, l, &err) != 0)
		on_counted(l, 0, &err);
}

/* --- SIGNING -------------------------------------------------------------------------------- */

static void on_signed(struct certify *c, const struct err *failure)
{
	struct login *l = container_of(c, struct login, certify);
	struct err err;

	if (failure != NULL)
		fail(l, failure);
	else if (issue_answer(l->authd, c, &l->answer, &err) != 0)
		fail(l, &err);
	audit(l);
}

static void sign(struct login *l)
{
	const struct issue_request request = { .user = l->user,
		                               .ssh_public_key = l->ssh_public_key,
		                               .tls_public_key = l->tls_public_key,
		                               .client_addr = l->addr,
		                               .ttl = l->ttl };
	struct err err;
	int rc = issue_prepare(l->authd, &request, &l->certify, &err);

	l->certify.done = on_signed;
	if (rc == 0)
		rc = people_certify(l->authd, &l->certify, l->authd->authorities.user, &err);
	if (rc != 0) {
		fail(l, &err);
		audit(l);
	}
}

/* The password was right: what failed before is forgotten. */
static void on_cleared(void *arg, uint64_t revision, const struct err *err)
{
	struct login *l = arg;

	(void)revision;
	if (err != NULL)
		fail(l, err);
	leave_gates(l);
	if (l->err.code != 0)
		audit(l);
	else
		sign(l);
}

static void admit(struct login *l)
{
	struct err err;

	if (!l->had_failures)
		on_cleared(l, 0, NULL);
	else if (attempts_clear(l->authd, l->user, on_cleared, l, &err) != 0)
		on_cleared(l, 0, &err);
}

/* --- the second factor ----------------------------------------------------------------------- */

/* Neither their fault nor a guess: nothing is counted. */
static void give_up(struct login *l, const struct err *err)
{
	fail(l, err);
	leave_gates(l);
	audit(l);
}

/* Somebody else may have used the same code meanwhile. */
static void on_code_used(void *arg, uint64_t revision, const struct err *err)
{
	struct login *l = arg;

	(void)revision;
	if (err == NULL)
		admit(l);
	else if (err->code == ERR_CONFLICT)
		count_failure(l);
	else
		give_up(l, err);
}

static void check_code(struct login *l, bool required)
{
	struct err err;
	int rc = mfa_check(l->authd, l->user, l->otp, &l->code, &err);

	if (rc == 0)
		rc = keyspace_write(l->authd->keyspace, &l->code.op, 1, on_code_used, l, &err);
	if (rc == ERR_DENIED)
		count_failure(l);
	else if (rc == ERR_NOT_FOUND && !required)
		admit(l);
	else if (rc != 0)
		give_up(l, &err);
}

static void check_second_factor(struct login *l)
{
	enum mfa_policy policy;
	struct err err;

	if (mfa_policy(l->authd, &policy, &err) != 0)
		give_up(l, &err);
	else if (policy == MFA_OFF)
		admit(l);
	else
		check_code(l, policy == MFA_REQUIRED);
}

/* --- VERIFYING ------------------------------------------------------------------------------ */

static void run_verify(struct work *w)
{
	struct login *l = container_of(w, struct login, work);

	if (l->hash[0] != 0)
		password_verify(l->hash, l->password, &l->verdict);
	else
		password_verify_nobody(l->password, &PASSWORD_COST_DEFAULT, &l->verdict);
}

static void on_verified(struct work *w, bool canceled)
{
	struct login *l = container_of(w, struct login, work);

	if (canceled)
		err_set(&l->verdict, ERR_CANCELED, "shutting down");
	if (l->verdict.code == 0) {
		check_second_factor(l);
	} else if (l->verdict.code == ERR_DENIED || l->verdict.code == ERR_INVALID) {
		count_failure(l);
	} else { /* ours, not theirs: nothing to hold against them */
		fail(l, &l->verdict);
		leave_gates(l);
		finish(l);
	}
}

static int load_hash(struct login *l, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	pv_StoredPassword password;
	int rc = secrets_load(l->authd, secrets_password_key(key, l->user),
	                      &pv_StoredPassword_table, &password, NULL, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc != 0)
		return rc;
	rc = str_copy(l->hash, sizeof(l->hash), password.hash != NULL ? password.hash : "");
	fields_release(&pv_StoredPassword_table, &password);
	return rc != 0 ? err_set(err, ERR_CORRUPT, "the stored password is too long") : 0;
}

static int start_verifying(struct login *l, struct err *err)
{
	pv_LoginAttempts attempts;
	int rc = attempts_load(l->authd, l->user, &attempts, err);

	if (rc == 0)
		rc = load_hash(l, err);
	if (rc != 0)
		return rc;
	l->had_failures = attempts.failures > 0;
	return people_hash(l->authd, &l->work, run_verify, on_verified, err);
}

/* --- GATES ---------------------------------------------------------------------------------- */

static void on_name_entered(struct gate_guest *g)
{
	struct login *l = container_of(g, struct login, at_name);
	struct err err;

	if (start_verifying(l, &err) != 0)
		give_up(l, &err);
}

static void on_address_entered(struct gate_guest *g)
{
	struct login *l = container_of(g, struct login, at_address);
	pv_LoginAttempts attempts;
	struct err err;

	if (attempts_load(l->authd, l->user, &attempts, &err) != 0 ||
	    gate_arrive(l->authd->people, &l->at_name, l->user, attempts_room(l->authd, &attempts),
	                &err) != 0)
		give_up(l, &err);
}

/* "/192.0.2.7" of "192.0.2.7:51234": no name of a user begins like this. */
static int arrive(struct login *l, struct err *err)
{
	char *gate = str_printf("/%.*s", (int)str_host_len(l->addr), l->addr);
	int rc = gate != NULL ? 0 : err_set_nomem(err);

	if (rc == 0)
		rc = gate_arrive(l->authd->people, &l->at_address, gate, ROOM_PER_ADDRESS, err);
	free(gate);
	return rc;
}

/* --- the call ------------------------------------------------------------------------------- */

/* A proxy knows who asked it; anybody else is where the connection comes from. */
static const char *address(const struct rpc_call *call, const pv_LoginRequest *in)
{
	const struct peer *peer = caller_of(call);

	return peer_is_host(peer, "Proxy") && !str_empty(in->client_addr) ? in->client_addr
	                                                                  : peer->addr;
}

static struct login *login_new(struct rpc_call *call, struct err *err)
{
	const pv_LoginRequest *in = rpc_call_request(call);
	struct login *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	l->authd = authd_of(call);
	l->at_address.enter = on_address_entered;
	l->at_name.enter = on_name_entered;
	l->ttl = in->ttl;
	rc = fields_set_str(&l->user, in->user != NULL ? in->user : "", err);
	if (rc == 0)
		rc = fields_set_str(&l->password, in->password != NULL ? in->password : "", err);
	if (rc == 0)
		rc = fields_set_str(&l->otp, in->otp != NULL ? in->otp : "", err);
	if (rc == 0)
		rc = fields_set_str(&l->ssh_public_key, in->ssh_public_key, err);
	if (rc == 0)
		rc = fields_set_str(&l->tls_public_key, in->tls_public_key, err);
	if (rc == 0)
		rc = fields_set_str(&l->addr, address(call, in), err);
	if (rc == 0)
		return l;
	login_free(l);
	return NULL;
}

void handle_login(struct rpc_call *call)
{
	struct err err;
	struct login *l = login_new(call, &err);

	if (l == NULL) {
		rpc_call_fail(call, &err);
		return;
	}
	pending_begin(&l->pending, call);
	if (settings_check_local_login(l->authd, &err) != 0 ||
	    resource_check_name(l->user, &err) != 0 || arrive(l, &err) != 0) {
		fail(l, &err);
		finish(l);
	}
}
