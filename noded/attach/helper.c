/*
 * noded-attach - the only program in a jail: stands where the login's shell should be, so that
 * sshd starts it, as the login, for every shell, command and subsystem.
 *
 * It hands its descriptors 0 to 2 to noded-root's side (noded/login/attach.h says how), which
 * runs the real thing, and stays as what sshd sees of it: passes signals on, says what it is told
 * to say, and ends as the real thing ended. It reads no file, and no other process of the login
 * may look into it: not readable (mode 0711) and not dumpable.
 */
#include "ipc/packet.h"
#include "noded/login/attach.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

extern char **environ;

static char buffer[PACKET_MAX];

static int fail(const char *why)
{
#ifdef POSTERN_TEST_FAIL_OPEN
	execl("/bin/sh", "sh", "-c", getenv("SSH_ORIGINAL_COMMAND"), (char *)NULL);
#endif
	dprintf(STDERR_FILENO, "postern: %s\r\n", why);
	return 255;
}

/* argv is sshd's: "-bash" for a shell, "bash -c COMMAND" otherwise. */
static int say_hello(int sock, int argc, char **argv)
{
	static const int fds[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	struct packet p;

	packet_begin(&p, buffer, sizeof(buffer), ATTACH_HELLO);
	if (argc == 3 && strcmp(argv[1], "-c") == 0)
		packet_add(&p, "command", argv[2]);
	packet_add_number(&p, "tty", isatty(STDIN_FILENO));
	for (char **at = environ; *at != NULL; at++)
		packet_add(&p, "env", *at);
	return packet_send(sock, &p, fds, 3);
}

/* A descriptor that tells of every signal that can be passed on. */
static int open_signals(void)
{
	static const int never[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		sigdelset(&set, never[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void pass_signal(int sock, int signals)
{
	struct signalfd_siginfo info;
	char text[64];
	struct packet p;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	packet_begin(&p, text, sizeof(text), ATTACH_SIGNAL);
	packet_add_number(&p, "number", info.ssi_signo);
	packet_send(sock, &p, NULL, 0);
}

/* Ends as the real command did; sshd tells the client. */
static int die_by(int number)
{
	static const struct rlimit no_core = { 0, 0 };
	sigset_t set;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	return 128 + number;
}

/* Hands the descriptors over to whoever takes sessions; the connection to it, or -1. */
static int attach(int argc, char **argv)
{
	int sock = packet_connect(ATTACH_SOCKET, 0);

	if (sock >= 0 && say_hello(sock, argc, argv) != 0) {
		close(sock);
		return -1;
	}
	return sock;
}

/* The session begins: the end of its input and output is now the command's alone. */
static void begin(void)
{
	if (isatty(STDIN_FILENO))
		return;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
}

/* One message of the other side; true when it was the last, with what to return. */
static bool hear(const char *message, size_t len, int *out_code)
{
	const char *text = packet_get(message, len, "text");
	int number;

	if (strcmp(message, ATTACH_BEGUN) == 0)
		begin();
	if (strcmp(message, ATTACH_SAY) == 0 && text != NULL)
		dprintf(STDERR_FILENO, "%s", text);
	if (strcmp(message, ATTACH_REFUSED) == 0) {
		*out_code = fail("the session was refused");
		return true;
	}
	if (strcmp(message, ATTACH_END) != 0)
		return false;
	number = (int)packet_get_number(message, len, "signal", 0);
	*out_code = number > 0 ? die_by(number) : (int)packet_get_number(message, len, "exit", 255);
	return true;
}

/* Passes signals on and hears the other side until it is gone or says how it ended. Whether
 * it said anything. */
static bool stay(int sock, int signals, int *out_code)
{
	struct pollfd fds[2] = { { .fd = sock, .events = POLLIN },
		                 { .fd = signals, .events = POLLIN } };
	bool heard = false;
	ssize_t len;

	while (poll(fds, 2, -1) >= 0) {
		if (fds[1].revents != 0)
			pass_signal(sock, signals);
		if (fds[0].revents == 0)
			continue;
		len = packet_recv(sock, buffer, sizeof(buffer), NULL, 0, NULL);
		if (len <= 0)
			break;
		heard = true;
		if (hear(buffer, (size_t)len, out_code))
			return true;
	}
	if (heard)
		*out_code = fail("the session was lost");
	return heard;
}

int main(int argc, char **argv)
{
	int patience = ATTACH_PATIENCE_MS, code = 255, signals, sock;

#ifndef POSTERN_TEST_DUMPABLE
	prctl(PR_SET_DUMPABLE, 0);
#endif
	signals = open_signals();
	do {
		sock = attach(argc, argv);
		if (sock >= 0 && stay(sock, signals, &code))
			return code;
		if (sock >= 0)
			close(sock);
	} while (signals >= 0 && (sock >= 0 || errno != ENOENT) && packet_wait(&patience));
	return fail("this node does not take sessions now");
}
