#include "noded/root/start.h"

#include "base/err.h"
#include "base/log.h"
#include "ipc/packet.h"
#include "noded/root/proc.h"
#include "noded/root/quick.h"
#include "noded/root/requests.h"
#include "noded/root/root.h"
#include "noded/root/track.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

#define ENV_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Runs a program of ours with `in` as its descriptor 0; never returns. */
static void run(const struct root *r, const char *name, int in, const char *a, const char *b,
                const char *c)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", r->conf.lib_dir, name);
	proc_reset_signals();
	setsid();
	if (dup2(in, STDIN_FILENO) == STDIN_FILENO)
		execl(path, name, a, b, c, (char *)NULL);
	_exit(127);
}

static pid_t fork_child(struct err *err)
{
	pid_t child = fork();

	if (child < 0)
		err_set_errno(err, ERR_IO, errno, "start a child");
	return child;
}

/* --- surroundings -------------------------------------------------------------------------------
 */

static int receive_surroundings(int from, struct surroundings *s, struct err *err)
{
	char data[1024];
	int fd = -1, count = 0;
	ssize_t len = packet_recv(from, data, sizeof(data), &fd, 1, &count);

	if (len <= 0)
		return err_set(err, ERR_IO, "noded-jail said nothing");
	if (count != 1)
		return err_set(err, ERR_IO, "%s", packet_get(data, (size_t)len, "message"));
	if (s->ns >= 0)
		close(s->ns);
	s->ns = fd;
	s->helper_dev = (dev_t)packet_get_number(data, (size_t)len, "helper_dev", 0);
	s->helper_ino = (ino_t)packet_get_number(data, (size_t)len, "helper_ino", 0);
	return 0;
}

int start_surroundings(struct root *r, struct err *err)
{
	struct stat st;
	int pair[2];
	pid_t child;

	if (stat(r->conf.sshd, &st) != 0)
		return err_set_errno(err, ERR_IO, errno, "'%s'", r->conf.sshd);
	if (r->jail.ns >= 0 && st.st_ctime == r->jail.sshd_changed)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a socket pair");
	child = fork_child(err);
	if (child == 0)
		run(r, "noded-jail", pair[1], "open", NULL, NULL);
	close(pair[1]);
	if (child > 0)
		receive_surroundings(pair[0], &r->jail, err);
	close(pair[0]);
	if (err->code == 0)
		r->jail.sshd_changed = st.st_ctime;
	return err->code == 0 ? 0 : err_wrap(err, "make the surroundings of sshd");
}

int start_prepare(struct root *r, const char *login, const char *seq, int caller, struct err *err)
{
	pid_t child = fork_child(err);

	if (child == 0) {
		dup2(r->jail.ns, STDOUT_FILENO);
		run(r, "noded-jail", caller, "prepare", login, seq);
	}
	return child > 0 ? 0 : err->code;
}

/* --- sshd ---------------------------------------------------------------------------------------
 */

/* In the child. Nothing of ours may reach what sessions inherit: signals, environment, files. */
static void run_sshd(const struct root *r, const char *id, int stream, int log)
{
	char *const env[] = { (char[]){ ENV_PATH }, NULL };
	char command[2 * PATH_MAX], config[PATH_MAX];

	snprintf(config, sizeof(config), "%s/sshd_config", r->conf.run_dir);
	snprintf(command, sizeof(command),
	         "AuthorizedPrincipalsCommand=%s/jails/.principals %s %s/" REQUEST_SOCKET
	         " %s %%u %%i %%s %%F %%k",
	         r->conf.run_dir, r->conf.policy_socket, r->conf.run_dir, id);
	proc_reset_signals();
	setsid();
	dup2(stream, STDIN_FILENO);
	dup2(stream, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	/* Until 9.7 the name that sshd is called by is its PAM service. */
	if (setns(r->jail.ns, CLONE_NEWNS) == 0)
		execle(r->conf.sshd, "/usr/sbin/postern-sshd", "-i", "-e", "-f", config, "-o",
		       command, (char *)NULL, env);
	_exit(127);
}

int start_sshd(struct root *r, const char *id, const char *client, int stream, int log,
               struct track **out, struct err *err)
{
	char text[512];
	struct packet more;
	pid_t child;

	packet_begin(&more, text, sizeof(text), REQUEST_CONNECTION);
	packet_add(&more, "client", client);
	packet_add_number(&more, "helper_dev", (int64_t)r->jail.helper_dev);
	packet_add_number(&more, "helper_ino", (int64_t)r->jail.helper_ino);
	if (more.full || !track_id_ok(id))
		return err_set(err, ERR_INVALID, "'%s' is no connection's id", id);
	if (start_surroundings(r, err) != 0)
		return err->code;
	child = fork_child(err);
	if (child == 0)
		run_sshd(r, id, stream, log);
	if (child < 0)
		return err->code;
	quick_start(r, stream);
	if (track_add(r, TRACK_CONNECTION, id, child, &more, out, err) != 0)
		kill(child, SIGKILL);
	return err->code;
}

/* --- sessions -----------------------------------------------------------------------------------
 */

int start_login(struct root *r, const struct track *c, int peer, struct err *err)
{
	pid_t child = fork_child(err);

	if (child == 0)
		run(r, "noded-login", peer, track_get(c, "id"), track_get(c, "login"),
		    track_get(c, "client"));
	return child > 0 ? 0 : err->code;
}
