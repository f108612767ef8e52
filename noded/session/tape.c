#include "noded/session/tape.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "noded/session/events.h"
#include "record/recorder.h"

static char *field(const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	return (char *)(uintptr_t)(value != NULL ? value : ""); /* nanopb's structs are not const */
}

static int open_recorder(struct tape *t, const char *data, size_t len, const char *spool,
                         struct err *err)
{
	const pv_RecordStart start = {
		.session_id = field(data, len, "sid"),
		.cluster = field(data, len, "cluster"),
		.node_id = field(data, len, "node_id"),
		.node_name = field(data, len, "node_name"),
		.user = field(data, len, "user"),
		.login = field(data, len, "login"),
		.kind = (char *)(uintptr_t) "ssh",
		.command = field(data, len, "command"),
		.terminal = packet_get_number(data, len, "tty", 0) == 1,
		.columns = (uint32_t)packet_get_number(data, len, "columns", 0),
		.rows = (uint32_t)packet_get_number(data, len, "rows", 0),
		.client_addr = field(data, len, "client"),
		.term = field(data, len, "term"),
	};

	t->dir = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0)
		return err_set_errno(err, ERR_IO, errno, "open the spool '%s'", spool);
	return recorder_open(&t->recorder, t->dir, &start, clock_system(), err);
}

int tape_open(struct tape *t, const char *data, size_t len, struct err *err)
{
	const char *spool = packet_get(data, len, "spool");

	*t = (struct tape){ .dir = -1 };
	t->optional = str_eq(field(data, len, "record_failure"), "continue");
	if (spool == NULL || open_recorder(t, data, len, spool, err) == 0)
		return 0;
	if (!t->optional)
		return err->code;
	log_warn("not recorded", kv("sid", field(data, len, "sid")), kv("error", err->msg));
	t->recorder = NULL;
	return 0;
}

/* The first failure counts; the recorder keeps it, and its end frame says it. */
static void check(struct tape *t, int rc, const struct err *err)
{
	if (rc == 0 || t->failed)
		return;
	log_warn("recording failed", kv("error", err->msg));
	if (t->optional) {
		recorder_abandon(t->recorder);
		t->recorder = NULL;
		return;
	}
	t->failed = true;
	snprintf(t->why, sizeof(t->why), "this session cannot be recorded any more: %.200s",
	         err->msg);
}

void tape_output(struct tape *t, const void *data, size_t len, bool error_output)
{
	struct err err = { 0 };

	if (t->recorder == NULL)
		return;
	check(t,
	      error_output ? recorder_error_output(t->recorder, data, len, &err)
	                   : recorder_output(t->recorder, data, len, &err),
	      &err);
}

void tape_resize(struct tape *t, unsigned columns, unsigned rows)
{
	struct err err = { 0 };

	if (t->recorder != NULL)
		check(t, recorder_resize(t->recorder, columns, rows, &err), &err);
}

void tape_participant(struct tape *t, const char *user, const char *mode, bool joined)
{
	struct err err = { 0 };

	if (t->recorder != NULL)
		check(t, recorder_participant(t->recorder, user, mode, joined, &err), &err);
}

int tape_timeout(const struct tape *t)
{
	return t->recorder != NULL ? recorder_timeout(t->recorder) : -1;
}

void tape_step(struct tape *t)
{
	struct err err = { 0 };

	if (t->recorder != NULL)
		check(t, recorder_step(t->recorder, &err), &err);
}

void tape_close(struct tape *t, const struct event_end *end)
{
	struct err err = { 0 };
	const pv_RecordEnd frame = {
		.exit_code = end->exit,
		.signal = end->signal,
		.reason = (char *)(uintptr_t)end->reason,
	};

	if (t->recorder != NULL && recorder_close(t->recorder, &frame, &err) != 0)
		log_warn("recording not completed", kv("error", err.msg));
	t->recorder = NULL;
	if (t->dir >= 0)
		close(t->dir);
	t->dir = -1;
}
