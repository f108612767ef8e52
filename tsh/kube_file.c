#include "tsh/kube_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "file/file.h"
#include "wire/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES   20
#define LOCK_WAIT_MS 50

/* --- where ---------------------------------------------------------------------------------------
 */

static char *home_config(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw = str_empty(home) ? getpwuid(getuid()) : NULL;

	if (str_empty(home))
		home = pw != NULL ? pw->pw_dir : "/";
	return str_printf("%s/.kube/config", home);
}

char *kube_file_path(void)
{
	const char *list = getenv("KUBECONFIG");
	char *last = NULL;

	while (!str_empty(list)) {
		size_t len = strcspn(list, ":");

		if (len > 0) {
			free(last);
			last = strndup(list, len);
			if (last == NULL || access(last, F_OK) == 0)
				return last;
		}
		list += len + (list[len] == ':');
	}
	return last != NULL ? last : home_config();
}

/* The file that a link leads to; one that is not there is named as it was given. */
static char *resolve(const char *path)
{
	char *real = realpath(path, NULL);

	return real != NULL || errno == ENOMEM ? real : strdup(path);
}

static int make_folder_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int rc;

	if (slash == NULL || slash == path)
		return 0;
	folder = strndup(path, (size_t)(slash - path));
	if (folder == NULL)
		return err_set_nomem(err);
	rc = access(folder, F_OK) == 0 ? 0 : file_make_dir(folder, 0700, err);
	free(folder);
	return rc;
}

/* --- the lock ------------------------------------------------------------------------------------
 */

static int lock(const char *path, struct err *err)
{
	const struct timespec moment = { 0, LOCK_WAIT_MS * 1000000L };

	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (errno != EEXIST)
			return err_set_errno(err, ERR_IO, errno, "create '%s'", path);
		nanosleep(&moment, NULL);
	}
	return err_set(err, ERR_CONFLICT, "somebody holds the lock '%s' (remove it if nobody does)",
	               path);
}

/* --- a change ------------------------------------------------------------------------------------
 */

/* Whether the change made any difference is told by the text before and after it, both as we
 * write them: a file that we leave as it is keeps its own looks. */
static int change_text(const char *path, const struct buf *had, kube_file_change change, void *arg,
                       struct err *err)
{
	struct value *root = NULL;
	struct buf before = { 0 }, after = { 0 };
	int rc = kubeconfig_read(path, buf_str(had), had->len, &root, err);

	if (rc == 0)
		rc = kubeconfig_write(root, &before, err);
	if (rc == 0)
		rc = change(arg, root, err);
	if (rc == 0)
		rc = kubeconfig_write(root, &after, err);
	if (rc == 0 && (after.len != before.len ||
	                (after.len > 0 && memcmp(after.data, before.data, after.len) != 0)))
		rc = file_replace(path, after.data, after.len, 0600, err);
	value_free(root);
	buf_wipe(&before);
	buf_wipe(&after);
	return rc;
}

static int edit_locked(const char *path, kube_file_change change, void *arg, struct err *err)
{
	struct buf had = { 0 };
	int rc = file_read(path, KUBECONFIG_MAX, &had, err);

	if (rc == 0 || rc == ERR_NOT_FOUND)
		rc = change_text(path, &had, change, arg, err);
	buf_wipe(&had);
	return rc;
}

int kube_file_edit(const char *path, kube_file_change change, void *arg, struct err *err)
{
	char *real = resolve(path);
	char *lock_path = real != NULL ? str_printf("%s.lock", real) : NULL;
	int rc = lock_path != NULL ? make_folder_of(real, err) : err_set_nomem(err);

	if (rc == 0 && (rc = lock(lock_path, err)) == 0) {
		rc = edit_locked(real, change, arg, err);
		unlink(lock_path);
	}
	free(lock_path);
	free(real);
	return rc;
}
