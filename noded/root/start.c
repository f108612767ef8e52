#include "noded/root/start.h"

#include "base/err.h"
#include "base/log.h"
#include "ipc/packet.h"
#include "noded/root/proc.h"
#include "noded/root/requests.h"
#include "noded/root/root.h"
#include "noded/root/track.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ENV_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Starts a child that shares our memory until it runs another program, as vfork(2) does: a copy of
 * the page tables would cost a login more than all else that we do. */
static pid_t start(int (*run)(void *), const void *arg, struct err *err)
{
	static _Alignas(16) char stack[128 * 1024];
	pid_t child = clone(run, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
	                    (void *)(uintptr_t)arg);

	if (child < 0)
		err_set_errno(err, ERR_IO, errno, "start a child");
	return child;
}

/* --- workers: programs of ours that wait for requests, and fork for each ------------------------
 */

struct program {
	const char *lib_dir;
	const char *name;
	int in;
};

static int run_program(void *arg)
{
	const struct program *p = arg;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", p->lib_dir, p->name);
	proc_reset_signals();
	setsid();
	if (dup2(p->in, STDIN_FILENO) == STDIN_FILENO)
		execl(path, p->name, (char *)NULL);
	_exit(127);
}

static int start_worker(struct root *r, struct source *worker, const char *name, struct err *err)
{
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a socket pair");
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	child = start(run_program, &(struct program){ r->conf.lib_dir, name, pair[1] }, err);
	close(pair[1]);
	if (child > 0)
		return loop_watch(r->loop, worker, pair[0], EPOLLIN, loop_close, err);
	close(pair[0]);
	return err->code;
}

/* A request and a descriptor. The worker is started when it is not there; it may just have died. */
static int hand_over(struct root *r, struct source *worker, const char *name,
                     const struct packet *p, int fd, struct err *err)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		if (worker->ready == NULL && start_worker(r, worker, name, err) != 0)
			return err->code;
		if (packet_send(worker->fd, p, &fd, 1) == 0)
			return 0;
		err_set_errno(err, ERR_IO, errno, "ask %s", name);
		loop_close(worker);
	}
	return err->code;
}

/* --- surroundings -------------------------------------------------------------------------------
 */

static int receive_surroundings(int from, struct surroundings *s, struct err *err)
{
	char data[1024];
	int ns = -1, count = 0;
	ssize_t len = packet_recv(from, data, sizeof(data), &ns, 1, &count);

	if (len <= 0)
		return err_set(err, ERR_IO, "noded-jail said nothing");
	if (count != 1)
		return err_set(err, ERR_IO, "%s", packet_get(data, (size_t)len, "message"));
	start_forget(s);
	s->ns = ns;
	s->helper_dev = (dev_t)packet_get_number(data, (size_t)len, "helper_dev", 0);
	s->helper_ino = (ino_t)packet_get_number(data, (size_t)len, "helper_ino", 0);
	return 0;
}

int start_surroundings(struct root *r, struct err *err)
{
	char text[16];
	struct stat st;
	struct packet open;
	int64_t changed;
	int pair[2], rc;

	if (stat(r->conf.sshd, &st) != 0)
		return err_set_errno(err, ERR_IO, errno, "'%s'", r->conf.sshd);
	changed = st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec;
	if (r->jail.ns >= 0 && changed == r->jail.sshd_changed)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a socket pair");
	packet_begin(&open, text, sizeof(text), "open");
	rc = hand_over(r, &r->jails, "noded-jail", &open, pair[1], err);
	close(pair[1]);
	if (rc == 0)
		rc = receive_surroundings(pair[0], &r->jail, err);
	if (rc == 0)
		r->jail.sshd_changed = changed;
	close(pair[0]);
	return rc == 0 ? 0 : err_wrap(err, "make the surroundings of sshd");
}

void start_forget(struct surroundings *s)
{
	if (s->ns >= 0)
		close(s->ns);
	s->ns = -1;
}

bool start_has_jail(const struct track *c, const char *login)
{
	char last[PATH_MAX]; /* what noded-jail makes last */

	snprintf(last, sizeof(last), "/proc/%d/root%s/jails/%s/attach/attach.sock", (int)c->pid,
	         c->root->conf.run_dir, login);
	return access(last, F_OK) == 0;
}

int start_prepare(struct track *c, const char *login, const char *seq, int caller, struct err *err)
{
	char text[512];
	struct packet p;

	packet_begin(&p, text, sizeof(text), "prepare");
	packet_add(&p, "login", login);
	packet_add(&p, "seq", seq);
	packet_add_number(&p, "pid", c->pid);
	return hand_over(c->root, &c->root->jails, "noded-jail", &p, caller, err);
}

/* --- sshd ---------------------------------------------------------------------------------------
 */

struct sshd {
	const struct root *r;
	const struct start_sshd *wish;
};

/* Nothing of ours may reach what sessions inherit: signals, environment, open files. */
static int run_sshd(void *arg)
{
	const struct sshd *s = arg;
	const struct root_conf *conf = &s->r->conf;
	char *const env[] = { (char[]){ ENV_PATH }, NULL };
	char command[2 * PATH_MAX], config[PATH_MAX], interval[64], count[64];

	snprintf(interval, sizeof(interval), "ClientAliveInterval=%lld", s->wish->alive_interval);
	snprintf(count, sizeof(count), "ClientAliveCountMax=%lld", s->wish->alive_count);
	snprintf(config, sizeof(config), "%s/sshd_config", conf->run_dir);
	snprintf(command, sizeof(command),
	         "AuthorizedPrincipalsCommand=%s/jails/.principals %s %s/" REQUEST_SOCKET
	         " %s %%u %%i %%s %%F %%k",
	         conf->run_dir, conf->policy_socket, conf->run_dir, s->wish->id);
	proc_reset_signals();
	setsid();
	dup2(s->wish->stream, STDIN_FILENO);
	dup2(s->wish->stream, STDOUT_FILENO);
	dup2(s->wish->log, STDERR_FILENO);
	/* Until 9.7 the name that sshd is called by is its PAM service. */
	if (setns(s->r->jail.ns, CLONE_NEWNS) == 0)
		execle(conf->sshd, "/usr/sbin/postern-sshd", "-i", "-e", "-f", config, "-o",
		       command, "-o", interval, "-o", count, (char *)NULL, env);
	_exit(127);
}

int start_sshd(struct root *r, const struct start_sshd *wish, struct track **out, struct err *err)
{
	char text[512];
	struct packet more;
	pid_t child;

	if (start_surroundings(r, err) != 0)
		return err->code;
	packet_begin(&more, text, sizeof(text), REQUEST_CONNECTION);
	packet_add(&more, "client", wish->client);
	packet_add_number(&more, "helper_dev", (int64_t)r->jail.helper_dev);
	packet_add_number(&more, "helper_ino", (int64_t)r->jail.helper_ino);
	if (more.full || !track_id_ok(wish->id) || wish->alive_interval < 0 ||
	    wish->alive_interval > START_ALIVE_MAX || wish->alive_count < 0 ||
	    wish->alive_count > START_ALIVE_MAX)
		return err_set(err, ERR_INVALID, "'%s' is no id, or no such signs of life",
		               wish->id);
	child = start(run_sshd, &(struct sshd){ r, wish }, err);
	if (child > 0 && track_add(r, TRACK_CONNECTION, wish->id, child, &more, out, err) != 0)
		kill(child, SIGKILL);
	return err->code;
}

/* --- sessions -----------------------------------------------------------------------------------
 */

int start_login(struct root *r, const struct track *c, int peer, struct err *err)
{
	char text[512];
	struct packet p;

	packet_begin(&p, text, sizeof(text), "login");
	packet_add(&p, "conn", track_get(c, "id"));
	packet_add(&p, "login", track_get(c, "login"));
	packet_add(&p, "client", track_get(c, "client"));
	return hand_over(r, &r->logins, "noded-login", &p, peer, err);
}
