#include "kubeproxyd/sessions/tape.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "record/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tape {
	struct tape_conf conf;
	struct recorder *recorder;
	struct timer *step;
	int spool; /* our own, for the recorder may outlive who opened it */
	bool failed;
	struct work work; /* the end */
	int exit_code;
	char *reason;
};

static void tape_free(struct tape *t)
{
	timer_free(t->step);
	if (t->spool >= 0)
		close(t->spool);
	free(t->reason);
	free(t);
}

/* The recorder has something to do again, soon or never. */
static void plan(struct tape *t)
{
	int ms = t->failed ? -1 : recorder_timeout(t->recorder);

	if (ms < 0)
		timer_stop(t->step);
	else
		timer_once(t->step, ms);
}

static void check(struct tape *t, int rc, const struct err *err)
{
	if (rc != 0 && !t->failed) {
		t->failed = true;
		t->conf.failed(t->conf.owner, err);
	}
	plan(t);
}

static void on_step(void *owner)
{
	struct tape *t = owner;
	struct err err = { 0 };

	check(t, recorder_step(t->recorder, &err), &err);
}

int tape_open(const struct tape_conf *conf, const pv_RecordStart *start, struct tape **out,
              struct err *err)
{
	struct tape *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return err_set_nomem(err);
	t->conf = *conf;
	t->spool = fcntl(conf->spool, F_DUPFD_CLOEXEC, 0);
	t->step = timer_new(conf->loop, on_step, t);
	if (t->step == NULL)
		rc = err_set_nomem(err);
	else if (t->spool < 0)
		rc = err_set_errno(err, ERR_IO, errno, "open the spool");
	else
		rc = recorder_open(&t->recorder, t->spool, start, conf->clock, err);
	if (rc != 0) {
		tape_free(t);
		return rc;
	}
	plan(t);
	*out = t;
	return 0;
}

void tape_output(struct tape *t, const void *data, size_t len, bool error_output)
{
	struct err err = { 0 };

	if (t->failed)
		return;
	check(t,
	      error_output ? recorder_error_output(t->recorder, data, len, &err)
	                   : recorder_output(t->recorder, data, len, &err),
	      &err);
}

void tape_resize(struct tape *t, unsigned columns, unsigned rows)
{
	struct err err = { 0 };

	if (!t->failed)
		check(t, recorder_resize(t->recorder, columns, rows, &err), &err);
}

void tape_participant(struct tape *t, const char *user, const char *mode, bool joined)
{
	struct err err = { 0 };

	if (!t->failed)
		check(t, recorder_participant(t->recorder, user, mode, joined, &err), &err);
}

/* --- the end --------------------------------------------------------------------------------- */

static void close_run(struct work *w)
{
	struct tape *t = container_of(w, struct tape, work);
	const pv_RecordEnd end = { .exit_code = t->exit_code, .reason = t->reason };
	struct err ignored = { 0 };

	recorder_close(t->recorder, &end, &ignored);
	t->recorder = NULL;
}

/* What was not ended, the uploader's recovery ends. */
static void close_done(struct work *w, bool canceled)
{
	struct tape *t = container_of(w, struct tape, work);

	(void)canceled;
	if (t->recorder != NULL)
		recorder_abandon(t->recorder);
	tape_free(t);
}

void tape_close(struct tape *t, int exit_code, const char *reason)
{
	struct err err = { 0 };

	if (t == NULL)
		return;
	timer_stop(t->step);
	t->exit_code = exit_code;
	t->reason = strdup(reason);
	if (work_start(t->conf.pool, &t->work, close_run, close_done, &err) == 0)
		return;
	log_warn("recording not ended in order", kv("reason", err.msg));
	close_done(&t->work, true);
}
