/*
 * shell - starts what the user came for: the login's own shell, in a session of its own, with the
 * environment that sshd would have given it.
 */
#ifndef NODED_LOGIN_SHELL_H
#define NODED_LOGIN_SHELL_H

#include <pwd.h>
#include <sys/types.h>

struct err;
struct grant;
struct hello;

struct shell {
	const struct passwd *pw;
	const struct hello *hello;
	const struct grant *grant;
	char *const *pam_env;
	const char *text;   /* shown in front of a login shell on a terminal; "" = nothing */
	const char *tty;    /* name of its terminal, NULL: none */
	const char *agents; /* folder that is the jail's /tmp */
	const char *sftp;   /* command behind sftp */
	int fds[3];         /* its 0, 1 and 2; borrowed */
};

/* Forks. The shell is killed if the calling process dies. ERR_IO. */
int shell_start(const struct shell *s, pid_t *out_pid, struct err *err);

#endif
