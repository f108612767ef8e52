/*
 * noded-jail - makes the surroundings of sshd for noded-root. A program of its own since it looks
 * logins up by name services, which load foreign code and may hang, and since moving into a
 * namespace cannot be undone.
 *
 * noded-root starts one of us, with a socket as descriptor 0, on which it hands over who wants an
 * answer. For each we fork, so that a login does not pay for starting a program:
 *
 *   open                 answers "jail helper_dev helper_ino" with the namespace; or "error
 * message" prepare login seq pid sees to login's jail in the namespace of pid, an sshd, and answers
 * request seq: "ok seq", or "error seq message"
 *
 * Settings are noded-root's, in the environment.
 */
#include "noded/jail/jail.h"
#include "noded/jail/sshd_conf.h"
#include "noded/root/questions.h"
#include "noded/root/requests.h"

#include "base/err.h"
#include "base/str.h"
#include "ipc/packet.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static void report(int asker, const struct err *err, const char *seq)
{
	char text[1024];
	struct packet p;

	packet_begin(&p, text, sizeof(text), err->code == 0 ? REQUEST_OK : REQUEST_ERROR);
	packet_add(&p, "seq", seq);
	if (err->code != 0)
		packet_add(&p, "message", err->msg);
	packet_send(asker, &p, NULL, 0);
}

static int open_all(int asker, struct err *err)
{
	const char *run_dir = setting("NODED_RUN_DIR");
	char jails[PATH_MAX], config[PATH_MAX], text[128];
	const struct sshd_conf sshd = {
		.jails = jails,
		.host_keys = setting("NODED_HOST_KEYS"),
		.host_certificates = setting("NODED_HOST_CERTIFICATES"),
		.user_ca = setting("NODED_USER_CA"),
		.revoked_keys = setting("NODED_REVOKED_KEYS"),
	};
	struct packet p;
	dev_t dev;
	ino_t ino;
	int ns;

	snprintf(jails, sizeof(jails), "%s/jails", run_dir);
	snprintf(config, sizeof(config), "%s/sshd_config", run_dir);
	if (jail_open(run_dir, setting("NODED_LIB_DIR"), setting("NODED_PAM_DIR"), &dev, &ino,
	              err) != 0 ||
	    sshd_conf_generate(&sshd, setting("NODED_SSHD"), config, err) != 0)
		return err->code;
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	packet_begin(&p, text, sizeof(text), "jail");
	packet_add_number(&p, "helper_dev", (long long)dev);
	packet_add_number(&p, "helper_ino", (long long)ino);
	if (ns < 0 || packet_send(asker, &p, &ns, 1) != 0)
		return err_set_errno(err, ERR_IO, errno, "hand the namespace over");
	return 0;
}

static const char *field(const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	return value != NULL ? value : "";
}

/* In the child. Whoever asked does not wait for ever, and so neither do we. */
static void serve(const char *data, size_t len, int asker)
{
	struct err err = { 0 };

	alarm(QUESTION_TIMEOUT_MS / 1000);
	setsid();
	signal(SIGCHLD, SIG_DFL);
	if (str_eq(data, "prepare"))
		jail_prepare(setting("NODED_RUN_DIR"), field(data, len, "pid"),
		             field(data, len, "login"), &err);
	else if (open_all(asker, &err) == 0)
		return;
	report(asker, &err, field(data, len, "seq"));
}

int main(int argc, char **argv)
{
	static char data[1024];
	int asker, count;
	ssize_t len;

	(void)argv;
	if (argc != 1) {
		fputs("noded-jail is started by noded-root\n", stderr);
		return 2;
	}
	umask(022);
	signal(SIGCHLD, SIG_IGN);
	getpwnam("root"); /* loads what all of us will need */
	for (;;) {
		len = packet_recv(STDIN_FILENO, data, sizeof(data), &asker, 1, &count);
		if (len == 0)
			return 0;
		if (len < 0 || count != 1)
			continue;
		if (fork() == 0) {
			serve(data, (size_t)len, asker);
			_exit(0);
		}
		close(asker);
	}
}
