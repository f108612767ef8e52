/*
 * rotate - the calls: a step by hand or the beginning of an automatic rotation, and how far the
 * hosts have come.
 *
 *   judged --(hosts left behind, not forced: refused)--> step --> audit log --> answer
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/rotation/calls.h"
#include "authd/rotation/rotation_audit.h"
#include "authd/rotation/step.h"
#include "authd/rotation/stragglers.h"

#include "base/err.h"
#include "base/str.h"
#include "loop/shifts.h"
#include "model/rotation.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdio.h>
#include <stdlib.h>

#define GRACE_DEFAULT (30LL * 3600 * 1000)
#define GRACE_MAX     (60LL * 24 * 3600 * 1000)
#define NAMED_MAX     3 /* stragglers that a refusal names */

struct rotate {
	struct pending pending;
	struct authd *authd;
	struct step_spec step;
	pv_RotationStatus answer;
};

/* --- the request ----------------------------------------------------------------------------- */

static int parse_type(const char *type, unsigned *out, struct err *err)
{
	if (str_empty(type) || str_eq(type, "all"))
		*out = STEP_USER | STEP_HOST;
	else if (str_eq(type, "user"))
		*out = STEP_USER;
	else if (str_eq(type, "host"))
		*out = STEP_HOST;
	else
		return err_set(err, ERR_INVALID, "type: '%s' is not one of user, host, all", type);
	return 0;
}

static int parse_mode(const pv_RotateAuthorityRequest *in, bool *out_automatic, struct err *err)
{
	if (str_empty(in->mode))
		*out_automatic = str_empty(in->phase);
	else if (str_eq(in->mode, "auto") || str_eq(in->mode, "manual"))
		*out_automatic = str_eq(in->mode, "auto");
	else
		return err_set(err, ERR_INVALID, "mode: '%s' is not one of manual, auto", in->mode);
	return 0;
}

static int parse(const pv_RotateAuthorityRequest *in, struct step_spec *out, struct err *err)
{
	int rc = parse_type(in->type, &out->authorities, err);

	out->phase = ROTATION_INIT;
	out->grace = in->has_grace_period ? in->grace_period : GRACE_DEFAULT;
	if (rc == 0)
		rc = parse_mode(in, &out->automatic, err);
	if (rc == 0 && !str_empty(in->phase))
		rc = rotation_phase_parse(in->phase, &out->phase, err);
	if (rc != 0)
		return rc;
	if (out->automatic && out->phase != ROTATION_INIT)
		return err_set(err, ERR_INVALID, "mode: auto begins with phase init");
	if (!out->automatic && in->has_grace_period)
		return err_set(err, ERR_INVALID, "grace_period: only in mode auto");
	if (out->grace < 0 || out->grace > GRACE_MAX)
		return err_set(err, ERR_INVALID, "grace_period: at most 60 days");
	if (out->automatic && out->grace == 0 && !in->force)
		return err_set(err, ERR_INVALID,
		               "grace_period: 0 locks out every host and every login; --force does "
		               "it all the same");
	return 0;
}

/* --- who would be left behind ---------------------------------------------------------------- */

static int refuse(const pv_RotationStatus *s, struct err *err)
{
	char names[300] = "";
	size_t at = 0;

	for (pb_size_t i = 0; i < s->stragglers_count && i < NAMED_MAX; i++)
		at += (size_t)snprintf(names + at, at < sizeof(names) ? sizeof(names) - at : 0,
		                       "%s%.64s (%s authority)", i > 0 ? ", " : "",
		                       s->stragglers[i].hostname, s->stragglers[i].type);
	return err_set(err, ERR_CONFLICT,
	               "would lock out who has not followed to the present phase: %s%s; 'tctl "
	               "status' names all, --force goes on without them",
	               names, s->straggler_count > NAMED_MAX ? ", ..." : "");
}

/* Notes them for the answer, too. */
static int check_stragglers(struct rotate *r, bool force, struct err *err)
{
	if (stragglers_collect(r->authd, r->step.authorities, &r->answer, err) != 0)
		return err->code;
	if (r->answer.straggler_count == 0 || force || !rotation_locks_out(r->step.phase))
		return 0;
	return refuse(&r->answer, err);
}

/* --- RotateAuthority ------------------------------------------------------------------------- */

static int fill_authorities(struct authd *a, pv_RotationStatus *out, struct err *err)
{
	return authorities_copy(&a->authorities, &out->authorities, &out->authorities_count, err);
}

static void finish(struct rotate *r, const struct err *err)
{
	pending_end(&r->pending, &r->answer, err);
	fields_release(&pv_RotationStatus_table, &r->answer);
	free(r);
}

static void on_stepped(void *arg, const struct err *failure)
{
	struct rotate *r = arg;
	struct err err;

	if (failure == NULL)
		rotation_audit(r->authd, &r->step, r->pending.call);
	if (failure == NULL && fill_authorities(r->authd, &r->answer, &err) != 0)
		failure = &err;
	finish(r, failure);
}

void handle_rotate_authority(struct rpc_call *call)
{
	const pv_RotateAuthorityRequest *in = rpc_call_request(call);
	struct rotate *r = calloc(1, sizeof(*r));
	struct err err;
	int rc;

	if (r == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	r->authd = authd_of(call);
	pending_begin(&r->pending, call);
	rc = parse(in, &r->step, &err);
	if (rc == 0)
		rc = check_stragglers(r, in->force, &err);
	if (rc == 0)
		rc = step_start(r->authd, &r->step, on_stepped, r, &err);
	if (rc != 0)
		finish(r, &err);
}

/* --- GetRotation: a piece at a time, in turn with lists -------------------------------------- */

struct status {
	struct shift shift;
	struct rpc_call *call;
	struct stragglers walk;
	pv_RotationStatus answer;
};

static void status_free(struct status *s)
{
	fields_release(&pv_RotationStatus_table, &s->answer);
	free(s);
}

static bool on_piece(struct shift *shift)
{
	struct status *s = container_of(shift, struct status, shift);
	struct err err;
	bool more;

	if (stragglers_walk(&s->walk, shift, &more, &err) != 0)
		rpc_call_fail(s->call, &err);
	else if (more)
		return true;
	else
		rpc_call_reply(s->call, &s->answer);
	status_free(s);
	return false;
}

static void on_canceled(struct rpc_call *call)
{
	struct status *s = rpc_call_data(call);

	shift_cancel(&s->shift);
	status_free(s);
}

void handle_get_rotation(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .canceled = on_canceled };
	struct status *s = calloc(1, sizeof(*s));
	struct authd *a = authd_of(call);
	struct err err;
	int rc;

	if (s == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	s->call = call;
	s->walk = (struct stragglers){ a, STEP_USER | STEP_HOST, &s->answer, "" };
	rc = fill_authorities(a, &s->answer, &err);
	if (rc == 0)
		rc = shift_start(a->lists, &s->shift, on_piece, &err);
	if (rc == 0) {
		rpc_call_set_events(call, &events, s);
		return;
	}
	rpc_call_fail(call, &err);
	status_free(s);
}
