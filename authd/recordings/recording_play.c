/*
 * recording_play - a recording is sent to who may see it (GetRecording), also while it grows.
 *
 *   READING --piece--> SENDING --writable--> READING
 *       |--end of the file, complete--> ended
 *       `--end of the file, `follow`--> WAITING --play_wake()--> READING
 */
#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/recordings/calls.h"
#include "authd/recordings/recording_file.h"
#include "authd/recordings/recordings.h"
#include "authd/recordings/recordings_inside.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "loop/work.h"
#include "model/role.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_MAX 32768u

enum play_state { PLAY_READING, PLAY_SENDING, PLAY_WAITING };

struct play {
	struct list link;       /* in the followers, while WAITING */
	struct recordings *all; /* a reference */
	struct rpc_call *call;  /* NULL: over, only the thread is waited for */
	enum play_state state;
	char sid[SPOOL_SID_SIZE];
	uint64_t offset; /* of the next byte to send */
	bool follow;
	bool woken; /* while READING: more came */

	/* The thread's, while READING. */
	struct work work;
	int fd; /* -1 = not yet open */
	bool complete;
	size_t len;
	struct err err;
	uint8_t piece[offsetof(pb_bytes_array_t, bytes) + CHUNK_MAX]; /* a pb_bytes_array_t */
};

static void step(struct play *p);

static void play_free(struct play *p)
{
	struct recordings *all = p->all;

	list_remove(&p->link);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
	recordings_unref(all);
}

static void leave(struct play *p)
{
	p->call = NULL;
	if (p->state != PLAY_READING)
		play_free(p);
}

static void fail(struct play *p, const struct err *err)
{
	rpc_call_fail(p->call, err);
	leave(p);
}

static pb_bytes_array_t *piece_of(struct play *p)
{
	return (pb_bytes_array_t *)(void *)p->piece;
}

/* --- READING ---------------------------------------------------------------------------------- */

static int open_file(struct play *p, struct err *err)
{
	char name[SPOOL_NAME_SIZE];
	int rc = spool_name(name, p->sid, SPOOL_RECORDING, err);

	if (rc != 0)
		return rc;
	p->fd = openat(p->all->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (p->fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "there is no recording of session '%s'", p->sid);
	return p->fd >= 0 ? 0 : err_set_errno(err, ERR_IO, errno, "open '%s'", name);
}

/* Whether it is complete is asked before the end is looked for: so the end is the end. */
static void run(struct work *w)
{
	struct play *p = container_of(w, struct play, work);
	char signature[RECORDING_SIGNATURE_NAME_SIZE];
	ssize_t n;

	if (p->fd < 0 && open_file(p, &p->err) != 0)
		return;
	recording_file_signature_name(signature, p->sid);
	p->complete = faccessat(p->all->dir, signature, F_OK, 0) == 0;
	n = pread(p->fd, piece_of(p)->bytes, CHUNK_MAX, (off_t)p->offset);
	if (n < 0)
		err_set_errno(&p->err, ERR_IO, errno, "read the recording");
	else
		p->len = (size_t)n;
}

static void send_piece(struct play *p)
{
	pv_RecordingChunk chunk = { .session_id = p->sid,
		                    .offset = (int64_t)p->offset,
		                    .data = piece_of(p) };
	struct err err;

	piece_of(p)->size = (pb_size_t)p->len;
	if (rpc_call_send(p->call, &chunk, &err) != 0) {
		fail(p, &err);
		return;
	}
	p->offset += p->len;
	step(p);
}

/* Nothing more for now; the last chunk says whether that is the recording's end. */
static void at_end(struct play *p)
{
	const pv_RecordingChunk last = { .session_id = p->sid,
		                         .offset = (int64_t)p->offset,
		                         .complete = p->complete };
	struct err err;

	if (p->follow && !p->complete) {
		p->state = p->woken ? PLAY_SENDING : PLAY_WAITING;
		if (p->woken)
			step(p);
		else
			list_append(&p->all->followers, &p->link);
		return;
	}
	if (rpc_call_send(p->call, &last, &err) != 0) {
		fail(p, &err);
		return;
	}
	rpc_call_finish(p->call);
	leave(p);
}

static void on_read(struct work *w, bool canceled)
{
	struct play *p = container_of(w, struct play, work);

	p->state = PLAY_SENDING;
	if (canceled && p->err.code == 0)
		err_set(&p->err, ERR_CANCELED, "shutting down");
	if (p->call == NULL)
		play_free(p);
	else if (p->err.code != 0)
		fail(p, &p->err);
	else if (p->len > 0)
		send_piece(p);
	else
		at_end(p);
}

/* Reads on as soon as the client takes more. */
static void step(struct play *p)
{
	struct err err;

	if (p->state != PLAY_SENDING || !rpc_call_writable(p->call))
		return;
	p->state = PLAY_READING;
	p->woken = false;
	if (recordings_work(p->all, &p->work, run, on_read, &err) != 0) {
		p->state = PLAY_SENDING;
		fail(p, &err);
	}
}

void play_wake(struct recordings *r, const char *sid)
{
	struct list *at = r->followers.next;

	while (at != &r->followers) {
		struct play *p = container_of(at, struct play, link);

		at = at->next;
		if (strcmp(p->sid, sid) != 0)
			continue;
		list_remove(&p->link);
		p->state = PLAY_SENDING;
		step(p);
	}
}

/* --- the call --------------------------------------------------------------------------------- */

static void on_writable(struct rpc_call *call)
{
	step(rpc_call_data(call));
}

static void on_canceled(struct rpc_call *call)
{
	leave(rpc_call_data(call));
}

/* The one who began it took part, whether or not the record says so. */
static int add_owner(pv_SessionSpec *session, struct err *err)
{
	if (str_empty(session->user) ||
	    str_in(session->user, session->participants, session->participants_count))
		return 0;
	return fields_add_str(&session->participants, &session->participants_count, session->user,
	                      err);
}

/* People only: a node writes recordings, it does not read them. Who took part may see it if their
 * roles say so of sessions they took part in. */
static int check_access(struct authd *a, struct rpc_call *call, const char *sid, struct err *err)
{
	/* Without a record there are no participants. */
	pv_Resource session = { .which_of = pv_Resource_session_tag };
	int rc;

	if (caller_of(call)->kind == PEER_HOST)
		return err_set(err, ERR_DENIED, "hosts do not read recordings");
	rc = resource_load(a, resource_kind_find("session"), NULL, sid, &session, err);
	if (rc == ERR_NOT_FOUND)
		session.which_of = pv_Resource_session_tag;
	else if (rc == 0)
		rc = add_owner(&session.of.session.spec, err);
	if (rc == 0 || rc == ERR_NOT_FOUND)
		rc = access_check(call, "session", "read", &session, err);
	resource_deinit(&session);
	return rc;
}

static void audit(struct authd *a, struct rpc_call *call, const char *sid)
{
	struct audit_event e;

	audit_event_init(&e, AUDIT_SESSION_RECORDING_ACCESS, true, authd_now(a));
	audit_log_caller(&e, call);
	e.pb.sid = audit_text(sid);
	audit_log_report(a, &e);
}

void handle_get_recording(struct rpc_call *call)
{
	static const struct rpc_call_events events = {
		.writable = on_writable,
		.canceled = on_canceled,
	};
	const pv_GetRecordingRequest *in = rpc_call_request(call);
	struct play *p = NULL;
	struct err err;
	int rc = 0;

	if (in->session_id == NULL || !spool_is_sid(in->session_id) || in->offset < 0)
		rc = err_set(&err, ERR_INVALID, "session_id: not a UUID, or an offset below 0");
	if (rc == 0)
		rc = check_access(authd_of(call), call, in->session_id, &err);
	if (rc == 0) {
		p = calloc(1, sizeof(*p));
		rc = p != NULL ? 0 : err_set_nomem(&err);
	}
	if (rc != 0) {
		rpc_call_fail(call, &err);
		return;
	}
	list_init(&p->link);
	p->all = recordings_ref(authd_of(call)->recordings);
	p->call = call;
	p->fd = -1;
	p->follow = in->follow;
	p->offset = (uint64_t)in->offset;
	p->state = PLAY_SENDING;
	strcpy(p->sid, in->session_id);
	rpc_call_set_events(call, &events, p);
	audit(authd_of(call), call, p->sid);
	step(p);
}
