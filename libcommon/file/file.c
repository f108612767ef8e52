#include "file/file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 16384

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
	size_t begin = out->len;

	for (;;) {
		uint8_t *at = buf_reserve(out, READ_STEP);
		ssize_t n;

		if (at == NULL) {
			buf_check(out, err);
			return err_wrap(err, "read '%s'", path);
		}
		n = read(fd, at, READ_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, ERR_IO, errno, "read '%s'", path);
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
		if (out->len - begin > max)
			return err_set(err, ERR_LIMIT, "'%s' has more than %zu bytes", path, max);
	}
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
		                     "open '%s'", path);
	rc = read_all(fd, path, max, out, err);
	close(fd);
	return rc;
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(const char *path, const void *data, size_t len, mode_t mode, bool durable,
                     struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "create '%s'", path);
	if (fchmod(fd, mode) != 0 || write_all(fd, data, len) != 0 || (durable && fsync(fd) != 0)) {
		err_set_errno(err, ERR_IO, errno, "write '%s'", path);
		close(fd);
		return ERR_IO;
	}
	close(fd);
	return 0;
}

/* The rename is durable only once its folder is. */
static int sync_folder_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd;
	int rc = 0;

	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "sync '%s'", folder);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int replace(const char *path, const void *data, size_t len, mode_t mode, bool durable,
                   struct err *err)
{
	char fresh[PATH_MAX];
	char tail[13];
	int rc;

	rand_hex(tail, 6);
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.%s", path, tail) >= sizeof(fresh))
		return err_set(err, ERR_INVALID, "path '%.64s...' is too long", path);
	rc = write_new(fresh, data, len, mode, durable, err);
	if (rc == 0 && rename(fresh, path) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "rename '%s' to '%s'", fresh, path);
	if (rc != 0) {
		unlink(fresh);
		return rc;
	}
	return durable ? sync_folder_of(path, err) : 0;
}

int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	return replace(path, data, len, mode, true, err);
}

int file_replace_brief(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	return replace(path, data, len, mode, false, err);
}

int file_make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0) {
		if (chmod(path, mode) == 0)
			return 0;
		return err_set_errno(err, ERR_IO, errno, "set the mode of '%s'", path);
	}
	if (errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "make folder '%s'", path);
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "'%s' is not a folder", path);
	return 0;
}
