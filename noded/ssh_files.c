#include "noded/ssh_files.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/sshkey_private.h"
#include "daemon/host.h"
#include "file/file.h"
#include "model/trust.h"
#include "noded/noded.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int write_file(const struct noded *n, const char *name, const struct buf *content,
                      mode_t mode, struct err *err)
{
	char path[PATH_MAX];

	if (buf_check(content, err) != 0)
		return err->code;
	snprintf(path, sizeof(path), "%s/%s", n->conf.data_dir, name);
	return file_replace(path, content->data, content->len, mode, err);
}

static int write_key(const struct noded *n, struct err *err)
{
	struct buf text = { 0 };
	int rc = sshkey_append_private(host_credentials(n->host)->ssh_key, &text, err);

	if (rc == 0)
		rc = write_file(n, "ssh_host_ecdsa_key", &text, 0600, err);
	buf_wipe(&text);
	return rc;
}

static int write_certificate(const struct noded *n, struct err *err)
{
	struct buf line = { 0 };
	int rc;

	buf_appendf(&line, "%s\n", host_credentials(n->host)->answer.ssh_certificate);
	rc = write_file(n, "ssh_host_ecdsa_key-cert.pub", &line, 0644, err);
	buf_deinit(&line);
	return rc;
}

static int write_authorities(const struct noded *n, struct err *err)
{
	struct buf lines = { 0 };
	int rc = trust_append_ssh_keys(host_trust(n->host), "user", &lines, err);

	if (rc == 0)
		rc = write_file(n, "user_ca.pub", &lines, 0644, err);
	buf_deinit(&lines);
	return rc;
}

/* An administrator may put a KRL there; sshd wants the file to exist. */
static int make_revoked_keys(const struct noded *n, struct err *err)
{
	const struct buf nothing = { 0 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/revoked_keys", n->conf.data_dir);
	return access(path, F_OK) == 0 ? 0 : write_file(n, "revoked_keys", &nothing, 0644, err);
}

int ssh_files_write(const struct noded *n, struct err *err)
{
	int rc = write_key(n, err);

	if (rc == 0)
		rc = write_certificate(n, err);
	if (rc == 0)
		rc = write_authorities(n, err);
	return rc == 0 ? make_revoked_keys(n, err) : rc;
}
