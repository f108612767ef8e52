#include "noded/root/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool proc_parse_stat(const char *text, pid_t *out_parent, uint64_t *out_start)
{
	const char *at = strrchr(text, ')');

	/* state ppid, then 17 fields up to num_threads and itrealvalue, then starttime */
	return at != NULL && sscanf(at,
	                            ") %*c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
	                            "%*s %*s %*s %*s %" SCNu64,
	                            out_parent, out_start) == 2;
}

static bool read_stat(pid_t pid, pid_t *out_parent, uint64_t *out_start)
{
	char path[40], text[1024];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = 0;
	return proc_parse_stat(text, out_parent, out_start);
}

pid_t proc_parent(pid_t pid)
{
	pid_t parent = 0;

	return read_stat(pid, &parent, &(uint64_t){ 0 }) ? parent : 0;
}

uint64_t proc_start(pid_t pid)
{
	uint64_t start = 0;

	return read_stat(pid, &(pid_t){ 0 }, &start) ? start : 0;
}

bool proc_program(pid_t pid, dev_t *out_dev, ino_t *out_ino)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st) != 0)
		return false;
	*out_dev = st.st_dev;
	*out_ino = st.st_ino;
	return true;
}

void proc_reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
