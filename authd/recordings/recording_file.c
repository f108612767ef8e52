#include "authd/recordings/recording_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE      (64 * 1024)
#define SIGNED_FOR "postern-recording-v1"

char *recording_file_signature_name(char out[RECORDING_SIGNATURE_NAME_SIZE], const char *sid)
{
	snprintf(out, RECORDING_SIGNATURE_NAME_SIZE, "%s.sig", sid);
	return out;
}

/* The start frame says whose it is. */
static int check_start(const struct recording_file *f, const pv_Frame *frame, struct err *err)
{
	const pv_RecordStart *start = &frame->of.start;

	if (frame->which_of != pv_Frame_start_tag)
		return 0;
	if (!str_eq(start->session_id, f->sid))
		return err_set(err, ERR_DENIED, "a recording of another session");
	if (!str_eq(start->node_id, f->node_id))
		return err_set(err, ERR_DENIED, "a recording of another node");
	return 0;
}

static int check_frames(struct recording_file *f, const void *data, size_t len, struct err *err)
{
	const pv_Frame *frame;
	int rc = frame_reader_feed(&f->reader, data, len, err);

	while (rc == 0) {
		rc = frame_reader_next(&f->reader, &frame, err);
		if (rc != 0 || frame == NULL)
			break;
		rc = check_start(f, frame, err);
	}
	if (rc == 0 && f->reader.chain.ended && frame_reader_rest(&f->reader) > 0)
		rc = err_set(err, ERR_CORRUPT, "bytes behind the recording's end");
	return rc;
}

/* Feeds the reader with the first `len` bytes of the file. */
static int replay(struct recording_file *f, uint64_t len, struct err *err)
{
	uint8_t piece[PIECE];
	uint64_t at = 0;
	int rc = 0;

	frame_reader_reset(&f->reader);
	while (rc == 0 && at < len) {
		size_t want = len - at < PIECE ? (size_t)(len - at) : PIECE;
		ssize_t n = pread(f->fd, piece, want, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_errno(err, ERR_IO, errno, "read the recording");
		rc = check_frames(f, piece, (size_t)n, err);
		at += (uint64_t)n;
	}
	return rc;
}

/* A frame that does not hold together was never acknowledged: it goes, and its node sends on
 * from there. */
static int load(struct recording_file *f, struct err *err)
{
	off_t size = lseek(f->fd, 0, SEEK_END);
	int rc;

	if (size < 0)
		return err_set_errno(err, ERR_IO, errno, "measure the recording");
	f->size = (uint64_t)size;
	rc = replay(f, f->size, err);
	if (rc == ERR_CORRUPT) {
		f->size = f->reader.good;
		if (ftruncate(f->fd, (off_t)f->size) != 0)
			return err_set_errno(err, ERR_IO, errno, "cut the recording");
		rc = replay(f, f->size, err);
	}
	return rc;
}

int recording_file_open(struct recording_file *f, int dir, const char *sid, const char *node_id,
                        struct err *err)
{
	char name[SPOOL_NAME_SIZE], signature[RECORDING_SIGNATURE_NAME_SIZE];
	int rc;

	*f = (struct recording_file){ .dir = dir, .fd = -1 };
	rc = spool_name(name, sid, SPOOL_RECORDING, err);
	if (rc == 0)
		rc = str_copy(f->node_id, sizeof(f->node_id), node_id);
	if (rc != 0)
		return rc;
	strcpy(f->sid, sid);
	f->fd = openat(dir, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (f->fd < 0)
		return err_set_errno(err, ERR_IO, errno, "open '%s'", name);
	frame_reader_init(&f->reader);
	f->was_signed = faccessat(dir, recording_file_signature_name(signature, sid), F_OK, 0) == 0;
	rc = load(f, err);
	if (rc == 0 && fsync(dir) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "sync the folder");
	if (rc != 0)
		recording_file_close(f);
	return rc;
}

void recording_file_close(struct recording_file *f)
{
	char name[SPOOL_NAME_SIZE];
	struct err err;

	if (f->fd < 0)
		return;
	if (f->size == 0 && spool_name(name, f->sid, SPOOL_RECORDING, &err) == 0)
		unlinkat(f->dir, name, 0); /* it was never begun */
	frame_reader_deinit(&f->reader);
	close(f->fd);
	f->fd = -1;
}

static int write_all(struct recording_file *f, const uint8_t *data, size_t len, struct err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(f->fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(
			        err, errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO, errno,
			        "write the recording");
		done += (size_t)n;
	}
	if (fdatasync(f->fd) != 0)
		return err_set_errno(err, ERR_IO, errno, "sync the recording");
	return 0;
}

int recording_file_append(struct recording_file *f, const void *data, size_t len, struct err *err)
{
	struct err ignored;
	int rc = check_frames(f, data, len, err);

	if (rc == 0)
		rc = write_all(f, data, len, err);
	if (rc == 0) {
		f->size += len;
		return 0;
	}
	if (ftruncate(f->fd, (off_t)f->size) != 0)
		err_wrap(err, "and a part of it stays");
	replay(f, f->size, &ignored); /* as it was; if not, the next append tells */
	return rc;
}

bool recording_file_ended(const struct recording_file *f)
{
	return f->reader.chain.ended;
}

int recording_file_sign(const struct recording_file *f, const struct key *key,
                        uint8_t out[KEY_SIGNATURE_MAX], size_t *out_len, struct err *err)
{
	struct buf what = { 0 };
	int rc;

	buf_append(&what, SIGNED_FOR, sizeof(SIGNED_FOR));
	buf_append_str(&what, f->sid);
	buf_append_u64(&what, f->reader.good);
	buf_append_u64(&what, f->reader.chain.count);
	buf_append(&what, f->reader.chain.last, sizeof(f->reader.chain.last));
	rc = buf_check(&what, err);
	if (rc == 0)
		rc = key_sign(key, what.data, what.len, out, out_len, err);
	buf_deinit(&what);
	return rc;
}

int recording_file_complete(struct recording_file *f, const uint8_t *signature, size_t len,
                            struct err *err)
{
	char name[RECORDING_SIGNATURE_NAME_SIZE], fresh[RECORDING_SIGNATURE_NAME_SIZE + 4];
	int fd, rc = 0;

	recording_file_signature_name(name, f->sid);
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = openat(f->dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "open '%s'", fresh);
	if (write(fd, signature, len) != (ssize_t)len || fsync(fd) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "write '%s'", fresh);
	close(fd);
	if (rc == 0 && (renameat(f->dir, fresh, f->dir, name) != 0 || fsync(f->dir) != 0))
		rc = err_set_errno(err, ERR_IO, errno, "name '%s'", name);
	f->was_signed = rc == 0;
	return rc;
}
