/*
 * login - a name and a password in, certificates out.
 *
 *   PROVING --wrong--> COUNTING ---------------+--> AUDITING --> answer
 *           --right--> using the code up,      |
 *                      where one is asked for, |
 *                      then SIGNING -----------+
 *
 * Who proves something does so in turn (proof.h).
 */
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/authorities/certify.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/settings.h"
#include "authd/people/calls.h"
#include "authd/people/issue.h"
#include "authd/people/mfa.h"
#include "authd/people/people.h"
#include "authd/people/proof.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/secret.h"
#include "model/identity.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

struct login {
	struct pending pending;
	struct authd *authd;
	struct proof proof;
	struct certify certify;

	char *user;
	char *password;
	char *otp; /* a code of the second factor; "" = none was given */
	struct mfa_use code;
	char *ssh_public_key;
	char *tls_public_key;
	int64_t ttl;
	char *addr; /* of the person, as far as it is known */

	struct err err; /* why it failed; the first reason stays */
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

static void on_counted(void *arg, uint64_t revision, const struct err *err)
{
	struct login *l = arg;

	(void)revision;
	if (err != NULL)
		fail(l, err);
	proof_leave(&l->proof);
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
	if (proof_fail(&l->proof, on_counted, l, &err) != 0)
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
	proof_leave(&l->proof);
	if (l->err.code != 0)
		audit(l);
	else
		sign(l);
}

static void admit(struct login *l)
{
	struct err err;

	if (proof_clear(&l->proof, on_cleared, l, &err) != 0)
		on_cleared(l, 0, &err);
}

/* --- the second factor ----------------------------------------------------------------------- */

/* Neither their fault nor a guess: nothing is counted. */
static void give_up(struct login *l, const struct err *err)
{
	fail(l, err);
	proof_leave(&l->proof);
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

/* --- PROVING -------------------------------------------------------------------------------- */

static void on_judged(struct proof *p, enum proof_verdict verdict, const struct err *err)
{
	struct login *l = container_of(p, struct login, proof);

	if (verdict == PROOF_RIGHT)
		check_second_factor(l);
	else if (verdict == PROOF_WRONG)
		count_failure(l);
	else
		give_up(l, err);
}

static int start_proving(struct login *l, struct err *err)
{
	l->proof.authd = l->authd;
	l->proof.user = l->user;
	l->proof.password = l->password;
	l->proof.judged = on_judged;
	return proof_start(&l->proof, l->addr, err);
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
	    resource_check_name(l->user, &err) != 0 || start_proving(l, &err) != 0) {
		fail(l, &err);
		finish(l);
	}
}
