#include "authd/audit/audit_log.h"

#include "audit/audit.h"
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/timer.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 32 /* "2026-11-20.00:00:00.log" */
#define LINK_NAME "events.log"
#define SYNC_MS   20 /* until what nobody waits for is on the disk */

struct waiter {
	struct list link;
	audit_log_cb done;
	void *arg;
};

/* What is written together. */
struct batch {
	struct buf lines;
	struct list waiters;
	bool sync; /* it is to be on the disk before anybody is told */
};

struct audit_log {
	uv_loop_t *loop;
	const struct clock *clock;
	char *cluster;
	int64_t keep_ms;
	int dir;
	struct batch next;  /* gathers */
	struct timer *sync; /* runs while lines are written that are not on the disk */
	bool closing;

	/* What follows belongs to the pool's thread while `writing`. */
	bool writing;
	uv_work_t req;
	struct batch now;
	int fd; /* of the file `name`; -1 = none yet */
	char name[NAME_SIZE];
	bool unsynced; /* lines that are with the kernel only */
	struct err err;
};

static void start_writing(struct audit_log *log);

static void log_free(struct audit_log *log)
{
	timer_free(log->sync);
	if (log->fd >= 0)
		close(log->fd);
	if (log->dir >= 0)
		close(log->dir);
	buf_deinit(&log->next.lines);
	buf_deinit(&log->now.lines);
	free(log->cluster);
	free(log);
}

/* --- files ---------------------------------------------------------------------------------- */

/* The length of the file without a last line that has no end. */
static int whole_lines(int fd, off_t *out_len, struct err *err)
{
	char tail[4096];
	off_t len = lseek(fd, 0, SEEK_END);

	while (len > 0) {
		off_t from = len > (off_t)sizeof(tail) ? len - (off_t)sizeof(tail) : 0;
		ssize_t n = pread(fd, tail, (size_t)(len - from), from);

		if (n != (ssize_t)(len - from))
			return err_set_errno(err, ERR_IO, errno, "read the last line");
		for (; n > 0 && tail[n - 1] != '\n'; n--)
			;
		len = from + n;
		if (n > 0)
			break;
	}
	*out_len = len;
	return len >= 0 ? 0 : err_set_errno(err, ERR_IO, errno, "find the end");
}

static int cut_torn_line(int fd, struct err *err)
{
	off_t len;
	int rc = whole_lines(fd, &len, err);

	if (rc == 0 && ftruncate(fd, len) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "cut off a torn line");
	return rc;
}

/* The link is made beside and moved into place, so that it is there at every moment. */
static int point_link(int dir, const char *name, struct err *err)
{
	const char *fresh = LINK_NAME ".new";

	unlinkat(dir, fresh, 0);
	if (symlinkat(name, dir, fresh) != 0 || renameat(dir, fresh, dir, LINK_NAME) != 0)
		return err_set_errno(err, ERR_IO, errno, "link '" LINK_NAME "'");
	return 0;
}

static int open_day(struct audit_log *log, const char *name, struct err *err)
{
	int fd = openat(log->dir, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	int rc;

	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "open '%s'", name);
	rc = cut_torn_line(fd, err);
	if (rc == 0)
		rc = point_link(log->dir, name, err);
	if (rc == 0 && fsync(log->dir) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "sync the folder");
	if (rc != 0) {
		close(fd);
		return err_wrap(err, "'%s'", name);
	}
	if (log->fd >= 0)
		close(log->fd);
	log->fd = fd;
	strcpy(log->name, name);
	return 0;
}

/* The names sort by day: all before the first day to keep go. What cannot be removed stays. */
static void remove_old(const struct audit_log *log, int64_t now_ms)
{
	char oldest[STR_TIME_SIZE], day[NAME_SIZE];
	struct dirent *entry;
	DIR *dir;
	int fd;

	if (log->keep_ms == 0)
		return;
	str_from_time(oldest, sizeof(oldest), now_ms - log->keep_ms);
	snprintf(day, sizeof(day), "%.10s.00:00:00.log", oldest);
	fd = openat(log->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strlen(entry->d_name) == strlen(day) &&
		    str_ends(entry->d_name, ".00:00:00.log") && strcmp(entry->d_name, day) < 0)
			unlinkat(log->dir, entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

/* Opens the file of today, if it is not open already. */
static int turn_page(struct audit_log *log, struct err *err)
{
	char name[NAME_SIZE], now[STR_TIME_SIZE];

	int64_t now_ms = clock_wall_ms(log->clock);

	str_from_time(now, sizeof(now), now_ms);
	snprintf(name, sizeof(name), "%.10s.00:00:00.log", now);
	if (log->fd >= 0 && strcmp(name, log->name) == 0)
		return 0;
	remove_old(log, now_ms);
	return open_day(log, name, err);
}

static int write_lines(int fd, const struct buf *lines, struct err *err)
{
	size_t done = 0;

	while (done < lines->len) {
		ssize_t n = write(fd, lines->data + done, lines->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(
			        err, errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO, errno,
			        "write the audit log");
		done += (size_t)n;
	}
	return 0;
}

static int sync_lines(int fd, struct err *err)
{
	if (fdatasync(fd) != 0)
		return err_set_errno(err, ERR_IO, errno, "sync the audit log");
	return 0;
}

/* All of it or nothing. */
static int append(int fd, const struct batch *batch, struct err *err)
{
	off_t before = lseek(fd, 0, SEEK_END);
	int rc;

	if (before < 0)
		return err_set_errno(err, ERR_IO, errno, "find the audit log's end");
	rc = write_lines(fd, &batch->lines, err);
	if (rc == 0 && batch->sync)
		rc = sync_lines(fd, err);
	if (rc != 0 && ftruncate(fd, before) != 0)
		err_wrap(err, "half a batch stays");
	return rc;
}

/* --- batches -------------------------------------------------------------------------------- */

static void run_write(uv_work_t *req)
{
	struct audit_log *log = container_of(req, struct audit_log, req);

	log->err = (struct err){ 0 };
	if (turn_page(log, &log->err) == 0 && append(log->fd, &log->now, &log->err) == 0)
		log->unsynced = !log->now.sync;
}

/* Callbacks may write more events; those gather in `next`. */
static void finish_batch(struct audit_log *log)
{
	struct list waiters;
	struct err err = log->err;

	list_init(&waiters);
	while (!list_empty(&log->now.waiters)) {
		struct list *at = log->now.waiters.next;

		list_remove(at);
		list_append(&waiters, at);
	}
	buf_clear(&log->now.lines);
	log->writing = false;
	while (!list_empty(&waiters)) {
		struct waiter *w = container_of(waiters.next, struct waiter, link);

		list_remove(&w->link);
		if (w->done != NULL)
			w->done(w->arg, err.code != 0 ? &err : NULL);
		free(w);
	}
}

static void on_written(uv_work_t *req, int status)
{
	struct audit_log *log = container_of(req, struct audit_log, req);

	(void)status; /* never canceled */
	finish_batch(log);
	if (log->unsynced && !timer_active(log->sync))
		timer_once(log->sync, SYNC_MS);
	log->next.sync |= log->unsynced && log->closing;
	start_writing(log);
	if (log->closing && !log->writing)
		log_free(log);
}

static void take_batch(struct audit_log *log)
{
	struct buf empty = log->now.lines;

	log->now.lines = log->next.lines;
	log->next.lines = empty;
	while (!list_empty(&log->next.waiters)) {
		struct list *at = log->next.waiters.next;

		list_remove(at);
		list_append(&log->now.waiters, at);
	}
	log->now.sync = log->next.sync;
	log->next.sync = false;
	log->writing = true;
}

static void start_writing(struct audit_log *log)
{
	if (log->writing || (log->next.lines.len == 0 && !log->next.sync))
		return;
	take_batch(log);
	if (uv_queue_work(log->loop, &log->req, run_write, on_written) != 0)
		abort(); /* libuv: only for a callback that is missing */
}

static void on_sync_due(void *owner)
{
	struct audit_log *log = owner;

	log->next.sync = true;
	start_writing(log);
}

static int add(struct audit_log *log, const pv_AuditEvent *events, size_t count, bool sync,
               audit_log_cb done, void *arg, struct err *err)
{
	struct waiter *w;
	size_t before;
	int rc = 0;

	assert(count > 0);
	if (log == NULL)
		return err_set(err, ERR_UNAVAILABLE, "the audit log is closed");
	before = log->next.lines.len;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set_nomem(err);
	*w = (struct waiter){ .done = done, .arg = arg };
	for (size_t i = 0; rc == 0 && i < count; i++) {
		pv_AuditEvent event = events[i];

		event.cluster_name = audit_text(log->cluster);
		rc = audit_line(&event, &log->next.lines, err);
	}
	if (rc == ERR_LIMIT && log->next.lines.failed)
		rc = err_set(err, ERR_LIMIT, "too many events wait for the audit log's disk");
	if (rc != 0) {
		log->next.lines.failed = 0;
		log->next.lines.len = before;
		free(w);
		return rc;
	}
	list_append(&log->next.waiters, &w->link);
	log->next.sync |= sync;
	start_writing(log);
	return 0;
}

int audit_log_write(struct audit_log *log, const pv_AuditEvent *events, size_t count,
                    audit_log_cb done, void *arg, struct err *err)
{
	return add(log, events, count, true, done, arg, err);
}

/* --- open and close ------------------------------------------------------------------------- */

static int open_dir(const char *dir, int *out, struct err *err)
{
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "make folder '%s'", dir);
	*out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out >= 0 ? 0 : err_set_errno(err, ERR_IO, errno, "open folder '%s'", dir);
}

int audit_log_open(struct audit_log **out, const struct audit_log_spec *spec, struct err *err)
{
	struct audit_log *log = calloc(1, sizeof(*log));
	int rc;

	if (log == NULL)
		return err_set_nomem(err);
	*log = (struct audit_log){ .loop = spec->loop,
		                   .clock = spec->clock,
		                   .keep_ms = spec->keep_ms,
		                   .dir = -1,
		                   .fd = -1 };
	buf_init(&log->next.lines, AUDIT_LOG_WAITING_MAX);
	buf_init(&log->now.lines, AUDIT_LOG_WAITING_MAX);
	list_init(&log->next.waiters);
	list_init(&log->now.waiters);
	log->cluster = strdup(spec->cluster);
	log->sync = timer_new(spec->loop, on_sync_due, log);
	rc = log->cluster != NULL && log->sync != NULL ? open_dir(spec->dir, &log->dir, err)
	                                               : err_set_nomem(err);
	if (rc == 0)
		rc = turn_page(log, err);
	if (rc != 0) {
		log_free(log);
		return err_wrap(err, "open the audit log");
	}
	*out = log;
	return 0;
}

void audit_log_close(struct audit_log *log)
{
	if (log == NULL)
		return;
	log->closing = true;
	timer_stop(log->sync);
	log->next.sync |= !log->writing && log->unsynced;
	start_writing(log);
	if (!log->writing)
		log_free(log);
}

/* --- for the handlers of calls --------------------------------------------------------------- */

void audit_log_caller(struct audit_event *e, const struct rpc_call *call)
{
	const struct peer *peer = caller_of(call);

	e->pb.user = peer->identity.user;
	e->pb.server_id = peer->identity.host_id;
	e->pb.addr_remote = audit_text(peer->addr);
}

static void on_reported(void *arg, const struct err *err)
{
	const char *event = arg; /* a constant */

	if (err != NULL)
		log_error("audit event lost", kv("event", event), kv("error", err->msg));
}

void audit_log_report(struct authd *a, const struct audit_event *e)
{
	struct err err;

	if (add(a->audit, &e->pb, 1, false, on_reported, e->pb.event, &err) != 0)
		on_reported(e->pb.event, &err);
}
