#include "noded/jail/sshd_conf.h"

#include "base/buf.h"
#include "base/err.h"
#include "file/file.h"
#include "noded/root/closures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION_LEAST       902
#define VERSION_PAM_SERVICE 908 /* before, the PAM service is named by argv[0] */

/* The lines that never differ. An unpatched sshd does the rest: key exchange, certificates,
 * forwarding, multiplexing. */
static const char fixed[] =
        "AuthenticationMethods publickey\n"
        "PasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\n"
        "AuthorizedKeysFile none\n"
        "AuthorizedPrincipalsFile none\n"
        "AuthorizedPrincipalsCommandUser root\n"
        "PermitRootLogin prohibit-password\n"
        "UsePAM yes\n" /* without it, accounts with a locked password are refused */
        "PrintMotd no\n"
        "PrintLastLog no\n"
        "X11Forwarding no\n"
        "PermitTunnel no\n"
        "AcceptEnv LANG LC_*\n"
        "UseDNS no\n"
        "Compression no\n"
        "LogLevel VERBOSE\n"
        "LoginGraceTime 30\n"
        "PidFile none\n"
        "ListenAddress 127.0.0.1\n" /* with -i on none, but by default it looks up two */
        "Subsystem sftp " SSHD_CONF_SFTP "\n";

int sshd_conf_version(const char *banner, int *out_version, struct err *err)
{
	const char *at = strstr(banner, "OpenSSH_");
	int major, minor;

	if (at == NULL || sscanf(at, "OpenSSH_%d.%d", &major, &minor) != 2 || minor > 99)
		return err_set(err, ERR_UNSUPPORTED, "sshd is not OpenSSH's");
	if (major * 100 + minor < VERSION_LEAST)
		return err_set(err, ERR_UNSUPPORTED, "OpenSSH %d.%d is older than 9.2", major,
		               minor);
	*out_version = major * 100 + minor;
	return 0;
}

/* A line "KEYWORD PATH" for each line of `paths`. */
static void write_each(struct buf *out, const char *keyword, const char *paths)
{
	for (size_t len; *paths != 0; paths += len + (paths[len] != 0)) {
		len = strcspn(paths, "\n");
		buf_appendf(out, "%s %.*s\n", keyword, (int)len, paths);
	}
}

void sshd_conf_write(struct buf *out, const struct sshd_conf *c, int version)
{
	write_each(out, "HostKey", c->host_keys);
	write_each(out, "HostCertificate", c->host_certificates);
	buf_appendf(out, "TrustedUserCAKeys %s\nRevokedKeys %s\n", c->user_ca, c->revoked_keys);
	buf_append_str(out, fixed);
	if (closure("jail"))
		buf_appendf(out, "ChrootDirectory %s/%%u\n", c->jails);
	else
		buf_appendf(out, "ForceCommand %s/.attach\n", c->jails);
	buf_appendf(out, "AllowStreamLocalForwarding %s\n", closure("streamlocal") ? "no" : "yes");
	buf_appendf(out, "PermitUserRC %s\nPermitUserEnvironment %s\n",
	            closure("rc") ? "no" : "yes", closure("rc") ? "no" : "yes");
	if (version >= VERSION_PAM_SERVICE)
		buf_append_str(out, "PAMServiceName postern-sshd\n");
}

/* `sshd -V` writes one line to standard error. */
static int ask_version(const char *sshd, int *out_version, struct err *err)
{
	char banner[256];
	size_t len = 0;
	ssize_t got;
	int pipes[2];
	pid_t child;

	if (pipe(pipes) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a pipe");
	child = fork();
	if (child == 0) {
		dup2(pipes[1], STDERR_FILENO);
		execl(sshd, sshd, "-V", (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	while (len < sizeof(banner) - 1 &&
	       (got = read(pipes[0], banner + len, sizeof(banner) - 1 - len)) > 0)
		len += (size_t)got;
	banner[len] = 0;
	close(pipes[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return sshd_conf_version(banner, out_version, err) == 0 ? 0 : err_wrap(err, "'%s'", sshd);
}

int sshd_conf_generate(const struct sshd_conf *c, const char *sshd, const char *file,
                       struct err *err)
{
	struct buf text = { 0 };
	int version;
	int rc = ask_version(sshd, &version, err);

	if (rc != 0)
		return rc;
	sshd_conf_write(&text, c, version);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = file_replace(file, text.data, text.len, 0600, err);
	buf_deinit(&text);
	return rc;
}
