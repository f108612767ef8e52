/*
 * noded-jail - makes the surroundings of sshd for noded-root, and ends. A program of its own since
 * it looks logins up by name services, which load foreign code and may hang, and since moving
 * into a namespace cannot be undone.
 *
 *   noded-jail open               sends on descriptor 0: "jail helper_dev helper_ino" and the
 *                                 namespace; or "error message"
 *   noded-jail prepare LOGIN SEQ PID
 *                                 sees to LOGIN's jail in the namespace of PID, an sshd, and
 *                                 answers request SEQ on descriptor 0
 *
 * Settings are noded-root's, in the environment.
 */
#include "noded/jail/jail.h"
#include "noded/jail/sshd_conf.h"
#include "noded/root/requests.h"

#include "base/err.h"
#include "base/str.h"
#include "ipc/packet.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static void report(const struct err *err, const char *seq)
{
	char text[1024];
	struct packet p;

	packet_begin(&p, text, sizeof(text), err->code == 0 ? REQUEST_OK : REQUEST_ERROR);
	packet_add(&p, "seq", seq);
	if (err->code != 0)
		packet_add(&p, "message", err->msg);
	packet_send(STDIN_FILENO, &p, NULL, 0);
}

static int open_all(struct err *err)
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
	if (ns < 0 || packet_send(STDIN_FILENO, &p, &ns, 1) != 0)
		return err_set_errno(err, ERR_IO, errno, "hand the namespace over");
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	umask(022);
	if (argc == 2 && str_eq(argv[1], "open")) {
		if (open_all(&err) != 0)
			report(&err, "");
	} else if (argc == 5 && str_eq(argv[1], "prepare")) {
		jail_prepare(setting("NODED_RUN_DIR"), argv[4], argv[2], &err);
		report(&err, argv[3]);
	} else {
		fputs("noded-jail is started by noded-root\n", stderr);
		return 2;
	}
	return err.code != 0;
}
