#include "record/spool.h"

#include "base/err.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[SPOOL_KINDS] = {
	[SPOOL_RECORDING] = ".rec",
	[SPOOL_NEW] = ".new",
	[SPOOL_META] = ".meta",
	[SPOOL_ACK] = ".ack",
};

static bool is_sid(const char *s, size_t len)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (len != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		if (shape[i] == 'x' ? !hex : s[i] != '-')
			return false;
	}
	return true;
}

bool spool_is_sid(const char *sid)
{
	return sid != NULL && is_sid(sid, strlen(sid));
}

int spool_name(char out[SPOOL_NAME_SIZE], const char *sid, enum spool_kind kind, struct err *err)
{
	if (!spool_is_sid(sid))
		return err_set(err, ERR_INVALID, "'%.40s' is not a session id",
		               sid != NULL ? sid : "");
	snprintf(out, SPOOL_NAME_SIZE, "%s%s", sid, suffixes[kind]);
	return 0;
}

bool spool_parse(const char *name, enum spool_kind *out_kind, char sid[SPOOL_SID_SIZE])
{
	size_t len = SPOOL_SID_SIZE - 1;

	if (strlen(name) <= len || !is_sid(name, len))
		return false;
	for (int kind = 0; kind < SPOOL_KINDS; kind++) {
		if (strcmp(name + len, suffixes[kind]) != 0)
			continue;
		memcpy(sid, name, len);
		sid[len] = 0;
		*out_kind = (enum spool_kind)kind;
		return true;
	}
	return false;
}

static int walk(DIR *d, enum spool_kind kind,
                int (*each)(const char *sid, void *arg, struct err *err), void *arg,
                struct err *err)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(d)) != NULL) {
		char sid[SPOOL_SID_SIZE];
		enum spool_kind found;
		int rc;

		if (!spool_parse(entry->d_name, &found, sid) || found != kind)
			continue;
		rc = each(sid, arg, err);
		if (rc != 0)
			return rc;
	}
	return errno == 0 ? 0 : err_set_errno(err, ERR_IO, errno, "read the spool directory");
}

int spool_walk(int dir, enum spool_kind kind,
               int (*each)(const char *sid, void *arg, struct err *err), void *arg, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	int rc;

	if (d == NULL) {
		rc = err_set_errno(err, ERR_IO, errno, "open the spool directory");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = walk(d, kind, each, arg, err);
	closedir(d);
	return rc;
}

int spool_remove(int dir, const char *sid, struct err *err)
{
	char name[SPOOL_NAME_SIZE];

	/* The recording last, so that who dies in between finds the rest of the work to do. */
	for (int kind = SPOOL_KINDS - 1; kind >= 0; kind--) {
		if (spool_name(name, sid, (enum spool_kind)kind, err) != 0)
			return err->code;
		if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
			return err_set_errno(err, ERR_IO, errno, "remove '%s'", name);
	}
	if (fsync(dir) != 0 && errno != EINVAL)
		return err_set_errno(err, ERR_IO, errno, "sync the spool directory");
	return 0;
}

int spool_quarantine(int dir, const char *sid, struct err *err)
{
	char name[SPOOL_NAME_SIZE];
	int rc = 0;
	int to;

	if (spool_name(name, sid, SPOOL_RECORDING, err) != 0)
		return err->code;
	if (mkdirat(dir, SPOOL_QUARANTINE, 0700) != 0 && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "make the folder '%s'", SPOOL_QUARANTINE);
	to = openat(dir, SPOOL_QUARANTINE, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (to < 0)
		return err_set_errno(err, ERR_IO, errno, "open the folder '%s'", SPOOL_QUARANTINE);
	if (renameat(dir, name, to, name) != 0 && errno != ENOENT)
		rc = err_set_errno(err, ERR_IO, errno, "move it to '%s'", SPOOL_QUARANTINE);
	close(to);
	return rc;
}
