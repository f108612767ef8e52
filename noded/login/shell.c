#include "noded/login/shell.h"

#include "base/err.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "noded/login/env.h"
#include "noded/login/grant.h"

#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

static void put_all(struct env *e, const char *data, size_t len)
{
	size_t at = 0;
	const char *var;

	while ((var = packet_next(data, len, "env", &at)) != NULL)
		env_put(e, (char *)(uintptr_t)var); /* execve(2) takes them so */
}

/* sshd made the socket in the jail's /tmp, which on the host is another folder. */
static void move_agent(struct env *e, const struct shell *s, char *buffer, size_t size)
{
	const char *socket = env_get(e, "SSH_AUTH_SOCK");

	if (socket == NULL || !str_starts(socket, "/tmp/"))
		return;
	snprintf(buffer, size, "SSH_AUTH_SOCK=%s/%s/%s", s->agents, s->pw->pw_name, socket + 5);
	env_put(e, buffer);
}

/* The child is about to become the shell, so nothing here is freed. */
static void make_env(struct env *e, const struct shell *s)
{
	static char agent[PATH_MAX], tty[128];

	put_all(e, s->hello->data, s->hello->len);
	env_remove(e, "SSH_TTY");
	move_agent(e, s, agent, sizeof(agent));
	for (char *const *var = s->pam_env; *var != NULL; var++)
		env_put(e, *var);
	put_all(e, s->grant->data, s->grant->len);
	if (s->tty != NULL) {
		snprintf(tty, sizeof(tty), "SSH_TTY=%s", s->tty);
		env_put(e, tty);
	}
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become_user(const struct passwd *pw, pid_t parent)
{
	/* PAM has set the other groups. */
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return -1;
	/* Who watches us may not leave us behind unwatched; kept only from here on. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent ? 0 : -1;
}

static int take_descriptors(const struct shell *s)
{
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(s->fds[i], i) != i)
			return -1;
	return s->tty == NULL || ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0 ? 0 : -1;
}

/* As sshd and login(1): the home may be missing, ~/.hushlogin wants quiet. */
static void greet(const struct shell *s)
{
	if (chdir(s->pw->pw_dir) != 0) {
		dprintf(STDERR_FILENO, "Could not chdir to home directory %s: %s\n", s->pw->pw_dir,
		        strerror(errno));
		(void)!chdir("/");
	}
	if (s->tty != NULL && s->hello->command == NULL && access(".hushlogin", F_OK) != 0)
		dprintf(STDOUT_FILENO, "%s", s->text);
}

static void run(const struct shell *s, pid_t parent)
{
	static struct env env;
	static char dash_c[] = "-c";
	const char *path = s->pw->pw_shell[0] != 0 ? s->pw->pw_shell : "/bin/sh";
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	const char *command = str_eq(s->hello->kind, "sftp") ? s->sftp : s->hello->command;
	char name[PATH_MAX];
	char *argv[] = { name, NULL, NULL, NULL };

	if (take_descriptors(s) != 0)
		_exit(255);
	reset_signals();
	make_env(&env, s);
	if (become_user(s->pw, parent) != 0) {
		dprintf(STDERR_FILENO, "postern: become '%s': %s\n", s->pw->pw_name,
		        strerror(errno));
		_exit(255);
	}
	greet(s);
	snprintf(name, sizeof(name), "%s%s", command == NULL ? "-" : "", base);
	if (command != NULL) {
		argv[1] = dash_c;
		argv[2] = (char *)(uintptr_t)command; /* execve(2) does not write to it */
	}
	execve(path, argv, env.vars);
	dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int shell_start(const struct shell *s, pid_t *out_pid, struct err *err)
{
	pid_t self = getpid();
	pid_t child = fork();

	if (child == 0)
		run(s, self);
	if (child < 0)
		return err_set_errno(err, ERR_IO, errno, "start the shell");
	*out_pid = child;
	return 0;
}
