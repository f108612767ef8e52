/*
 * lmdb_file - what LMDB's files must be like before their pages are touched: they are mapped, and
 * a page behind a file's end, or one that a full disk cannot give, ends the process by a signal.
 *
 * LMDB calls a write that was cut short an I/O error; most often it is a full disk.
 *
 * data.mdb may be shorter than its meta page says, but only by pages that are free: those that one
 * transaction took and gave back are never written.
 */
#include "store/lmdb_env.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK_SIZE(readers) ((off_t)(readers)*64 + 4096) /* at least what LMDB makes of it */
#define FULL_BYTES         (1u << 20)                   /* less is left: the disk counts as full */
#define FREE_PAGES         0 /* LMDB's table of them: transaction -> count, page numbers */

/* Before LMDB opens it: who closes a file loses all locks that the process has on it. */
int lmdb_file_reserve(const char *dir, unsigned readers, struct err *err)
{
	char path[PATH_MAX];
	int rc;
	int fd;

	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return lmdb_fail(err, errno, "open its table of readers");
	rc = posix_fallocate(fd, 0, LOCK_SIZE(readers));
	close(fd);
	/* Where a file system cannot reserve, there is nothing to be had from trying. */
	return rc == 0 || rc == EOPNOTSUPP ? 0 : lmdb_fail(err, rc, "reserve its table of readers");
}

/* How many free pages have numbers from `first` on. */
static int count_free(struct lmdb *db, size_t first, size_t *out_count, struct err *err)
{
	MDB_cursor *cursor = NULL;
	MDB_txn *txn;
	MDB_val k;
	MDB_val v;
	int rc;

	*out_count = 0;
	if (lmdb_begin_read(db, &txn, err) != 0)
		return err->code;
	rc = mdb_cursor_open(txn, FREE_PAGES, &cursor);
	while (rc == 0 && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
		const size_t *pages = v.mv_data;

		for (size_t i = 1; i < v.mv_size / sizeof(*pages) && i <= pages[0]; i++)
			*out_count += pages[i] >= first;
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? 0 : lmdb_fail(err, rc, "read its free pages");
}

/* The file is lengthened while its free pages are looked at: they may be what is missing. */
static int check_short(struct lmdb *db, int fd, off_t size, size_t page, size_t pages,
                       struct err *err)
{
	size_t first = (size_t)size / page;
	size_t missing_free;

	if (ftruncate(fd, (off_t)(pages * page)) != 0)
		return lmdb_fail(err, errno, "lengthen its file");
	if (count_free(db, first, &missing_free, err) == 0 && missing_free == pages - first)
		return 0;
	if (ftruncate(fd, size) != 0)
		return lmdb_fail(err, errno, "shorten its file");
	return err_set(
	        err, ERR_CORRUPT,
	        "keyspace: the files are damaged: data.mdb is cut, %lld of %zu bytes are there",
	        (long long)size, pages * page);
}

int lmdb_file_check(struct lmdb *db, struct err *err)
{
	MDB_envinfo info;
	struct stat st;
	MDB_stat stat;
	size_t pages;
	int fd;

	mdb_env_info(db->env, &info); /* before the size: another process may let both grow */
	mdb_env_stat(db->env, &stat);
	mdb_env_get_fd(db->env, &fd);
	pages = info.me_last_pgno + 1;
	if (fstat(fd, &st) != 0)
		return lmdb_fail(err, errno, "look at its file");
	if ((size_t)st.st_size >= pages * stat.ms_psize)
		return 0;
	return check_short(db, fd, st.st_size, stat.ms_psize, pages, err);
}

int lmdb_file_error(struct lmdb *db, int rc)
{
	struct statvfs fs;
	int fd;

	mdb_env_get_fd(db->env, &fd);
	if (rc == EIO && fstatvfs(fd, &fs) == 0 && fs.f_bavail * fs.f_frsize < FULL_BYTES)
		return ENOSPC;
	return rc;
}
