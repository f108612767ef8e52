/*
 * recording_upload - a node streams a recording here (UploadRecording).
 *
 *   FRESH --first chunk--> OPENING --> READY <--> WRITING --complete and all written--> ended
 *
 * The first answer tells how much is here already; the node goes on from there. Every write
 * covers all that came meanwhile, is synced, and only then acknowledged. While more waits than
 * PENDING_MAX the node is held back.
 */
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/recordings/calls.h"
#include "authd/recordings/recording_file.h"
#include "authd/recordings/recordings.h"
#include "authd/recordings/recordings_inside.h"
#include "authd/recordings/sessions.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "loop/work.h"
#include "model/identity.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX   32768u
#define PENDING_MAX (512u * 1024)

enum upload_state { UPLOAD_FRESH, UPLOAD_OPENING, UPLOAD_READY, UPLOAD_WRITING };

struct upload {
	struct authd *authd;
	struct recordings *all; /* a reference */
	struct rpc_call *call;  /* NULL: over, only the thread is waited for */
	enum upload_state state;
	char sid[SPOOL_SID_SIZE];
	char node_id[SPOOL_SID_SIZE];
	bool named; /* in the map of uploads */

	struct buf in; /* checked chunks that wait */
	uint64_t next; /* offset behind them */
	bool complete; /* the node says that no more comes */
	bool ended;    /* its side of the stream is closed */
	bool paused;
	pv_RecordingChunk held; /* the first chunk, until the file is open */

	/* The thread's, while OPENING or WRITING. */
	struct work work;
	struct recording_file file;
	struct buf out;
	struct key *key; /* countersigns: the authority's of the moment */
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
	bool completing;
	bool was_signed; /* before this write */
	struct err err;
};

static void step(struct upload *u);

static void upload_free(struct upload *u)
{
	struct recordings *all = u->all;

	if (u->named)
		map_remove(all->uploads, u->sid);
	play_wake(all, u->sid);
	recording_file_close(&u->file);
	fields_release(&pv_RecordingChunk_table, &u->held);
	buf_deinit(&u->in);
	buf_deinit(&u->out);
	key_unref(u->key);
	free(u);
	recordings_unref(all);
}

static bool busy(const struct upload *u)
{
	return u->state == UPLOAD_OPENING || u->state == UPLOAD_WRITING;
}

/* The call is over; the struct goes when no thread has it. */
static void leave(struct upload *u)
{
	u->call = NULL;
	if (!busy(u))
		upload_free(u);
}

static void fail(struct upload *u, const struct err *err)
{
	if (u->call != NULL)
		rpc_call_fail(u->call, err);
	leave(u);
}

/* --- chunks ----------------------------------------------------------------------------------- */

/* Takes what is new of a chunk. A node that resends from before is fine, one that leaves a gap
 * is not. */
static int take_chunk(struct upload *u, const pv_RecordingChunk *chunk, struct err *err)
{
	size_t len = chunk->data != NULL ? chunk->data->size : 0;
	uint64_t skip;

	if (len > CHUNK_MAX)
		return err_set(err, ERR_INVALID, "data: more than %u bytes in a chunk", CHUNK_MAX);
	if (u->complete)
		return err_set(err, ERR_INVALID, "a chunk behind the last one");
	u->complete = chunk->complete;
	if (len == 0)
		return 0;
	if (chunk->offset < 0 || (uint64_t)chunk->offset > u->next)
		return err_set(err, ERR_CONFLICT,
		               "offset: %" PRId64 " where %" PRIu64 " comes next", chunk->offset,
		               u->next);
	skip = u->next - (uint64_t)chunk->offset;
	if (skip >= len)
		return 0;
	buf_append(&u->in, chunk->data->bytes + skip, len - skip);
	u->next += len - skip;
	return buf_check(&u->in, err);
}

static void hold_back(struct upload *u)
{
	bool pause = u->state == UPLOAD_OPENING || u->in.len > PENDING_MAX;

	if (u->call != NULL && pause != u->paused)
		rpc_call_pause(u->call, pause);
	u->paused = pause;
}

/* --- the thread ------------------------------------------------------------------------------ */

static void run(struct work *w)
{
	struct upload *u = container_of(w, struct upload, work);
	int rc;

	if (u->state == UPLOAD_OPENING) {
		rc = recording_file_open(&u->file, u->all->dir, u->sid, u->node_id, &u->err);
	} else {
		rc = u->out.len > 0
		             ? recording_file_append(&u->file, u->out.data, u->out.len, &u->err)
		             : 0;
	}
	if (rc == 0)
		rc = recording_file_sign(&u->file, u->key, u->signature, &u->signature_len,
		                         &u->err);
	if (rc == 0 && u->completing && !recording_file_ended(&u->file))
		rc = err_set(&u->err, ERR_INVALID, "the recording has no end yet");
	if (rc == 0 && u->completing && !u->file.was_signed)
		recording_file_complete(&u->file, u->signature, u->signature_len, &u->err);
}

static int acknowledge(struct upload *u, struct err *err)
{
	pv_RecordingAck ack = { .offset = (int64_t)u->file.size };
	int rc = fields_set_bytes(&ack.signature, u->signature, u->signature_len, err);

	if (rc == 0)
		rc = rpc_call_send(u->call, &ack, err);
	free(ack.signature);
	return rc;
}

static void report_completion(struct upload *u)
{
	struct audit_event e;

	sessions_recorded(u->authd, u->sid, (int64_t)u->file.size);
	audit_event_init(&e, AUDIT_SESSION_UPLOAD, true, authd_now(u->authd));
	e.pb.sid = u->sid;
	e.pb.server_id = u->node_id;
	audit_log_report(u->authd, &e);
}

static void on_opened(struct upload *u)
{
	struct err err;

	u->next = u->file.size;
	if (acknowledge(u, &err) != 0 || take_chunk(u, &u->held, &err) != 0) {
		fail(u, &err);
		return;
	}
	fields_release(&pv_RecordingChunk_table, &u->held);
	sessions_recorded(u->authd, u->sid, (int64_t)u->file.size);
	step(u);
}

static void on_appended(struct upload *u)
{
	struct err err;

	play_wake(u->all, u->sid);
	if (acknowledge(u, &err) != 0) {
		fail(u, &err);
		return;
	}
	if (u->completing) {
		rpc_call_finish(u->call);
		leave(u);
		return;
	}
	step(u);
}

static void on_done(struct work *w, bool canceled)
{
	struct upload *u = container_of(w, struct upload, work);
	enum upload_state was = u->state;

	u->state = UPLOAD_READY;
	if (canceled && u->err.code == 0)
		err_set(&u->err, ERR_CANCELED, "shutting down");
	if (was == UPLOAD_WRITING && u->err.code != 0)
		recordings_give_back(u->all, u->out.len);
	buf_clear(&u->out);
	if (u->err.code == 0 && u->completing && !u->was_signed)
		report_completion(u);
	if (u->call == NULL)
		upload_free(u);
	else if (u->err.code != 0)
		fail(u, &u->err);
	else if (was == UPLOAD_OPENING)
		on_opened(u);
	else
		on_appended(u);
}

static int start_thread(struct upload *u, enum upload_state state, struct err *err)
{
	enum upload_state before = u->state;
	int rc;

	u->state = state;
	key_unref(u->key);
	u->key = key_ref(u->all->key);
	rc = recordings_work(u->all, &u->work, run, on_done, err);
	if (rc != 0)
		u->state = before;
	return rc;
}

static int start_writing(struct upload *u, struct err *err)
{
	struct buf empty = u->out;
	int rc = recordings_reserve(u->all, u->in.len, err);

	if (rc != 0)
		return rc;
	u->out = u->in;
	u->in = empty;
	u->completing = u->complete;
	u->was_signed = u->file.was_signed;
	rc = start_thread(u, UPLOAD_WRITING, err);
	if (rc != 0)
		recordings_give_back(u->all, u->out.len);
	return rc;
}

/* Writes what waits, or the end. A node that closes its side before the end is told so, once all
 * that came is written: it may come again. */
static void step(struct upload *u)
{
	struct err err;
	int rc = 0;

	if (u->state == UPLOAD_READY && (u->in.len > 0 || u->complete))
		rc = start_writing(u, &err);
	else if (u->state == UPLOAD_READY && u->ended)
		rc = err_set(&err, ERR_CANCELED, "the stream ended before the recording");
	if (rc != 0)
		fail(u, &err);
	else
		hold_back(u);
}

/* --- the call --------------------------------------------------------------------------------- */

/* Only the node whose session it is may write; of a session that has no record, the recording's
 * own start tells (recording_file.c). */
static int check_owner(struct upload *u, struct err *err)
{
	pv_Resource session = { 0 };
	int rc =
	        resource_load(u->authd, resource_kind_find("session"), NULL, u->sid, &session, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc == 0 && !str_eq(session.of.session.spec.node_id, u->node_id))
		rc = err_set(err, ERR_DENIED, "session '%s' is another node's", u->sid);
	resource_deinit(&session);
	return rc;
}

/* One at a time: a node that comes again, after a broken connection, ends its older call. */
static int take_place(struct upload *u, struct err *err)
{
	struct recordings *all = u->all;
	struct upload *older = map_get(all->uploads, u->sid);
	struct err replaced;

	if (older != NULL && !str_eq(older->node_id, u->node_id))
		return err_set(err, ERR_DENIED, "session '%s' is another node's", u->sid);
	if (older != NULL) {
		err_set(&replaced, ERR_CONFLICT, "the node streams this recording anew");
		fail(older, &replaced);
		older = map_get(all->uploads, u->sid);
	}
	if (older != NULL)
		return err_set(err, ERR_UNAVAILABLE,
		               "the recording is still being written; try again");
	if (map_put(all->uploads, u->sid, u, NULL) != 0)
		return err_set_nomem(err);
	u->named = true;
	return 0;
}

static int begin(struct upload *u, const pv_RecordingChunk *first, struct err *err)
{
	int rc;

	if (first->session_id == NULL || !spool_is_sid(first->session_id))
		return err_set(err, ERR_INVALID, "session_id: not a UUID");
	strcpy(u->sid, first->session_id);
	rc = check_owner(u, err);
	if (rc == 0)
		rc = take_place(u, err);
	if (rc == 0)
		rc = fields_clone(&pv_RecordingChunk_table, first, &u->held, err);
	if (rc == 0)
		rc = start_thread(u, UPLOAD_OPENING, err);
	return rc;
}

static void on_message(struct rpc_call *call, const void *message)
{
	struct upload *u = rpc_call_data(call);
	const pv_RecordingChunk *chunk = message;
	struct err err;
	int rc;

	if (u->state == UPLOAD_FRESH)
		rc = begin(u, chunk, &err);
	else if (u->state == UPLOAD_OPENING)
		rc = err_set(&err, ERR_INVALID, "wait for the first answer");
	else if (!str_empty(chunk->session_id) && !str_eq(chunk->session_id, u->sid))
		rc = err_set(&err, ERR_INVALID, "session_id: one recording per call");
	else
		rc = take_chunk(u, chunk, &err);
	if (rc != 0)
		fail(u, &err);
	else
		step(u);
}

static void on_end(struct rpc_call *call)
{
	struct upload *u = rpc_call_data(call);
	struct err err;

	u->ended = true;
	if (u->state == UPLOAD_FRESH) {
		err_set(&err, ERR_INVALID, "a stream without a chunk");
		fail(u, &err);
		return;
	}
	step(u);
}

static void on_canceled(struct rpc_call *call)
{
	leave(rpc_call_data(call));
}

void handle_upload_recording(struct rpc_call *call)
{
	static const struct rpc_call_events events = {
		.message = on_message,
		.end = on_end,
		.canceled = on_canceled,
	};
	struct upload *u = calloc(1, sizeof(*u));
	struct err err;

	if (u == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	u->authd = authd_of(call);
	u->all = recordings_ref(u->authd->recordings);
	u->call = call;
	u->file.fd = -1;
	str_copy(u->node_id, sizeof(u->node_id), caller_of(call)->identity.host_id);
	rpc_call_set_events(call, &events, u);
}
