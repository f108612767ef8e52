#include "noded/login/supervisor.h"

#include "base/err.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "noded/login/grant.h"
#include "noded/session/events.h"
#include "noded/session/link.h"

#include <grp.h>
#include <limits.h>
#include <sys/ioctl.h>

#define READY_MS 10000

/* In the child: nothing of root's goes with it but the link. */
static void run(const struct supervisor_start *s, int sock)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/noded-session", s->lib_dir);
	setsid();
	if (dup2(sock, STDIN_FILENO) == STDIN_FILENO && setgroups(0, NULL) == 0 &&
	    setresgid(s->node->pw_gid, s->node->pw_gid, s->node->pw_gid) == 0 &&
	    setresuid(s->node->pw_uid, s->node->pw_uid, s->node->pw_uid) == 0)
		execl(path, "noded-session", (char *)NULL);
	_exit(127);
}

static void copy_field(struct packet *p, const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	if (value != NULL)
		packet_add(p, key, value);
}

static const char *const granted[] = { "sid",     "user",        "spool",     "record_failure",
	                               "cluster", "node_id",     "node_name", "client",
	                               "idle_ms", "idle_message" };

static int tell_all(const struct supervisor_start *s, int sock)
{
	static char text[PACKET_MAX];
	struct winsize size = { 0 };
	struct packet p;

	packet_begin(&p, text, sizeof(text), LINK_START);
	packet_add(&p, "conn", s->conn);
	packet_add(&p, "login", s->login);
	packet_add(&p, "kind", s->hello->kind);
	packet_add(&p, "command", s->hello->command != NULL ? s->hello->command : "");
	packet_add_number(&p, "tty", s->hello->tty);
	for (size_t i = 0; i < sizeof(granted) / sizeof(granted[0]); i++)
		copy_field(&p, s->grant->data, s->grant->len, granted[i]);
	if (s->hello->tty && ioctl(s->fds[0], TIOCGWINSZ, &size) == 0) {
		packet_add_number(&p, "columns", size.ws_col);
		packet_add_number(&p, "rows", size.ws_row);
	}
	packet_add(&p, "term", grant_env(s->hello, "TERM"));
	return packet_send(sock, &p, s->fds, s->fd_count);
}

int supervisor_start(const struct supervisor_start *s, int *out_sock, struct err *err)
{
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a socket pair");
	child = fork();
	if (child == 0)
		run(s, pair[1]);
	close(pair[1]);
	if (child > 0 && tell_all(s, pair[0]) == 0) {
		*out_sock = pair[0];
		return 0;
	}
	close(pair[0]);
	return err_set_errno(err, ERR_IO, errno, "start the session's supervisor");
}

static void set_timeout(int sock, int ms)
{
	struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

int supervisor_wait_ready(int sock, struct err *err)
{
	char text[1024];
	const char *reason = "no answer";
	ssize_t len;

	set_timeout(sock, READY_MS);
	len = packet_recv(sock, text, sizeof(text), NULL, 0, NULL);
	set_timeout(sock, 0);
	if (len > 0 && str_eq(text, LINK_READY))
		return 0;
	if (len > 0 && packet_get(text, (size_t)len, "reason") != NULL)
		reason = packet_get(text, (size_t)len, "reason");
	return err_set(err, ERR_UNAVAILABLE, "the session cannot be recorded: %s", reason);
}

void supervisor_resize(int sock, unsigned columns, unsigned rows)
{
	char text[64];
	struct packet p;

	packet_begin(&p, text, sizeof(text), LINK_RESIZE);
	packet_add_number(&p, "columns", columns);
	packet_add_number(&p, "rows", rows);
	packet_send(sock, &p, NULL, 0);
}

void supervisor_notice(int sock, const char *notice)
{
	char text[1024];
	struct packet p;

	packet_begin(&p, text, sizeof(text), LINK_NOTICE);
	packet_add(&p, "text", notice);
	packet_send(sock, &p, NULL, 0);
}

bool supervisor_finish(int sock, struct event_end *e)
{
	char text[2048];
	struct packet p;
	ssize_t len;

	packet_begin(&p, text, sizeof(text), LINK_FINISH);
	event_describe(&p, e);
	packet_send(sock, &p, NULL, 0);
	set_timeout(sock, LINK_DRAIN_MS + 2000);
	do {
		len = packet_recv(sock, text, sizeof(text), NULL, 0, NULL);
	} while (len > 0 && !str_eq(text, LINK_DRAINED));
	if (len <= 0)
		return len < 0 && errno == EAGAIN; /* it still has something to pass on */
	e->sent = (unsigned long long)packet_get_number(text, (size_t)len, "sent", 0);
	e->received = (unsigned long long)packet_get_number(text, (size_t)len, "received", 0);
	return true;
}
