/*
 * issue_calls - certificates without a password: an administrator's way to one for any user
 * (IssueUserCertificate), and a user's to the roles of an approved request (AssumeAccessRequest).
 *
 *   SIGNING --> AUDITING --> answer
 */
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/authorities/certify.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/people/calls.h"
#include "authd/people/issue.h"
#include "authd/people/people.h"
#include "authd/people/requests.h"

#include "audit/audit.h"
#include "base/err.h"
#include "model/identity.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>

struct issue {
	struct pending pending;
	struct authd *authd;
	struct certify certify;
	pv_LoginResponse answer;
};

static void finish(struct issue *op, const struct err *err)
{
	pending_end(&op->pending, &op->answer, err);
	fields_release(&pv_LoginResponse_table, &op->answer);
	certify_deinit(&op->certify);
	free(op);
}

static void on_audited(void *arg, const struct err *err)
{
	finish(arg, err);
}

static void on_signed(struct certify *c, const struct err *failure)
{
	struct issue *op = container_of(c, struct issue, certify);
	struct audit_event e;
	struct err err;

	if (failure != NULL || op->pending.call == NULL) {
		finish(op, failure);
		return;
	}
	if (issue_answer(op->authd, c, &op->answer, &err) != 0) {
		finish(op, &err);
		return;
	}
	audit_event_init(&e, AUDIT_CERT_CREATE, true, authd_now(op->authd));
	audit_log_caller(&e, op->pending.call);
	e.pb.name = op->answer.user;
	e.pb.expires = op->answer.valid_until;
	if (audit_log_write(op->authd->audit, &e.pb, 1, on_audited, op, &err) != 0)
		finish(op, &err);
}

/* Answers the call, now or later. */
static void start(struct rpc_call *call, const struct issue_request *request)
{
	struct issue *op = calloc(1, sizeof(*op));
	struct err err;
	int rc;

	if (op == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	op->authd = authd_of(call);
	op->certify.done = on_signed;
	pending_begin(&op->pending, call);
	rc = issue_prepare(op->authd, request, &op->certify, &err);
	if (rc == 0)
		rc = people_certify(op->authd, &op->certify, op->authd->authorities.user, &err);
	if (rc != 0)
		finish(op, &err);
}

void handle_issue_user_certificate(struct rpc_call *call)
{
	const pv_IssueUserCertificateRequest *in = rpc_call_request(call);

	start(call, &(struct issue_request){
	                    .user = in->user != NULL ? in->user : "",
	                    .ssh_public_key = in->ssh_public_key,
	                    .tls_public_key = in->tls_public_key,
	                    .ttl = in->ttl,
	            });
}

/* The access ends when it was said to; and who has only a certificate to show, which may be stolen,
 * gets none that outlives it. */
static int64_t end_of_grant(const pv_AccessRequestSpec *grant, const pv_Identity *caller)
{
	return grant->expires < caller->expires ? grant->expires : caller->expires;
}

void handle_assume_access_request(struct rpc_call *call)
{
	const pv_AssumeAccessRequestRequest *in = rpc_call_request(call);
	const struct peer *peer = caller_of(call);
	struct issue_request request = {
		.user = peer->identity.user,
		.ssh_public_key = in->ssh_public_key,
		.tls_public_key = in->tls_public_key,
		.client_addr = peer->addr,
		.ttl = in->ttl,
	};
	pv_Resource grant = pv_Resource_init_zero;
	uint64_t revision;
	struct err err;

	if (requests_load(authd_of(call), in->id, &grant, &revision, &err) != 0 ||
	    requests_check_grant(authd_of(call), &grant.of.access_request.spec, request.user,
	                         &err) != 0) {
		rpc_call_fail(call, &err);
	} else {
		request.grant = &grant.of.access_request;
		request.not_after = end_of_grant(&grant.of.access_request.spec, &peer->identity);
		start(call, &request);
	}
	resource_deinit(&grant);
}
