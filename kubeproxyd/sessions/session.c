#include "kubeproxyd/sessions/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/audit_queue.h"
#include "daemon/host.h"
#include "daemon/upload.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/sessions/report.h"
#include "kubeproxyd/sessions/sessions.h"
#include "kubeproxyd/sessions/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_FIRST 100 /* the protocol tells no size before the first resize */
#define ROWS_FIRST    100

static void session_free(struct session *s)
{
	list_remove(&s->link);
	strlist_deinit(&s->participants);
	crowd_deinit(&s->crowd);
	free(s->container);
	free(s->command);
	guest_unref(s->guest);
	free(s);
}

/* --- recording ------------------------------------------------------------------------------- */

static void on_tape_failed(void *owner, const struct err *why)
{
	struct session *s = owner;
	struct err err = *why;

	log_warn("recording failed", kv("sid", s->sid), kv("reason", why->msg));
	err_wrap(&err, "this session cannot be recorded any more");
	if (s->strict)
		session_stop(s, &err);
}

static int open_tape(struct session *s, struct err *err)
{
	const struct guest *g = s->guest;
	const struct kubeproxyd *k = s->k;
	const pv_RecordStart start = {
		.session_id = s->sid,
		.cluster = (char *)(uintptr_t)host_cluster(k->host),
		.node_id = (char *)(uintptr_t)host_id(k->host),
		.node_name = k->conf.hostname,
		.user = g->visit->peer.identity.user,
		.login = g->acts_as.user,
		.kind = (char *)(uintptr_t) "kube",
		.command = s->command,
		.terminal = s->tty,
		.columns = s->tty ? COLUMNS_FIRST : 0,
		.rows = s->tty ? ROWS_FIRST : 0,
		.client_addr = g->visit->peer.addr,
	};
	const struct tape_conf conf = {
		.loop = k->loop,
		.clock = k->clock,
		.pool = sessions_pool(k->sessions),
		.spool = sessions_spool(k->sessions),
		.failed = on_tape_failed,
		.owner = s,
	};

	if (upload_check_room(sessions_upload(k->sessions), err) != 0)
		return err->code;
	return tape_open(&conf, &start, &s->tape, err);
}

/* 0 also where it need not be recorded and cannot. */
static int begin_recording(struct session *s, struct err *err)
{
	if (!s->recorded || open_tape(s, err) == 0)
		return 0;
	if (s->strict)
		return err_wrap(err, "the session cannot be recorded");
	log_warn("session not recorded", kv("sid", s->sid), kv("reason", err->msg));
	s->recorded = false;
	return 0;
}

/* --- beginning ------------------------------------------------------------------------------- */

static struct session *session_new(struct guest *guest, const struct session_what *what)
{
	struct session *s = calloc(1, sizeof(*s));
	struct kubeproxyd *k = guest->visit->k;
	struct err ignored;

	if (s == NULL)
		return NULL;
	list_init(&s->link);
	crowd_init(&s->crowd, COLUMNS_FIRST, ROWS_FIRST);
	s->k = k;
	s->guest = guest_ref(guest);
	s->forwards = what->forwards;
	s->tty = what->tty;
	rand_uuid(s->sid);
	s->started = clock_wall_ms(k->clock);
	snprintf(s->size, sizeof(s->size), "%d:%d", COLUMNS_FIRST, ROWS_FIRST);
	s->container = strdup(what->container);
	s->command = strdup(what->command);
	s->strict = sessions_record_strictly(k) || guest->records_strictly;
	s->recorded =
	        sessions_record(k) && !what->forwards && (what->tty || guest->limits.record_exec);
	if (s->container != NULL && s->command != NULL &&
	    strlist_add(&s->participants, guest->visit->peer.identity.user, &ignored) == 0)
		return s;
	session_free(s);
	return NULL;
}

int session_start(struct guest *guest, const struct session_what *what,
                  const struct session_handler *handler, void *owner, struct session **out,
                  struct err *err)
{
	struct kubeproxyd *k = guest->visit->k;
	struct session *s;

	if (audit_queue_full(sessions_audit(k->sessions)))
		return err_set(err, ERR_UNAVAILABLE,
		               "kubeproxyd cannot write its audit log; its administrator must "
		               "help");
	s = session_new(guest, what);
	if (s == NULL)
		return err_set_nomem(err);
	s->handler = handler;
	s->owner = owner;
	if (begin_recording(s, err) != 0) {
		session_free(s);
		return err->code;
	}
	sessions_add(k->sessions, s);
	report_start(s);
	*out = s;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

void session_output(struct session *s, const void *data, size_t len, bool error_output)
{
	if (s->tape != NULL)
		tape_output(s->tape, data, len, error_output);
	if (s->tty)
		crowd_output(&s->crowd, data, len);
}

void session_resize(struct session *s, unsigned columns, unsigned rows)
{
	snprintf(s->size, sizeof(s->size), "%u:%u", columns, rows);
	if (s->tape != NULL)
		tape_resize(s->tape, columns, rows);
	crowd_resize(&s->crowd, columns, rows);
}

void session_port(struct session *s, unsigned port, bool success)
{
	report_port(s, port, success);
}

void session_stop(struct session *s, const struct err *why)
{
	if (s->ending)
		return;
	s->ending = true;
	s->handler->end(s->owner, why);
}

/* --- others ---------------------------------------------------------------------------------- */

static void tell_change(struct session *s, const struct crowd_seat *seat, bool joined)
{
	char line[256];

	snprintf(line, sizeof(line), "\r\n[%.100s %s the session as %s]\r\n", seat->user,
	         joined ? "joined" : "left", seat->mode);
	s->handler->print(s->owner, line);
	if (s->tape != NULL)
		tape_participant(s->tape, seat->user, seat->mode, joined);
	log_info(joined ? "session joined" : "session left", kv("sid", s->sid),
	         kv("user", seat->user), kv("mode", seat->mode));
}

int session_admit(struct session *s, const char *user, struct err *err)
{
	if (s->crowd.count >= CROWD_MAX)
		return err_set(err, ERR_LIMIT, "%d have joined the session already", CROWD_MAX);
	if (strlist_has(&s->participants, user))
		return 0;
	if (s->participants.count >= SESSION_PARTICIPANTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d people in session '%s'",
		               SESSION_PARTICIPANTS_MAX, s->sid);
	if (strlist_add(&s->participants, user, err) != 0)
		return err->code;
	sessions_keep(s->k->sessions, s);
	return 0;
}

void session_joined(struct session *s, struct crowd_seat *seat)
{
	crowd_enter(&s->crowd, seat, s->participants.items[0]);
	tell_change(s, seat, true);
	report_joined(s, seat->user);
}

void session_left(struct session *s, const struct crowd_seat *seat)
{
	tell_change(s, seat, false);
	report_left(s, seat->user);
}

void session_type(struct session *s, const void *data, size_t len)
{
	if (!s->ending)
		s->handler->type(s->owner, data, len);
}

/* --- the end --------------------------------------------------------------------------------- */

void session_end(struct session *s, const struct session_outcome *o)
{
	if (s == NULL)
		return;
	s->ending = true;
	crowd_end(&s->crowd, o->exit_code, o->reason);
	tape_close(s->tape, o->exit_code, o->reason);
	s->tape = NULL;
	report_end(s, o);
	sessions_forget(s->k->sessions, s);
	session_free(s);
}
