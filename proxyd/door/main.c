/*
 * proxyd-door - starts one unpatched `sshd -i` per connection of the SSH door, as the door's own
 * Unix user, and nothing else.
 *
 *   proxyd --packet: descriptor of the connection, client address--> proxyd-door --> sshd -i
 *
 * sshd's configuration, keys and authorities are files that proxyd writes (proxyd/door.c). The
 * number of processes at once is bounded; a connection above it is closed.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "ipc/packet.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SSHD         "/usr/sbin/sshd"
#define CHILDREN_MAX 256
#define REQUEST_MAX  1024

struct door {
	const char *socket_path;   /* where proxyd sends connections */
	const char *config;        /* sshd's */
	const char *helper_socket; /* where proxyd-connect finds proxyd */
	uid_t proxyd;              /* the only user that may */
	int listener;
	unsigned children;
};

static volatile sig_atomic_t ending;

static void on_end(int signal_number)
{
	(void)signal_number;
	ending = 1;
}

static void on_child(int signal_number)
{
	(void)signal_number; /* wakes poll(); reap() does the rest */
}

static void catch (int signal_number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(signal_number, &action, NULL);
}

static int open_socket(struct door *d, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (str_copy(addr.sun_path, sizeof(addr.sun_path), d->socket_path) != 0)
		return err_set(err, ERR_INVALID, "socket path '%s' is too long", d->socket_path);
	unlink(d->socket_path);
	d->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->listener < 0 || bind(d->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    chmod(d->socket_path, 0666) != 0 || listen(d->listener, CHILDREN_MAX) != 0)
		return err_set_errno(err, ERR_IO, errno, "open socket '%s'", d->socket_path);
	return 0;
}

/* In the child: descriptors 0 and 1 are the connection, 2 stays our log; all else closes. */
static void become_sshd(const struct door *d, int conn, const char *client)
{
	char environment[256];
	char *const argv[] = { (char *)"sshd",    (char *)"-i", (char *)"-e", (char *)"-f",
		               (char *)d->config, (char *)"-o", environment,  NULL };
	char *const env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	sigset_t none;

	/* One SetEnv: sshd takes the first and ignores others. */
	snprintf(environment, sizeof(environment),
	         "SetEnv=POSTERN_CLIENT=%s POSTERN_DOOR_SOCKET=%s", client, d->helper_socket);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(conn, 0) < 0 || dup2(conn, 1) < 0)
		_exit(126);
	closefrom(3);
	execve(SSHD, argv, env);
	_exit(127);
}

/* What goes on sshd's command line may hold nothing but an address. */
static bool is_address(const char *text)
{
	return *text != 0 && strlen(text) < 64 &&
	       text[strspn(text, "0123456789abcdefABCDEF.:[]%")] == 0;
}

static void start_sshd(struct door *d, int conn, const char *client)
{
	pid_t pid;

	if (d->children >= CHILDREN_MAX) {
		log_warn("connection refused", kv("reason", "too many at once"),
		         kv("max", CHILDREN_MAX));
		return;
	}
	pid = fork();
	if (pid == 0)
		become_sshd(d, conn, client);
	if (pid < 0)
		log_error("connection refused", kv("reason", strerror(errno)));
	else
		d->children++;
}

static bool is_proxyd(const struct door *d, int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == d->proxyd || cred.uid == 0);
}

/* One packet, one connection. The peer is local and trusted to send at once. */
static void take_connection(struct door *d)
{
	char bytes[REQUEST_MAX];
	int fds[PACKET_FDS];
	int count = 0;
	const char *client;
	ssize_t len = -1;
	int sock = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
	struct timeval limit = { 1, 0 };

	if (sock < 0)
		return;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (is_proxyd(d, sock))
		len = packet_recv(sock, bytes, sizeof(bytes), fds, PACKET_FDS, &count);
	client = len > 0 ? packet_get(bytes, (size_t)len, "client") : NULL;
	if (count == 1 && client != NULL && is_address(client))
		start_sshd(d, fds[0], client);
	while (count > 0)
		close(fds[--count]);
	close(sock);
}

static void reap(struct door *d)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		d->children--;
}

static void serve(struct door *d)
{
	sigset_t none;

	sigemptyset(&none);
	while (!ending) {
		struct pollfd ready = { .fd = d->listener, .events = POLLIN };

		/* Signals come only in here, so none is missed between the checks. */
		if (ppoll(&ready, 1, NULL, &none) > 0)
			take_connection(d);
		reap(d);
	}
	unlink(d->socket_path);
}

static void block_signals(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	catch (SIGCHLD, on_child);
	catch (SIGTERM, on_end);
	catch (SIGINT, on_end);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct door d = { .listener = -1 };
	const struct passwd *proxyd;
	struct err err = { 0 };

	if (argc != 5) {
		fprintf(stderr,
		        "usage: proxyd-door SOCKET SSHD_CONFIG PROXYD_USER HELPER_SOCKET\n");
		return 2;
	}
	log_open("proxyd-door", LOG_LEVEL_INFO);
	d.socket_path = argv[1];
	d.config = argv[2];
	d.helper_socket = argv[4];
	proxyd = getpwnam(argv[3]);
	if (proxyd == NULL) {
		fprintf(stderr, "proxyd-door: no user '%s'\n", argv[3]);
		return 1;
	}
	d.proxyd = proxyd->pw_uid;
	block_signals();
	if (open_socket(&d, &err) != 0) {
		fprintf(stderr, "proxyd-door: %s\n", err.msg);
		return 1;
	}
	log_info("ready", kv("socket", d.socket_path));
	serve(&d);
	return 0;
}
