/*
 * sessions - records of live and ended sessions: nodes keep those of their own, administrators ask
 * for an end.
 *
 * A request to end a session stays in its record whatever the node writes afterwards, so that a
 * node that was away learns of it.
 */
#include "authd/recordings/sessions.h"

#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/recordings/calls.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 4 /* against others who write the same record at the same moment */

struct session_change {
	struct pending pending;
	struct authd *authd;
	pv_Session wanted; /* put: what the node says */
	char *id;
	enum { CHANGE_PUT, CHANGE_KILL, CHANGE_RECORDED, CHANGE_ORPHANED } kind;
	int64_t recording_size;
	int tries;
	struct buf bytes;
};

static int try_write(struct session_change *c, struct err *err);

static void change_free(struct session_change *c)
{
	fields_release(&pv_Session_table, &c->wanted);
	buf_deinit(&c->bytes);
	free(c->id);
	free(c);
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	const pv_Empty nothing = pv_Empty_init_zero;
	struct session_change *c = arg;
	struct err failure;
	bool lost = err != NULL && (err->code == ERR_CONFLICT || err->code == ERR_EXISTS);

	(void)revision;
	if (lost && c->tries < TRIES) {
		if (try_write(c, &failure) == 0)
			return;
		err = &failure;
	}
	pending_end(&c->pending, &nothing, err);
	change_free(c);
}

/* --- what is to be written ------------------------------------------------------------------- */

/* The node's word, but for what only administrators say. */
static int merge_put(const struct session_change *c, const pv_Session *old, pv_Session *out,
                     struct err *err)
{
	if (old != NULL && !str_eq(old->spec.node_id, c->wanted.spec.node_id))
		return err_set(err, ERR_DENIED, "session '%s' is another node's", c->id);
	if (fields_clone(&pv_Session_table, &c->wanted, out, err) != 0)
		return err->code;
	out->spec.orphaned = false;
	if (old != NULL && old->spec.ended != 0 && !old->spec.orphaned && out->spec.ended == 0)
		out->spec.ended = old->spec.ended; /* what is said of it came later than its end */
	out->spec.terminate = old != NULL && old->spec.terminate;
	out->spec.recorded = old != NULL && old->spec.recorded;
	out->spec.recording_size = old != NULL ? old->spec.recording_size : 0;
	return 0;
}

static int merge_recorded(const struct session_change *c, const pv_Session *old, pv_Session *out,
                          struct err *err)
{
	if (old == NULL)
		return err_set(err, ERR_NOT_FOUND, "no such session '%s'", c->id);
	if (fields_clone(&pv_Session_table, old, out, err) != 0)
		return err->code;
	out->spec.recorded = true;
	out->spec.recording_size = c->recording_size;
	return 0;
}

static int merge_kill(const struct session_change *c, const pv_Session *old, pv_Session *out,
                      struct err *err)
{
	if (old == NULL)
		return err_set(err, ERR_NOT_FOUND, "no such session '%s'", c->id);
	if (old->spec.ended != 0)
		return err_set(err, ERR_CONFLICT, "session '%s' has ended", c->id);
	if (fields_clone(&pv_Session_table, old, out, err) != 0)
		return err->code;
	out->spec.terminate = true;
	return 0;
}

static int merge_orphaned(const struct session_change *c, const pv_Session *old, pv_Session *out,
                          struct err *err)
{
	if (old == NULL || old->spec.ended != 0)
		return err_set(err, ERR_NOT_FOUND, "no such live session '%s'", c->id);
	if (fields_clone(&pv_Session_table, old, out, err) != 0)
		return err->code;
	out->spec.ended = authd_now(c->authd);
	out->spec.orphaned = true;
	return 0;
}

static int (*const merges[])(const struct session_change *c, const pv_Session *old, pv_Session *out,
                             struct err *err) = {
	[CHANGE_PUT] = merge_put,
	[CHANGE_KILL] = merge_kill,
	[CHANGE_RECORDED] = merge_recorded,
	[CHANGE_ORPHANED] = merge_orphaned,
};

/* Ended sessions are kept as long as recordings are. */
static int64_t expiry(const struct authd *a, const pv_Session *s)
{
	if (s->spec.ended == 0 || a->conf.recordings_keep == 0)
		return 0;
	return s->spec.ended + a->conf.recordings_keep;
}

/* Merges with the record as it is now; the write fails if that changes before it. */
static int write_merged(struct session_change *c, const char *key, const pv_Session *old,
                        uint64_t revision, struct err *err)
{
	pv_Resource merged = { .which_of = pv_Resource_session_tag };
	struct keyspace_op op;
	int rc = merges[c->kind](c, old, &merged.of.session, err);

	if (rc != 0)
		return rc;
	rc = resource_validate(&merged, err);
	buf_clear(&c->bytes);
	resource_metadata(&merged)->expires = expiry(c->authd, &merged.of.session);
	if (rc == 0)
		rc = resource_bytes(c->authd, key, &merged, &c->bytes, err);
	if (rc == 0) {
		op = keyspace_op_update_at(key, revision, c->bytes.data, c->bytes.len,
		                           resource_metadata(&merged)->expires);
		if (old == NULL)
			op.condition = KEYSPACE_IF_ABSENT;
		rc = keyspace_write(c->authd->keyspace, &op, 1, on_written, c, err);
	}
	resource_deinit(&merged);
	return rc;
}

static int try_write(struct session_change *c, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find("session");
	pv_Resource old = pv_Resource_init_zero;
	char key[RESOURCE_KEY_SIZE];
	int64_t revision = 0;
	int rc;

	c->tries++;
	if (resource_key(key, kind, NULL, c->id, err) != 0)
		return err->code;
	rc = resource_load(c->authd, kind, NULL, c->id, &old, err);
	if (rc == ERR_NOT_FOUND)
		return write_merged(c, key, NULL, 0, err);
	if (rc == 0)
		rc = str_to_i64(resource_metadata(&old)->revision, 1, INT64_MAX, &revision, err);
	if (rc == 0)
		rc = write_merged(c, key, &old.of.session, (uint64_t)revision, err);
	resource_deinit(&old);
	return rc;
}

/* --- calls ----------------------------------------------------------------------------------- */

static int begin(struct rpc_call *call, const char *id, const pv_Session *wanted, struct err *err)
{
	struct session_change *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (c == NULL)
		return err_set_nomem(err);
	c->authd = authd_of(call);
	c->kind = wanted == NULL ? CHANGE_KILL : CHANGE_PUT;
	c->id = str_printf("%s", id != NULL ? id : "");
	if (c->id == NULL)
		rc = err_set_nomem(err);
	if (rc == 0 && wanted != NULL)
		rc = fields_clone(&pv_Session_table, wanted, &c->wanted, err);
	if (rc == 0)
		rc = try_write(c, err);
	if (rc != 0) {
		change_free(c);
		return rc;
	}
	pending_begin(&c->pending, call);
	return 0;
}

void handle_put_session(struct rpc_call *call)
{
	const pv_PutSessionRequest *request = rpc_call_request(call);
	const char *host = caller_of(call)->identity.host_id;
	struct err err;
	int rc;

	if (!str_eq(request->session.spec.node_id, host))
		rc = err_set(&err, ERR_DENIED, "host '%s' may not speak for node '%s'", host,
		             request->session.spec.node_id != NULL ? request->session.spec.node_id
		                                                   : "");
	else
		rc = begin(call, request->session.metadata.name, &request->session, &err);
	if (rc != 0)
		rpc_call_fail(call, &err);
}

void handle_kill_session(struct rpc_call *call)
{
	const pv_KillSessionRequest *request = rpc_call_request(call);
	struct err err;

	if (begin(call, request->session_id, NULL, &err) != 0)
		rpc_call_fail(call, &err);
}

/* A change that nobody waits for. */
static void change_quietly(struct authd *a, const char *id, int kind, int64_t recording_size)
{
	struct session_change *c = calloc(1, sizeof(*c));
	struct err err;
	int rc;

	if (c == NULL)
		return;
	c->authd = a;
	c->kind = kind;
	c->recording_size = recording_size;
	c->id = strdup(id);
	rc = c->id != NULL ? try_write(c, &err) : err_set_nomem(&err);
	if (rc != 0)
		change_free(c);
}

void sessions_recorded(struct authd *a, const char *id, int64_t size)
{
	change_quietly(a, id, CHANGE_RECORDED, size);
}

void sessions_orphaned(struct authd *a, const char *id)
{
	change_quietly(a, id, CHANGE_ORPHANED, 0);
}
