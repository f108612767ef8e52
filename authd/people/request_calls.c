/*
 * request_calls - people ask for more roles for a while (CreateAccessRequest), others judge that
 * (ReviewAccessRequest), or an administrator settles it (ResolveAccessRequest).
 * AssumeAccessRequest, which makes certificates of it, is in issue.c.
 *
 *   checked --> WRITING --> answer: the request as it is now, and a line in the audit log
 *
 * What somebody may ask for or judge is what the roles of their record say now, never roles that
 * another request gave.
 */
#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/access/own_roles.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/people/calls.h"
#include "authd/people/issue.h"
#include "authd/people/requests.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "model/identity.h"
#include "model/request.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/identity.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>

#define KIND "access_request"

struct request_op {
	struct pending pending;
	struct authd *authd;
	enum audit_kind kind;
	pv_Resource resource;
	uint64_t revision; /* of what is stored; 0: nothing is */
};

static pv_AccessRequestSpec *spec_of(struct request_op *op)
{
	return &op->resource.of.access_request.spec;
}

static struct request_op *op_new(struct rpc_call *call, enum audit_kind kind, struct err *err)
{
	struct request_op *op = calloc(1, sizeof(*op));

	if (op == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	op->authd = authd_of(call);
	op->kind = kind;
	pending_begin(&op->pending, call);
	return op;
}

static void finish(struct request_op *op, const struct err *err)
{
	pending_end(&op->pending, &op->resource, err);
	resource_deinit(&op->resource);
	free(op);
}

static void fail(struct rpc_call *call, struct request_op *op, const struct err *err)
{
	if (op != NULL)
		finish(op, err);
	else
		rpc_call_fail(call, err);
}

static void audit(struct request_op *op)
{
	const pv_AccessRequestSpec *spec = spec_of(op);
	struct audit_event e;

	if (op->pending.call == NULL)
		return;
	audit_event_init(&e, op->kind, true, authd_now(op->authd));
	audit_log_caller(&e, op->pending.call);
	e.pb.id = (char *)(uintptr_t)resource_name(&op->resource);
	e.pb.name = spec->user;
	e.pb.state = spec->state;
	e.pb.roles = spec->roles;
	e.pb.roles_count = spec->roles_count;
	e.pb.expires = spec->expires;
	e.pb.reason = op->kind == AUDIT_ACCESS_REQUEST_CREATE ? spec->request_reason
	                                                      : spec->resolve_reason;
	audit_log_report(op->authd, &e);
}

static void on_written(void *arg, uint64_t revision, const struct err *failure)
{
	struct request_op *op = arg;
	struct err err;

	(void)revision;
	if (failure != NULL && failure->code == ERR_CONFLICT) {
		err_set(&err, ERR_CONFLICT, "the request changed meanwhile; look at it again");
		failure = &err;
	}
	if (failure == NULL)
		audit(op);
	finish(op, failure);
}

static int write_request(struct request_op *op, struct err *err)
{
	return requests_write(op->authd, &op->resource, op->revision, on_written, op, err);
}

/* A user as their record has them: with the roles that are theirs for good. */
struct person {
	pv_Identity who;
	struct own_roles roles;
};

static int person_load(struct authd *a, const char *user, struct person *out, struct err *err)
{
	pv_Resource r;
	int rc = resource_load(a, resource_kind_find("user"), NULL, user, &r, err);

	if (rc != 0)
		return rc;
	rc = issue_identity(a, &r.of.user, &out->who, err);
	if (rc == 0)
		rc = own_roles_load(a, out->who.roles, out->who.roles_count, &out->roles, err);
	resource_deinit(&r);
	return rc;
}

static void person_deinit(struct person *p)
{
	own_roles_deinit(&p->roles);
	fields_release(&pv_Identity_table, &p->who);
}

/* --- CreateAccessRequest --------------------------------------------------------------------- */

/* Who asks for somebody else administers requests. */
static int set_user(struct request_op *op, const char *user, struct err *err)
{
	const struct rpc_call *call = op->pending.call;
	const struct peer *peer = caller_of(call);
	const char *self = peer->kind == PEER_USER ? peer->identity.user : NULL;

	if (str_empty(user))
		user = self;
	if (user == NULL)
		return err_set(err, ERR_INVALID, "for whom is the request?");
	if (!str_eq(user, self) && access_check(call, KIND, "create", NULL, err) != 0)
		return err->code;
	return fields_set_str(&spec_of(op)->user, user, err);
}

static int set_wishes(struct request_op *op, const pv_CreateAccessRequestRequest *in,
                      struct err *err)
{
	pv_AccessRequestSpec *spec = spec_of(op);
	int rc = fields_set_str(&spec->request_reason, in->reason, err);

	for (size_t i = 0; rc == 0 && i < in->roles_count; i++) {
		pv_Role role;

		rc = access_lookup_role(op->authd, in->roles[i], &role, err);
		if (rc == 0)
			fields_release(&pv_Role_table, &role);
		if (rc == 0)
			rc = fields_add_str(&spec->roles, &spec->roles_count, in->roles[i], err);
	}
	return rc;
}

/* The shortest of what is asked for, what the roles say, and the bound of all requests. */
static void set_times(struct request_op *op, int64_t asked, const struct request_person *own)
{
	pv_AccessRequestSpec *spec = spec_of(op);
	int64_t most = request_max_duration(own, spec);
	int64_t life = asked > 0 ? asked : op->authd->conf.cert_ttl;

	if (most == 0 || most > REQUESTS_ACCESS_MAX)
		most = REQUESTS_ACCESS_MAX;
	spec->created = authd_now(op->authd);
	spec->expires = spec->created + (life < most ? life : most);
}

static int fill(struct request_op *op, const pv_CreateAccessRequestRequest *in, struct err *err)
{
	pv_AccessRequestSpec *spec = spec_of(op);
	struct person person = { 0 };
	struct request_person own;
	char id[RAND_UUID_SIZE];
	int rc;

	rand_uuid(id);
	op->resource.which_of = pv_Resource_access_request_tag;
	rc = fields_set_str(&resource_metadata(&op->resource)->name, id, err);
	if (rc == 0)
		rc = fields_set_str(&spec->state, REQUEST_PENDING, err);
	if (rc == 0)
		rc = set_user(op, in->user, err);
	if (rc == 0)
		rc = person_load(op->authd, spec->user, &person, err);
	own = own_roles_of(&person.roles, &person.who);
	if (rc == 0)
		rc = set_wishes(op, in, err);
	if (rc == 0)
		rc = request_check(&own, spec, err);
	if (rc == 0)
		rc = request_complete(&own, spec, err);
	if (rc == 0)
		set_times(op, in->ttl, &own);
	person_deinit(&person);
	return rc;
}

void handle_create_access_request(struct rpc_call *call)
{
	const pv_CreateAccessRequestRequest *in = rpc_call_request(call);
	struct err err;
	struct request_op *op = op_new(call, AUDIT_ACCESS_REQUEST_CREATE, &err);

	if (op == NULL || fill(op, in, &err) != 0 || write_request(op, &err) != 0)
		fail(call, op, &err);
}

/* --- ReviewAccessRequest --------------------------------------------------------------------- */

static int review(struct request_op *op, const pv_JudgeAccessRequestRequest *in, struct err *err)
{
	const char *user = caller_of(op->pending.call)->identity.user;
	const pv_AccessReview review = {
		.author = (char *)(uintptr_t)user,
		.proposed_state = in->state,
		.reason = in->reason,
		.created = authd_now(op->authd),
	};
	struct person person = { 0 };
	struct request_person own;
	int rc = person_load(op->authd, user, &person, err);

	own = own_roles_of(&person.roles, &person.who);
	if (rc == 0)
		rc = request_check_reviewer(&own, spec_of(op), err);
	if (rc == 0)
		rc = request_review(&own, spec_of(op), &review, err);
	person_deinit(&person);
	return rc;
}

void handle_review_access_request(struct rpc_call *call)
{
	const pv_JudgeAccessRequestRequest *in = rpc_call_request(call);
	struct err err;
	struct request_op *op = op_new(call, AUDIT_ACCESS_REQUEST_REVIEW, &err);

	if (op == NULL ||
	    requests_load(op->authd, in->id, &op->resource, &op->revision, &err) != 0 ||
	    review(op, in, &err) != 0 || write_request(op, &err) != 0)
		fail(call, op, &err);
}

/* --- ResolveAccessRequest -------------------------------------------------------------------- */

static int resolve(struct request_op *op, const pv_JudgeAccessRequestRequest *in, struct err *err)
{
	pv_AccessRequestSpec *spec = spec_of(op);
	int rc;

	if (!str_eq(in->state, REQUEST_APPROVED) && !str_eq(in->state, REQUEST_DENIED))
		return err_set(err, ERR_INVALID, "a request is settled as APPROVED or DENIED");
	if (!str_eq(spec->state, REQUEST_PENDING))
		return err_set(err, ERR_CONFLICT, "the request is %s already", spec->state);
	rc = fields_set_str(&spec->state, in->state, err);
	return rc == 0 ? fields_set_str(&spec->resolve_reason, in->reason, err) : rc;
}

void handle_resolve_access_request(struct rpc_call *call)
{
	const pv_JudgeAccessRequestRequest *in = rpc_call_request(call);
	struct err err;
	struct request_op *op = op_new(call, AUDIT_ACCESS_REQUEST_UPDATE, &err);

	if (op == NULL ||
	    requests_load(op->authd, in->id, &op->resource, &op->revision, &err) != 0 ||
	    resolve(op, in, &err) != 0 || write_request(op, &err) != 0)
		fail(call, op, &err);
}
