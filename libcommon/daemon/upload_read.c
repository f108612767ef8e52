#include "daemon/upload_read.h"

#include "base/err.h"
#include "base/str.h"
#include "record/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP        (32u * 1024)
#define PENDING_MAX (2 * UPLOAD_PIECE) /* a piece, and the beginning of a frame behind it */
#define NOTE_SIZE   24

void upload_read_init(struct upload_read *r, int dir, const char *sid)
{
	*r = (struct upload_read){ .dir = dir, .fd = -1 };
	str_copy(r->sid, sizeof(r->sid), sid);
	frame_reader_init(&r->reader);
	buf_init(&r->pending, PENDING_MAX);
}

void upload_read_deinit(struct upload_read *r)
{
	upload_read_release(r);
	frame_reader_deinit(&r->reader);
}

static void rewind_to(struct upload_read *r, uint64_t next)
{
	frame_reader_reset(&r->reader);
	buf_clear(&r->pending);
	r->at = 0;
	r->next = next;
	r->ended = false;
}

void upload_read_release(struct upload_read *r)
{
	rewind_to(r, r->next);
	buf_deinit(&r->pending);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

void upload_read_seek(struct upload_read *r, uint64_t offset)
{
	if (offset != r->next)
		rewind_to(r, offset);
}

void upload_read_advance(struct upload_read *r, uint64_t offset)
{
	buf_consume(&r->pending, offset - r->next);
	r->next = offset;
	if (r->pending.len == 0)
		buf_deinit(&r->pending); /* an idle session holds no memory */
}

size_t upload_read_ready(const struct upload_read *r)
{
	return r->reader.good > r->next ? (size_t)(r->reader.good - r->next) : 0;
}

/* --- the .ack file --------------------------------------------------------------------------- */

static int open_note(const struct upload_read *r, int flags)
{
	char name[SPOOL_NAME_SIZE];
	struct err ignored;

	if (spool_name(name, r->sid, SPOOL_ACK, &ignored) != 0)
		return -1;
	return openat(r->dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

uint64_t upload_read_noted(const struct upload_read *r)
{
	char text[NOTE_SIZE] = "";
	struct err ignored;
	int64_t noted = 0;
	int fd = open_note(r, O_RDONLY);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		str_to_i64(text, 0, INT64_MAX, &noted, &ignored);
	close(fd);
	return (uint64_t)noted;
}

/* Only a hint: authd itself says where to go on. So it need not be on the disk. */
static void note(struct upload_read *r)
{
	char text[NOTE_SIZE];
	int len = snprintf(text, sizeof(text), "%" PRIu64, r->next);
	int fd;

	if (r->noted == r->next)
		return;
	fd = open_note(r, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return;
	if (write(fd, text, (size_t)len) == len)
		r->noted = r->next;
	close(fd);
}

/* --- the recording --------------------------------------------------------------------------- */

static int open_file(struct upload_read *r, struct err *err)
{
	char name[SPOOL_NAME_SIZE];

	if (r->fd >= 0)
		return 0;
	if (spool_name(name, r->sid, SPOOL_RECORDING, err) != 0)
		return err->code;
	r->fd = openat(r->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd >= 0)
		return 0;
	return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open '%s'",
	                     name);
}

/* What is in the file now, and on the disk. */
static int sync_size(struct upload_read *r, struct err *err)
{
	struct stat st;

	if (fstat(r->fd, &st) != 0 || fdatasync(r->fd) != 0)
		return err_set_errno(err, ERR_IO, errno, "sync the recording");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CORRUPT, "it is no file");
	r->size = (uint64_t)st.st_size;
	return 0;
}

static int check_frames(struct upload_read *r, const uint8_t *data, size_t len, struct err *err)
{
	const pv_Frame *f;
	int rc = frame_reader_feed(&r->reader, data, len, err);

	do
		rc = rc != 0 ? rc : frame_reader_next(&r->reader, &f, err);
	while (rc == 0 && f != NULL);
	r->ended = r->reader.chain.ended;
	return rc;
}

static int read_step(struct upload_read *r, struct err *err)
{
	uint8_t data[STEP];
	uint64_t left = r->size - r->at;
	ssize_t n = pread(r->fd, data, left < STEP ? (size_t)left : STEP, (off_t)r->at);
	size_t skip;
	int rc;

	if (n <= 0)
		return err_set_errno(err, ERR_IO, n < 0 ? errno : EIO, "read the recording");
	rc = check_frames(r, data, (size_t)n, err);
	skip = r->next > r->at ? (size_t)(r->next - r->at) : 0;
	if (skip < (size_t)n)
		buf_append(&r->pending, data + skip, (size_t)n - skip);
	r->at += (uint64_t)n;
	return rc == 0 ? buf_check(&r->pending, err) : rc;
}

static int read_on(struct upload_read *r, struct err *err)
{
	int rc = sync_size(r, err);

	while (rc == 0 && r->at < r->size && upload_read_ready(r) < UPLOAD_PIECE)
		rc = read_step(r, err);
	return rc;
}

static bool recorder_lives(const struct upload_read *r)
{
	if (flock(r->fd, LOCK_SH | LOCK_NB) != 0)
		return true;
	flock(r->fd, LOCK_UN);
	return false;
}

/* It has no end, or frames that do not hold together, and nobody writes it any more. */
static int repair(struct upload_read *r, struct err *err)
{
	struct recover_report report;
	int rc = recover_session(r->dir, r->sid, &report, err);

	if (rc != 0)
		return rc;
	if (report.state == RECOVER_QUARANTINED)
		return err_set(err, ERR_CORRUPT, "it is no recording");
	if (report.state == RECOVER_LIVE)
		return 0;
	r->recovered = report.state == RECOVER_RECOVERED;
	r->dropped = report.dropped;
	rewind_to(r, r->next);
	return read_on(r, err);
}

/* 0, or why what was read cannot be gone on with. */
static int judge(const struct upload_read *r, int rc, struct err *err)
{
	if (rc == 0 && r->at == r->size && r->reader.good < r->next)
		rc = err_set(err, ERR_CORRUPT, "authd holds %" PRIu64 " bytes of it, we %" PRIu64,
		             r->next, r->reader.good);
	return rc;
}

int upload_read_look(struct upload_read *r, struct err *err)
{
	bool at_end;
	bool lives;
	int rc = open_file(r, err);

	if (rc != 0)
		return rc;
	note(r);
	rc = read_on(r, err);
	at_end = rc == ERR_CORRUPT || (rc == 0 && !r->ended && r->at == r->size);
	lives = at_end && recorder_lives(r);
	if (at_end && !lives)
		rc = repair(r, err);
	rc = judge(r, rc, err);
	if (rc == ERR_CORRUPT && lives)
		err->code = rc = ERR_IO; /* nothing is put aside under its recorder's hands */
	return rc;
}
