#include "record/recover.h"

#include "base/buf.h"
#include "base/err.h"
#include "record/frame.h"
#include "record/recording.h"
#include "record/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NEW_FILE_MIN_AGE 60 /* seconds; a recorder makes and names its file in less */

/* What a scan of a recording found. */
struct scan {
	struct frame_chain chain;
	uint64_t good;
	int64_t last_time;
};

/* Reads to the end of the good prefix; damage there is what we came for, not a failure. */
static int scan_file(int fd, struct scan *out, struct err *err)
{
	struct recording *rec = NULL;
	const pv_Frame *f = NULL;
	int own = dup(fd);
	int rc;

	if (own < 0)
		return err_set_errno(err, ERR_IO, errno, "duplicate a descriptor");
	rc = recording_open(&rec, own, err);
	if (rc != 0)
		return rc;
	while (rc = recording_next(rec, &f, err), rc == 0 && f != NULL)
		out->last_time = f->time;
	out->chain = *recording_chain(rec);
	out->good = recording_good(rec);
	recording_close(rec);
	return rc == ERR_CORRUPT ? 0 : rc;
}

static int append_end(int fd, struct scan *scan, struct err *err)
{
	pv_Frame f = { .time = scan->last_time, .which_of = pv_Frame_end_tag };
	struct buf out = { 0 };
	ssize_t n;
	int rc;

	f.of.end.recovered = true;
	rc = frame_append(&out, &scan->chain, &f, err);
	if (rc == 0) {
		n = write(fd, out.data, out.len);
		if (n < 0)
			rc = err_set_errno(err, errno == ENOSPC ? ERR_LIMIT : ERR_IO, errno,
			                   "write the end frame");
		else if ((size_t)n != out.len)
			rc = err_set(err, ERR_LIMIT, "write the end frame: no space left");
		scan->good += out.len;
	}
	buf_deinit(&out);
	return rc;
}

/* Cuts and completes the file, which is locked and begins as a recording. */
static int complete(int fd, uint64_t size, struct scan *scan, struct recover_report *out,
                    struct err *err)
{
	out->state = scan->chain.ended ? RECOVER_COMPLETE : RECOVER_RECOVERED;
	out->dropped = size - scan->good;
	if (out->dropped > 0 && ftruncate(fd, (off_t)scan->good) != 0)
		return err_set_errno(err, ERR_IO, errno, "cut to the good prefix");
	if (!scan->chain.ended && append_end(fd, scan, err) != 0)
		return err->code;
	if (fdatasync(fd) != 0)
		return err_set_errno(err, ERR_IO, errno, "bring it to the disk");
	out->size = scan->good;
	return 0;
}

static int quarantine(int dir, const char *sid, struct recover_report *out, struct err *err)
{
	*out = (struct recover_report){ .state = RECOVER_QUARANTINED };
	return spool_quarantine(dir, sid, err);
}

/* *out_live: a recorder holds it. */
static int open_locked(int dir, const char *name, int *out_fd, bool *out_live, struct err *err)
{
	int fd = openat(dir, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open");
	*out_live = flock(fd, LOCK_EX | LOCK_NB) != 0;
	if (*out_live && errno != EWOULDBLOCK) {
		err_set_errno(err, ERR_IO, errno, "lock");
		close(fd);
		return err->code;
	}
	*out_fd = fd;
	return 0;
}

static int recover_open(int dir, const char *sid, int fd, struct recover_report *out,
                        struct err *err)
{
	struct scan scan = { 0 };
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return err_set_errno(err, ERR_IO, errno, "stat");
	if (!S_ISREG(st.st_mode))
		return quarantine(dir, sid, out, err);
	rc = scan_file(fd, &scan, err);
	if (rc != 0)
		return rc;
	if (scan.chain.count == 0)
		return quarantine(dir, sid, out, err);
	return complete(fd, (uint64_t)st.st_size, &scan, out, err);
}

int recover_session(int dir, const char *sid, struct recover_report *out, struct err *err)
{
	struct recover_report report = { 0 };
	char name[SPOOL_NAME_SIZE];
	bool live = false;
	int fd = -1;
	int rc;

	rc = spool_name(name, sid, SPOOL_RECORDING, err);
	if (rc == 0)
		rc = open_locked(dir, name, &fd, &live, err);
	if (rc == 0 && live)
		report.state = RECOVER_LIVE;
	else if (rc == 0)
		rc = recover_open(dir, sid, fd, &report, err);
	if (fd >= 0)
		close(fd);
	if (rc != 0)
		return err_wrap(err, "recover session '%s'", sid);
	*out = report;
	return 0;
}

/* --- the whole spool ------------------------------------------------------------------------ */

struct sweep {
	int dir;
	recover_cb cb;
	void *arg;
};

/* One bad file is reported and does not hold up the others. */
static int sweep_session(const char *sid, void *arg, struct err *err)
{
	struct sweep *s = arg;
	struct recover_report report = { 0 };
	struct err failure = { 0 };

	(void)err;
	if (recover_session(s->dir, sid, &report, &failure) == 0)
		s->cb(sid, &report, NULL, s->arg);
	else
		s->cb(sid, NULL, &failure, s->arg);
	return 0;
}

/* A file that never got its name: its recorder died in the midst of recorder_open(). */
static int sweep_new(const char *sid, void *arg, struct err *err)
{
	struct sweep *s = arg;
	char name[SPOOL_NAME_SIZE];
	struct stat st;

	if (spool_name(name, sid, SPOOL_NEW, err) != 0)
		return err->code;
	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    time(NULL) - st.st_mtime >= NEW_FILE_MIN_AGE)
		unlinkat(s->dir, name, 0);
	return 0;
}

int recover_spool(int dir, recover_cb cb, void *arg, struct err *err)
{
	struct sweep s = { dir, cb, arg };
	int rc = spool_walk(dir, SPOOL_NEW, sweep_new, &s, err);

	return rc == 0 ? spool_walk(dir, SPOOL_RECORDING, sweep_session, &s, err) : rc;
}

const char *recover_state_name(enum recover_state state)
{
	static const char *const names[] = { "complete", "recovered", "live", "quarantined" };

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}
