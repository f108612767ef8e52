#include "noded/login/terminal.h"

#include "base/err.h"
#include "noded/root/closures.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>
#include <utmpx.h>

static int set_owner(int slave, const struct passwd *pw)
{
	const struct group *tty = getgrnam("tty"); /* lets write(1) and wall(1) in */

	return fchown(slave, pw->pw_uid, tty != NULL ? tty->gr_gid : pw->pw_gid) != 0 ||
	                       fchmod(slave, tty != NULL ? 0620 : 0600) != 0
	               ? -1
	               : 0;
}

int terminal_open(struct terminal *t, int outer, const struct passwd *pw, struct err *err)
{
	struct termios modes, raw;
	struct winsize size;

	*t = (struct terminal){ outer, -1, -1, "" };
	if ((closure("outer") && (fchown(outer, 0, 0) != 0 || fchmod(outer, 0600) != 0)) ||
	    tcgetattr(outer, &modes) != 0 || ioctl(outer, TIOCGWINSZ, &size) != 0)
		return err_set_errno(err, ERR_IO, errno, "take the terminal over");
	raw = modes;
	cfmakeraw(&raw);
	if (tcsetattr(outer, TCSANOW, &raw) != 0 ||
	    openpty(&t->master, &t->slave, t->name, &modes, &size) != 0)
		return err_set_errno(err, ERR_IO, errno, "open a terminal");
	if (fcntl(t->master, F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(t->slave, F_SETFD, FD_CLOEXEC) == 0 && set_owner(t->slave, pw) == 0)
		return 0;
	err_set_errno(err, ERR_IO, errno, "give '%s' to '%s'", t->name, pw->pw_name);
	terminal_close(t);
	return err->code;
}

void terminal_close(struct terminal *t)
{
	if (t->master >= 0)
		close(t->master);
	if (t->slave >= 0)
		close(t->slave);
	t->master = t->slave = -1;
}

static void note(const struct terminal *t, const char *login, const char *client, int pid,
                 short type)
{
	const char *line = strncmp(t->name, "/dev/", 5) == 0 ? t->name + 5 : t->name;
	size_t len = strlen(line);
	struct utmpx entry = { .ut_type = type, .ut_pid = pid };
	struct timeval now;

	gettimeofday(&now, NULL);
	entry.ut_tv.tv_sec = (int32_t)now.tv_sec;
	entry.ut_tv.tv_usec = (int32_t)now.tv_usec;
	memcpy(entry.ut_line, line, len < sizeof(entry.ut_line) ? len : sizeof(entry.ut_line));
	line += len > sizeof(entry.ut_id) ? len - sizeof(entry.ut_id) : 0;
	memcpy(entry.ut_id, line, strnlen(line, sizeof(entry.ut_id)));
	memcpy(entry.ut_user, login, strnlen(login, sizeof(entry.ut_user)));
	memcpy(entry.ut_host, client,
	       strcspn(client, " ") < sizeof(entry.ut_host) ? strcspn(client, " ")
	                                                    : sizeof(entry.ut_host));
	setutxent();
	pututxline(&entry);
	endutxent();
	updwtmpx("/var/log/wtmp", &entry);
}

void terminal_note_login(const struct terminal *t, const char *login, const char *client, int pid)
{
	note(t, login, client, pid, USER_PROCESS);
}

void terminal_note_logout(const struct terminal *t, int pid)
{
	note(t, "", "", pid, DEAD_PROCESS);
}
