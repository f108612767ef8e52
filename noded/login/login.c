#include "noded/login/login.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "file/file.h"
#include "noded/login/attach.h"
#include "noded/login/grant.h"
#include "noded/login/pam.h"
#include "noded/login/shell.h"
#include "noded/login/supervisor.h"
#include "noded/login/terminal.h"
#include "noded/root/closures.h"
#include "noded/session/events.h"
#include "noded/session/link.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define GRACE_MS 2000 /* from SIGHUP to SIGKILL */

#define RECORDER_DIED "the session's recorder died"

struct session {
	const char *conn;
	const char *login;
	const char *client;
	int helper; /* the connection to it */
	struct hello hello;
	struct grant grant;
	struct passwd pw;
	struct passwd node; /* noded's account */
	struct terminal terminal;
	struct pam *pam;
	int link;     /* to noded-session; -1: none */
	int pipes[2]; /* the command's ends of stdout and stderr, when recorded without terminal */
	pid_t shell;  /* 0: not started */
	int shell_fd; /* its pidfd */
	int64_t kill_at; /* monotonic; 0: nobody wants its end */
	struct event_end end;
	char reason[512];
	struct rlimit limits[RLIM_NLIMITS]; /* ours, before PAM */
};

static int wake = -1; /* eventfd that SIGTERM writes to */

static void on_term(int number)
{
	uint64_t one = 1;

	(void)number;
	(void)!write(wake, &one, sizeof(one));
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static int64_t now(void)
{
	return clock_mono_ms(clock_system());
}

/* --- telling the helper -------------------------------------------------------------------------
 */

static void say(const struct session *s, const char *line)
{
	char text[1200], full[1100];
	struct packet p;

	snprintf(full, sizeof(full), "%s%s\n", line, s->hello.tty ? "\r" : "");
	packet_begin(&p, text, sizeof(text), ATTACH_SAY);
	packet_add(&p, "text", full);
	packet_send(s->helper, &p, NULL, 0);
}

static void tell_begun(const struct session *s)
{
	char text[16];
	struct packet p;

	packet_begin(&p, text, sizeof(text), ATTACH_BEGUN);
	packet_send(s->helper, &p, NULL, 0);
}

static void tell_end(const struct session *s)
{
	char text[128];
	struct packet p;

	packet_begin(&p, text, sizeof(text), ATTACH_END);
	packet_add_number(&p, "exit", s->end.exit >= 0 ? s->end.exit : 255);
	packet_add_number(&p, "signal", s->end.signal);
	packet_send(s->helper, &p, NULL, 0);
}

/* --- beginning ----------------------------------------------------------------------------------
 */

/* Into memory of its own: PAM's modules look people up too. */
static int find_account(const char *name, struct passwd *out, char *memory, size_t size,
                        struct err *err)
{
	struct passwd *found = NULL;
	int rc = getpwnam_r(name, out, memory, size, &found);

	if (found != NULL)
		return 0;
	return rc == 0 ? err_set(err, ERR_NOT_FOUND, "no account '%s'", name)
	               : err_set_errno(err, ERR_IO, rc, "look up '%s'", name);
}

/* The helper was proven to be one; here, to be this login's. */
static int find_accounts(struct session *s, struct err *err)
{
	static char memory[2][16384];

	if (find_account(setting("NODED_NODE_USER"), &s->node, memory[0], sizeof(memory[0]), err) !=
	            0 ||
	    find_account(s->login, &s->pw, memory[1], sizeof(memory[1]), err) != 0)
		return err->code;
	if (s->pw.pw_uid != s->hello.uid)
		return err_set(err, ERR_DENIED, "the helper is not of '%s'", s->login);
	return 0;
}

/* The command writes into pipes of ours, which noded-session reads. */
static int open_pipes(struct session *s, struct supervisor_start *start, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) != 0)
			return err_set_errno(err, ERR_IO, errno, "make a pipe");
		start->fds[i] = s->hello.fds[1 + i];
		start->fds[2 + i] = pair[0];
		s->pipes[i] = pair[1];
	}
	start->fd_count = 4;
	return 0;
}

static int open_stream(struct session *s, struct err *err)
{
	struct supervisor_start start = { .lib_dir = setting("NODED_LIB_DIR"),
		                          .node = &s->node,
		                          .conn = s->conn,
		                          .login = s->login,
		                          .hello = &s->hello,
		                          .grant = &s->grant };
	int rc;

	if (!s->hello.tty && s->grant.spool == NULL)
		return 0;
	if (s->hello.tty) {
		if (terminal_open(&s->terminal, s->hello.fds[0], &s->pw, err) != 0)
			return err->code;
		start.fds[0] = s->terminal.outer;
		start.fds[1] = s->terminal.master;
		start.fd_count = 2;
	} else if (open_pipes(s, &start, err) != 0) {
		return err->code;
	}
	rc = supervisor_start(&start, &s->link, err);
	if (!s->hello.tty) { /* noded-session has them */
		close(start.fds[2]);
		close(start.fds[3]);
	}
	return rc;
}

/* Ours again: what limits a user's files or memory is not for who has to end the session. */
static void restore_limits(const struct session *s)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		setrlimit((__rlimit_resource_t)i, &s->limits[i]);
}

static int start_shell(struct session *s, struct err *err)
{
	char agents[PATH_MAX];
	bool tty = s->hello.tty, piped = s->pipes[0] >= 0;
	struct shell shell = { .pw = &s->pw,
		               .hello = &s->hello,
		               .grant = &s->grant,
		               .pam_env = pam_login_env(s->pam),
		               .text = pam_login_text(s->pam),
		               .tty = tty ? s->terminal.name : NULL,
		               .agents = agents,
		               .sftp = setting("NODED_SFTP_SERVER") };

	snprintf(agents, sizeof(agents), "%s/agents", setting("NODED_RUN_DIR"));
	shell.fds[0] = tty ? s->terminal.slave : s->hello.fds[0];
	for (int i = 1; i < 3; i++)
		shell.fds[i] = tty ? s->terminal.slave : piped ? s->pipes[i - 1] : s->hello.fds[i];
	if (shell_start(&shell, &s->shell, err) != 0)
		return err->code;
	restore_limits(s);
	s->shell_fd = pidfd_open(s->shell, 0);
	return s->shell_fd >= 0 ? 0 : err_set_errno(err, ERR_IO, errno, "watch the shell");
}

/* What only shell, supervisor and helper may hold, so that each sees the ends of the others. */
static void let_go(struct session *s)
{
	terminal_close(&s->terminal);
	for (int i = s->hello.tty ? 1 : 0; i < 3; i++)
		close(s->hello.fds[i]);
	for (int i = 0; i < 2; i++)
		if (s->pipes[i] >= 0)
			close(s->pipes[i]);
}

static int begin(struct session *s, struct err *err)
{
	const char *tty = NULL;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		getrlimit((__rlimit_resource_t)i, &s->limits[i]);
	if (grant_register(setting("NODED_RUN_DIR"), s->grant.sid, s->conn, s->login, err) != 0 ||
	    open_stream(s, err) != 0)
		return err->code;
	if (s->hello.tty)
		tty = s->terminal.name;
	if (pam_login_open(&s->pam, setting("NODED_PAM_DIR"), &s->pw, tty, s->client, err) != 0 ||
	    (s->link >= 0 && supervisor_wait_ready(s->link, err) != 0) || start_shell(s, err) != 0)
		return err->code;
	if (s->hello.tty)
		terminal_note_login(&s->terminal, s->login, s->client, getpid());
	let_go(s);
	return 0;
}

/* --- watching -----------------------------------------------------------------------------------
 */

/* Hangs the command up, and kills what remains of it two seconds later. The first reason counts. */
static void end_for(struct session *s, const char *reason, bool show)
{
	if (s->kill_at != 0)
		return;
	str_copy(s->reason, sizeof(s->reason), reason);
	if (show && s->link >= 0)
		supervisor_notice(s->link, reason);
	else if (show)
		say(s, reason);
	kill(-s->shell, SIGHUP);
	kill(-s->shell, SIGCONT);
	s->kill_at = now() + GRACE_MS;
}

static void on_wake(struct session *s)
{
	struct buf reason = { 0 };
	char path[PATH_MAX];
	struct err err;

	snprintf(path, sizeof(path), "%s/sessions/%s.reason", setting("NODED_RUN_DIR"),
	         s->grant.sid);
	if (file_read(path, sizeof(s->reason) - 1, &reason, &err) != 0)
		buf_append_str(&reason, "ended by the administrator");
	unlink(path);
	end_for(s, buf_str(&reason), true);
	buf_deinit(&reason);
}

/* As the user, who may not reach through us what he could not signal himself. */
static void pass_signal(const struct session *s, int number)
{
	pid_t child = fork();

	if (child == 0) {
		if (setresuid(s->pw.pw_uid, s->pw.pw_uid, s->pw.pw_uid) == 0)
			kill(-s->shell, number);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void on_helper(struct session *s)
{
	char text[256];
	ssize_t len = packet_recv(s->helper, text, sizeof(text), NULL, 0, NULL);
	struct winsize size;
	int number;

	if (len <= 0) { /* killed, or its client is gone */
		if (closure("helper-end"))
			end_for(s, "the connection was lost", false);
		close(s->helper);
		s->helper = -1;
		return;
	}
	number = (int)packet_get_number(text, (size_t)len, "number", 0);
	if (number == SIGWINCH && s->link >= 0) {
		if (ioctl(s->hello.fds[0], TIOCGWINSZ, &size) == 0)
			supervisor_resize(s->link, size.ws_col, size.ws_row);
	} else if (number == SIGHUP && s->hello.tty) {
		end_for(s, "the connection was lost", false);
	} else if (number > 0 && number < NSIG) {
		pass_signal(s, number);
	}
}

static void on_link(struct session *s)
{
	char text[1024];
	ssize_t len = packet_recv(s->link, text, sizeof(text), NULL, 0, NULL);
	const char *reason = len > 0 ? packet_get(text, (size_t)len, "reason") : NULL;

	if (len <= 0) {
		close(s->link);
		s->link = -1;
		end_for(s, RECORDER_DIED, true);
	} else if (str_eq(text, LINK_END)) {
		s->end.cut = s->kill_at == 0;
		end_for(s, reason != NULL ? reason : "", false); /* it has shown it already */
	} else if (str_eq(text, LINK_HANGUP) && closure("helper-end")) {
		end_for(s, "the connection was lost", false);
	}
}

static void watch(struct session *s)
{
	struct pollfd fds[4];

	for (;;) {
		int64_t wait = s->kill_at == 0 ? -1 : s->kill_at - now();

		fds[0] = (struct pollfd){ .fd = s->shell_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = wake, .events = POLLIN };
		fds[2] = (struct pollfd){ .fd = s->helper, .events = POLLIN };
		fds[3] = (struct pollfd){ .fd = s->link, .events = POLLIN };
		if (s->kill_at != 0 && wait <= 0) {
			kill(-s->shell, SIGKILL);
			wait = GRACE_MS;
		}
		if (poll(fds, 4, (int)wait) <= 0)
			continue;
		if (fds[3].revents != 0) /* first: why the shell ends */
			on_link(s);
		if (fds[0].revents != 0)
			return;
		if (fds[1].revents != 0 && s->kill_at == 0)
			on_wake(s);
		if (fds[2].revents != 0)
			on_helper(s);
	}
}

/* --- ending -------------------------------------------------------------------------------------
 */

static void note_status(struct session *s)
{
	int status = 0;

	s->end.exit = -1;
	if (s->shell > 0 && waitpid(s->shell, &status, 0) == s->shell) {
		if (WIFEXITED(status))
			s->end.exit = WEXITSTATUS(status);
		else if (WIFSIGNALED(status))
			s->end.signal = WTERMSIG(status);
	}
}

/* As noded's account: the folder is its, and may hold what it likes. */
static void write_event(struct session *s)
{
	static char text[PACKET_MAX];
	struct packet p;

	packet_begin(&p, text, sizeof(text), EVENT_END);
	packet_add(&p, "conn", s->conn);
	packet_add(&p, "login", s->login);
	packet_add(&p, "kind", s->hello.kind);
	packet_add_number(&p, "tty", s->hello.tty);
	if (s->hello.command != NULL)
		packet_add(&p, "command", s->hello.command);
	event_copy(&p, s->grant.data, s->grant.len);
	event_describe(&p, &s->end);
	if (setegid(s->node.pw_gid) != 0 || seteuid(s->node.pw_uid) != 0 ||
	    event_write(setting("NODED_EVENTS_DIR"), s->grant.sid, &p) != 0)
		log_error("session's end not written", kv("sid", s->grant.sid),
		          kv("error", strerror(errno)));
	if (seteuid(0) != 0 || setegid(0) != 0)
		abort(); /* root can always become root again */
}

/* That the registry no longer knows us tells noded-root that we ended in order. */
static void unregister(const struct session *s)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sessions/%s", setting("NODED_RUN_DIR"), s->grant.sid);
	unlink(path);
}

static void finish(struct session *s)
{
	bool died = false;

	note_status(s);
	s->end.reason = s->reason;
	s->end.ended = clock_wall_ms(clock_system());
	if (s->link >= 0)
		died = !supervisor_finish(s->link, &s->end);
	if (died && s->reason[0] == 0) /* and took the shell along */
		str_copy(s->reason, sizeof(s->reason), RECORDER_DIED);
	tell_end(s); /* first: the user does not wait for the disk */
	write_event(s);
	if (s->hello.tty && s->shell > 0)
		terminal_note_logout(&s->terminal, getpid());
	pam_login_close(s->pam);
	unregister(s);
}

static void init(struct session *s, const struct login *l)
{
	struct sigaction term = { .sa_handler = on_term };

	s->conn = l->conn;
	s->login = l->name;
	s->client = l->client;
	s->helper = l->helper;
	s->link = s->pipes[0] = s->pipes[1] = s->shell_fd = -1;
	s->terminal.master = s->terminal.slave = -1;
	wake = eventfd(0, EFD_CLOEXEC);
	sigaction(SIGTERM, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a user's limit, where root may not lift it again */
}

static void refuse(struct session *s, const char *why)
{
	log_warn("session refused", kv("connection", s->conn), kv("login", s->login),
	         kv("error", why));
	say(s, why);
	s->end.exit = 255;
	tell_end(s);
}

void login_run(const struct login *l)
{
	static struct session s;
	struct err err = { 0 };

	init(&s, l);
	if (grant_hear(s.helper, &s.hello, &err) != 0 || find_accounts(&s, &err) != 0 ||
	    grant_ask(setting("NODED_POLICY_SOCKET"), &s.hello, s.conn, s.login, &s.grant, &err) !=
	            0) {
		refuse(&s, err.msg);
		return;
	}
	tell_begun(&s);
	s.end.started = clock_wall_ms(clock_system());
	if (begin(&s, &err) == 0) {
		watch(&s);
	} else {
		log_error("session not started", kv("sid", s.grant.sid), kv("error", err.msg));
		str_copy(s.reason, sizeof(s.reason), err.msg);
		say(&s, err.msg);
		if (s.shell > 0)
			kill(-s.shell, SIGKILL);
	}
	finish(&s);
}
