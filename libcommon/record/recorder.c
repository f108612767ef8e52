#include "record/recorder.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "record/frame.h"
#include "record/spool.h"
#include "record/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* pb_bytes_array_t with room for one frame's output. */
struct gathered {
	pb_size_t size;
	uint8_t bytes[FRAME_DATA_MAX];
};

_Static_assert(offsetof(struct gathered, bytes) == offsetof(pb_bytes_array_t, bytes),
               "gathered stands in for pb_bytes_array_t");

struct recorder {
	int fd;
	int dir;
	const struct clock *clock;
	struct syncer *syncer;
	struct frame_chain chain;
	struct gathered data;
	pb_size_t data_tag;
	int64_t data_time;  /* wall clock of its first byte */
	struct buf out;     /* the frame being written */
	uint64_t written;   /* length of the file, whole frames only */
	uint64_t requested; /* as far as the syncer was asked to go */
	int64_t frame_at;   /* monotonic: when gathered output may be written next */
	int64_t sync_at;    /* monotonic: when a sync is due, if written > requested */
	struct err failure; /* the first one, final */
};

static int64_t now_of(const struct recorder *r)
{
	return clock_mono_ms(r->clock);
}

/* --- the file ----------------------------------------------------------------------------- */

static int write_error(struct err *err)
{
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return err_set_errno(err, ERR_LIMIT, errno, "write the recording");
	return err_set_errno(err, ERR_IO, errno, "write the recording");
}

/* Writes r->out, all or nothing: half a frame is cut off again. */
static int write_out(struct recorder *r, struct err *err)
{
	size_t at = 0;

	while (at < r->out.len) {
		ssize_t n = write(r->fd, r->out.data + at, r->out.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			write_error(err);
			/* If even this fails, recovery cuts it off. */
			if (ftruncate(r->fd, (off_t)r->written) != 0)
				err_wrap(err, "half a frame stays behind");
			return err->code;
		}
		at += (size_t)n;
	}
	if (r->written == r->requested)
		r->sync_at = now_of(r) + RECORDER_SYNC_MS;
	r->written += r->out.len;
	return 0;
}

static int write_frame(struct recorder *r, const pv_Frame *f, struct err *err)
{
	struct frame_chain before = r->chain;
	int rc;

	buf_clear(&r->out);
	rc = frame_append(&r->out, &r->chain, f, err);
	if (rc == 0)
		rc = write_out(r, err);
	if (rc != 0)
		r->chain = before;
	return rc;
}

static int write_gathered(struct recorder *r, struct err *err)
{
	pv_Frame f = { .time = r->data_time, .which_of = r->data_tag };

	if (r->data.size == 0)
		return 0;
	/* output and error_output share their place in the union and their type */
	f.of.output = (pb_bytes_array_t *)(void *)&r->data;
	if (write_frame(r, &f, err) != 0)
		return err->code;
	r->data.size = 0;
	r->frame_at = now_of(r) + RECORDER_FRAME_MS;
	return 0;
}

/* Remembers the first failure for good. */
static int settle(struct recorder *r, int rc, struct err *err)
{
	if (rc != 0 && r->failure.code == 0)
		r->failure = *err;
	return rc;
}

/* --- open and close ----------------------------------------------------------------------- */

/* Creates the file under a name that nobody takes for a recording, and locks it. */
static int create_file(int dir, const char *name, struct err *err)
{
	int fd = openat(dir, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	                0600);

	if (fd < 0 && errno == EEXIST)
		err_set(err, ERR_EXISTS, "'%s' exists", name);
	else if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
		err_set_errno(err, ERR_LIMIT, errno, "create '%s'", name);
	else if (fd < 0)
		err_set_errno(err, ERR_IO, errno, "create '%s'", name);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		err_set_errno(err, ERR_IO, errno, "lock '%s'", name);
		close(fd);
		return -1;
	}
	return fd;
}

/* Never replaces a recording. It must be a rename, not link(2) and unlink(2): whoever watches the
 * folder hears of a write under the name by which the file was opened, which moves along. */
static int publish(int dir, const char *name, const char *recording, struct err *err)
{
	if (renameat2(dir, name, dir, recording, RENAME_NOREPLACE) != 0)
		return err_set_errno(err, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno, "name '%s'",
		                     recording);
	return 0;
}

static int write_start(struct recorder *r, const pv_RecordStart *start, struct err *err)
{
	pv_Frame f = { .time = clock_wall_ms(r->clock), .which_of = pv_Frame_start_tag };
	int rc;

	f.of.start = *start;
	buf_append(&r->out, FRAME_MAGIC, FRAME_MAGIC_SIZE);
	rc = buf_check(&r->out, err);
	if (rc == 0)
		rc = frame_append(&r->out, &r->chain, &f, err);
	return rc == 0 ? write_out(r, err) : rc;
}

static void recorder_free(struct recorder *r)
{
	buf_deinit(&r->out);
	if (r->fd >= 0)
		close(r->fd);
	if (r->dir >= 0)
		close(r->dir);
	free(r);
}

static int recorder_new(struct recorder **out, int dir, const struct clock *clock, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set_nomem(err);
	r->fd = -1;
	r->clock = clock;
	r->dir = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0) {
		err_set_errno(err, ERR_IO, errno, "open the spool directory");
		recorder_free(r);
		return err->code;
	}
	*out = r;
	return 0;
}

/* Makes the file `name`, with all that a recording begins with, and gives it its own name. */
static int begin_file(struct recorder *r, const char *name, const pv_RecordStart *start,
                      struct err *err)
{
	char recording[SPOOL_NAME_SIZE];
	int rc;

	r->fd = create_file(r->dir, name, err);
	if (r->fd < 0)
		return err->code;
	rc = spool_name(recording, start->session_id, SPOOL_RECORDING, err);
	if (rc == 0)
		rc = write_start(r, start, err);
	if (rc == 0)
		rc = syncer_start(&r->syncer, r->fd, r->dir, err);
	if (rc == 0)
		rc = publish(r->dir, name, recording, err);
	if (rc != 0)
		unlinkat(r->dir, name, 0);
	return rc;
}

int recorder_open(struct recorder **out, int dir, const pv_RecordStart *start,
                  const struct clock *clock, struct err *err)
{
	char name[SPOOL_NAME_SIZE];
	struct recorder *r = NULL;
	struct err ignored = { 0 };
	int rc;

	rc = spool_name(name, start->session_id, SPOOL_NEW, err);
	if (rc == 0)
		rc = recorder_new(&r, dir, clock, err);
	if (rc == 0)
		rc = begin_file(r, name, start, err);
	if (rc != 0) {
		if (r != NULL) {
			syncer_stop(r->syncer, &ignored);
			recorder_free(r);
		}
		return err_wrap(err, "record session '%s'",
		                start->session_id != NULL ? start->session_id : "");
	}
	*out = r;
	return 0;
}

/* The end frame is tried after a failure too: it may be what still fits. */
static int write_end(struct recorder *r, const pv_RecordEnd *end, struct err *err)
{
	pv_Frame f = { .time = clock_wall_ms(r->clock), .which_of = pv_Frame_end_tag };

	f.of.end = *end;
	if (r->failure.code != 0)
		f.of.end.reason = r->failure.msg;
	return write_frame(r, &f, err);
}

int recorder_close(struct recorder *r, const pv_RecordEnd *end, struct err *err)
{
	struct err later = { 0 };
	int rc;

	if (r == NULL)
		return 0;
	if (r->failure.code == 0)
		settle(r, write_gathered(r, &later), &later);
	settle(r, write_end(r, end, &later), &later);
	syncer_request(r->syncer, r->written);
	settle(r, syncer_stop(r->syncer, &later), &later);
	rc = r->failure.code != 0 ? err_copy(err, &r->failure) : 0;
	recorder_free(r);
	return rc;
}

void recorder_abandon(struct recorder *r)
{
	struct err ignored = { 0 };

	if (r == NULL)
		return;
	if (r->failure.code == 0)
		write_gathered(r, &ignored);
	syncer_stop(r->syncer, &ignored);
	recorder_free(r);
}

/* --- what is recorded ---------------------------------------------------------------------- */

/* Takes as much as fits into the frame being gathered. */
static size_t gather(struct recorder *r, pb_size_t tag, const uint8_t *data, size_t len)
{
	size_t room = FRAME_DATA_MAX - r->data.size;
	size_t n = len < room ? len : room;

	if (r->data.size == 0) {
		r->data_tag = tag;
		r->data_time = clock_wall_ms(r->clock);
	}
	memcpy(r->data.bytes + r->data.size, data, n);
	r->data.size = (pb_size_t)(r->data.size + n);
	return n;
}

static int record_data(struct recorder *r, pb_size_t tag, const uint8_t *data, size_t len,
                       struct err *err)
{
	int rc = 0;

	if (r->failure.code != 0)
		return err_copy(err, &r->failure);
	if (r->data_tag != tag)
		rc = write_gathered(r, err);
	while (rc == 0 && len > 0) {
		size_t n = gather(r, tag, data, len);

		data += n;
		len -= n;
		if (r->data.size == FRAME_DATA_MAX)
			rc = write_gathered(r, err);
	}
	/* After a pause output is written at once: a keystroke's echo is on record with it. */
	if (rc == 0 && (r->data.size >= RECORDER_GATHER || now_of(r) >= r->frame_at))
		rc = write_gathered(r, err);
	return settle(r, rc, err);
}

int recorder_output(struct recorder *r, const void *data, size_t len, struct err *err)
{
	return record_data(r, pv_Frame_output_tag, data, len, err);
}

int recorder_error_output(struct recorder *r, const void *data, size_t len, struct err *err)
{
	return record_data(r, pv_Frame_error_output_tag, data, len, err);
}

static int record_event(struct recorder *r, pv_Frame *f, struct err *err)
{
	int rc;

	if (r->failure.code != 0)
		return err_copy(err, &r->failure);
	f->time = clock_wall_ms(r->clock);
	rc = write_gathered(r, err);
	if (rc == 0)
		rc = write_frame(r, f, err);
	return settle(r, rc, err);
}

int recorder_resize(struct recorder *r, uint32_t columns, uint32_t rows, struct err *err)
{
	pv_Frame f = { .which_of = pv_Frame_resize_tag };

	f.of.resize = (pv_RecordResize){ columns, rows };
	return record_event(r, &f, err);
}

/* nanopb's structs have no const; encoding changes nothing. */
static char *borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

int recorder_participant(struct recorder *r, const char *user, const char *mode, bool joined,
                         struct err *err)
{
	pv_Frame f = { .which_of = pv_Frame_participant_tag };

	f.of.participant = (pv_RecordParticipant){ borrow(user), borrow(mode), joined };
	return record_event(r, &f, err);
}

/* --- time ---------------------------------------------------------------------------------- */

int recorder_timeout(const struct recorder *r)
{
	int64_t at = INT64_MAX, left;

	if (r->failure.code != 0)
		return -1;
	if (r->data.size > 0)
		at = r->frame_at;
	if (r->written > r->requested && r->sync_at < at)
		at = r->sync_at;
	if (at == INT64_MAX)
		return -1;
	left = at - now_of(r);
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int recorder_flush(struct recorder *r, struct err *err)
{
	if (r->failure.code != 0)
		return err_copy(err, &r->failure);
	return settle(r, write_gathered(r, err), err);
}

int recorder_step(struct recorder *r, struct err *err)
{
	int rc = 0;

	if (r->failure.code != 0)
		return err_copy(err, &r->failure);
	if (r->data.size > 0 && now_of(r) >= r->frame_at)
		rc = write_gathered(r, err);
	if (rc == 0 && r->written > r->requested && now_of(r) >= r->sync_at) {
		r->requested = r->written;
		syncer_request(r->syncer, r->requested);
	}
	if (rc == 0)
		rc = syncer_check(r->syncer, err);
	return settle(r, rc, err);
}

uint64_t recorder_written(const struct recorder *r)
{
	return r->written;
}

uint64_t recorder_synced(struct recorder *r)
{
	return syncer_done(r->syncer);
}
