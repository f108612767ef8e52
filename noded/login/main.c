/*
 * noded-login - the privileged half of each session, as login(1) is of a terminal's: a process
 * per session (login.h).
 *
 * noded-root starts one of us, with a socket as descriptor 0, on which it hands over helpers that
 * it has proven: packets "login conn login client" with the connection. For each we fork. So a
 * session does not pay for starting a program and loading PAM's modules, which is most of what it
 * would cost. The settings are noded-root's, in the environment.
 */
#include "noded/login/login.h"
#include "noded/login/pam.h"
#include "noded/root/requests.h"

#include "base/err.h"
#include "base/log.h"
#include "ipc/packet.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>

static const char *field(const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	return value != NULL ? value : "";
}

/* In the child, which keeps nothing of what we have. */
static void serve(const char *data, size_t len, int helper)
{
	const struct login login = {
		.conn = field(data, len, "conn"),
		.name = field(data, len, "login"),
		.client = field(data, len, "client"),
		.helper = helper,
	};

	setsid();
	signal(SIGCHLD, SIG_DFL);
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO); /* instead of the socket */
	login_run(&login);
	_exit(0); /* nothing waits to be written, and the kernel frees faster than we */
}

int main(int argc, char **argv)
{
	static char data[REQUEST_CLIENT_MAX + 3 * REQUEST_ID_MAX + 64];
	int helper, count;
	ssize_t len;

	(void)argv;
	if (argc != 1) {
		fputs("noded-login is started by noded-root\n", stderr);
		return 2;
	}
	log_open("noded-login", LOG_LEVEL_INFO);
	signal(SIGCHLD, SIG_IGN);
	pam_login_preload(getenv("NODED_PAM_DIR"));
	getpwnam("root"); /* name services too */
	for (;;) {
		len = packet_recv(STDIN_FILENO, data, sizeof(data), &helper, 1, &count);
		if (len == 0)
			return 0;
		if (len < 0 || count != 1)
			continue;
		if (fork() == 0)
			serve(data, (size_t)len, helper);
		close(helper);
	}
}
