#include "proxyd/door_files.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/sshkey_private.h"
#include "daemon/host.h"
#include "file/file.h"
#include "model/identity.h"
#include "model/trust.h"
#include "proxyd/proxyd.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_file(const struct proxyd *p, const char *name, const void *data, size_t len,
                      gid_t group, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", p->conf.door_dir, name);
	if (file_replace(path, data, len, 0640, err) != 0)
		return err->code;
	if (chown(path, (uid_t)-1, group) != 0)
		return err_set_errno(err, ERR_IO, errno, "give '%s' to the door's group", path);
	return 0;
}

/*
 * sshd runs as the door's own user, so it can be nobody else, and needs neither PAM nor privilege
 * separation between accounts. StrictModes is off for the files are ours, not that user's.
 */
static void append_config(const struct proxyd *p, struct buf *out)
{
	const char *dir = p->conf.door_dir;

	buf_appendf(out, "HostKey %s/ssh_host_key\n", dir);
	buf_appendf(out, "HostCertificate %s/ssh_host_key-cert.pub\n", dir);
	buf_appendf(out, "TrustedUserCAKeys %s/user_cas\n", dir);
	buf_appendf(out, "AuthorizedPrincipalsFile %s/principals\n", dir);
	buf_appendf(out, "AllowUsers %s\n", p->conf.door_user);
	buf_append_str(out, "AuthenticationMethods publickey\n"
	                    "AuthorizedKeysFile none\n"
	                    "ExposeAuthInfo yes\n"
	                    "DisableForwarding yes\n"
	                    "PermitTTY no\n"
	                    "PermitUserRC no\n"
	                    "PermitUserEnvironment no\n"
	                    "MaxSessions 1\n"
	                    "MaxAuthTries 10\n"
	                    "LoginGraceTime 20\n"
	                    "ClientAliveInterval 60\n"
	                    "UsePAM no\n"
	                    "UseDNS no\n"
	                    "StrictModes no\n"
	                    "Compression no\n"
	                    "PrintMotd no\n"
	                    "PrintLastLog no\n"
	                    "PidFile none\n"
	                    "LogLevel INFO\n");
}

static int write_key(const struct proxyd *p, gid_t group, struct err *err)
{
	struct buf text = { 0 };
	int rc = sshkey_append_private(host_credentials(p->host)->ssh_key, &text, err);

	if (rc == 0)
		rc = write_file(p, "ssh_host_key", text.data, text.len, group, err);
	buf_wipe(&text);
	return rc;
}

static int write_texts(const struct proxyd *p, gid_t group, struct err *err)
{
	static const char principal[] = IDENTITY_DOOR_PRINCIPAL "\n";
	const struct credentials *c = host_credentials(p->host);
	struct buf config = { 0 };
	struct buf cas = { 0 };
	struct buf cert = { 0 };
	int rc;

	append_config(p, &config);
	buf_appendf(&cert, "%s\n", c->answer.ssh_certificate);
	rc = trust_append_ssh_keys(host_trust(p->host), "user", &cas, err);
	if (rc == 0)
		rc = write_file(p, "user_cas", cas.data, cas.len, group, err);
	if (rc == 0)
		rc = write_file(p, "ssh_host_key-cert.pub", cert.data, cert.len, group, err);
	if (rc == 0)
		rc = write_file(p, "principals", principal, strlen(principal), group, err);
	if (rc == 0)
		rc = write_file(p, "sshd_config", config.data, config.len, group, err);
	buf_deinit(&config);
	buf_deinit(&cas);
	buf_deinit(&cert);
	return rc;
}

int door_files_write(const struct proxyd *p, struct err *err)
{
	const struct passwd *door;
	int rc;

	if (p->conf.door_dir == NULL)
		return 0;
	door = getpwnam(p->conf.door_user);
	if (door == NULL)
		return err_set(err, ERR_NOT_FOUND, "door.user: no Unix user '%s'",
		               p->conf.door_user);
	rc = file_make_dir(p->conf.door_dir, 0750, err);
	if (rc == 0 && chown(p->conf.door_dir, (uid_t)-1, door->pw_gid) != 0)
		rc = err_set_errno(err, ERR_IO, errno, "give '%s' to the door's group",
		                   p->conf.door_dir);
	if (rc == 0)
		rc = write_key(p, door->pw_gid, err);
	return rc == 0 ? write_texts(p, door->pw_gid, err) : rc;
}
