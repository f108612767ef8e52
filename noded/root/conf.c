#include "noded/root/conf.h"

#include "base/buf.h"
#include "base/err.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NODED_DIR   "/var/lib/postern/noded/"
#define ROW(field)  #field, CONF_STRING, offsetof(struct root_conf, field)
#define ROWS(field) #field, CONF_LIST, offsetof(struct root_conf, field)

static const struct conf_key keys[] = {
	{ ROW(node_user), "postern-node", "account that noded runs as" },
	{ ROW(run_dir), "/run/postern/noded-root", "socket, registry, jails" },
	{ ROW(lib_dir), "/usr/lib/postern", "where the other programs of a node are" },
	{ ROW(pam_dir), "/etc/pam.d", "PAM's services postern and postern-sshd" },
	{ ROW(policy_socket), "/run/postern/noded/policy.sock", "where noded answers questions" },
	{ ROW(sessions_dir), "/run/postern/noded/sessions", "a socket per live session" },
	{ ROW(events_dir), NODED_DIR "events", "how sessions ended" },
	{ ROW(sshd), "/usr/sbin/sshd", "OpenSSH's server, 9.2 or later" },
	{ ROW(sftp_server), "/usr/lib/openssh/sftp-server", "the command behind sftp" },
	{ ROWS(host_keys), NODED_DIR "ssh_host_ecdsa_key", "SSH host keys" },
	{ ROWS(host_certificates), NODED_DIR "ssh_host_ecdsa_key-cert.pub", "their certificates" },
	{ ROW(user_ca), NODED_DIR "user_ca.pub", "public keys of the user CAs" },
	{ ROW(revoked_keys), NODED_DIR "revoked_keys", "OpenSSH KRL, may be empty" },
	{ 0 },
};

static const void *member(const struct root_conf *c, const struct conf_key *key)
{
	return (const char *)c + key->offset;
}

/* Appends the text of a setting, the items of a list as lines. */
static void append(struct buf *out, const struct root_conf *c, const struct conf_key *key)
{
	const struct conf_list *list = member(c, key);

	if (key->type != CONF_LIST)
		buf_append_str(out, *(char *const *)member(c, key));
	for (size_t i = 0; key->type == CONF_LIST && i < list->count; i++)
		buf_appendf(out, "%s%s", i > 0 ? "\n" : "", list->items[i]);
}

/* A blank or a quote in a path would change what a line of sshd's configuration says. */
int root_conf_load(struct root_conf *c, const char *file, struct err *err)
{
	int rc = conf_load(keys, file, c, err);

	for (size_t i = 0; rc == 0 && keys[i].name != NULL; i++) {
		struct buf text = { 0 };

		append(&text, c, &keys[i]);
		if (strcmp(keys[i].name, "sftp_server") != 0 &&
		    strpbrk(buf_str(&text), " \t\r\"'\\%#") != NULL)
			rc = err_set(err, ERR_INVALID, "%s: %s: '%s' has a character it may not",
			             file, keys[i].name, buf_str(&text));
		buf_deinit(&text);
	}
	if (rc != 0)
		root_conf_deinit(c);
	return rc;
}

void root_conf_deinit(struct root_conf *c)
{
	conf_deinit(keys, c);
}

int root_conf_export(const struct root_conf *c, struct err *err)
{
	int rc = 0;

	for (const struct conf_key *key = keys; rc == 0 && key->name != NULL; key++) {
		char name[64] = "NODED_";
		struct buf text = { 0 };
		size_t len = strlen(name);

		for (size_t i = 0; key->name[i] != 0; i++)
			name[len++] = (char)toupper((unsigned char)key->name[i]);
		append(&text, c, key);
		rc = buf_check(&text, err);
		if (rc == 0 && setenv(name, buf_str(&text), 1) != 0)
			rc = err_set_nomem(err);
		buf_deinit(&text);
	}
	return rc;
}
