/*
 * emit_audit - what hosts report: events of sessions and connections, of themselves only.
 *
 * Who reports, when and in which cluster is written down by authd, not believed.
 */
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/audit/calls.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "model/identity.h"
#include "model/resource.h"
#include "rpc/server.h"

#include "proto/auth.pb.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 256 /* in one call */

struct emit {
	struct pending pending;
};

static void on_written(void *arg, const struct err *err)
{
	struct emit *op = arg;

	pending_end(&op->pending, &(pv_Empty){ 0 }, err);
	free(op);
}

/* A host's event as it is written: what only authd can know replaces what was sent. */
static int check(const pv_AuditEvent *from, const struct peer *peer, int64_t now,
                 struct audit_event *out, struct err *err)
{
	if (!audit_from_host(from->event, from->code))
		return err_set(err, ERR_DENIED, "a host does not report '%.100s' with code '%.20s'",
		               from->event != NULL ? from->event : "",
		               from->code != NULL ? from->code : "");
	out->pb = *from;
	out->pb.server_id = peer->identity.host_id;
	out->pb.time = now;
	if (from->uid == NULL || !resource_is_uuid(from->uid)) {
		rand_uuid(out->uid);
		out->pb.uid = out->uid;
	}
	return 0;
}

static int emit(struct emit *op, struct rpc_call *call, struct err *err)
{
	const pv_EmitAuditRequest *in = rpc_call_request(call);
	struct authd *a = authd_of(call);
	struct audit_event *checked = NULL;
	pv_AuditEvent *events = NULL;
	size_t count = in->events_count;
	int rc = 0;

	if (count == 0 || count > EVENTS_MAX)
		return err_set(err, ERR_INVALID, "events: 1 to %d at once", EVENTS_MAX);
	checked = calloc(count, sizeof(*checked));
	events = calloc(count, sizeof(*events));
	if (checked == NULL || events == NULL)
		rc = err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = check(&in->events[i], caller_of(call), authd_now(a), &checked[i], err);
		events[i] = checked[i].pb;
	}
	if (rc == 0)
		rc = audit_log_write(a->audit, events, count, on_written, op, err);
	free(events);
	free(checked);
	return rc;
}

void handle_emit_audit(struct rpc_call *call)
{
	struct emit *op = calloc(1, sizeof(*op));
	struct err err;

	if (op == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	pending_begin(&op->pending, call);
	if (emit(op, call, &err) != 0)
		on_written(op, &err);
}
