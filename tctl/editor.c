#include "tctl/editor.h"

#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int editor_open(char out_path[EDITOR_PATH_SIZE], const void *text, size_t len, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd;
	int rc = 0;

	if (snprintf(out_path, EDITOR_PATH_SIZE, "%s/tctl-XXXXXX.yaml",
	             str_empty(dir) ? "/tmp" : dir) >= EDITOR_PATH_SIZE)
		return err_set(err, ERR_INVALID, "TMPDIR is too long");
	fd = mkstemps(out_path, (int)sizeof(".yaml") - 1); /* mode 0600 */
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "make '%s'", out_path);
	if (write_all(fd, text, len) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "write '%s'", out_path);
	if (close(fd) != 0 && rc == 0)
		rc = err_set_errno(err, ERR_IO, errno, "write '%s'", out_path);
	if (rc != 0)
		unlink(out_path);
	return rc;
}

int editor_run(const char *path, struct err *err)
{
	/* An editor with options is a command line: the shell takes it apart. */
	static const char line[] = "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"";
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return err_set_errno(err, ERR_IO, errno, "start the editor");
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", line, "tctl", path, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set_errno(err, ERR_IO, errno, "wait for the editor");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_IO, "the editor did not end well");
}
