#include "tsh/ssh_config.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <string.h>

bool ssh_config_is_cluster(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return len > 0 && name[len] == 0 && name[0] != '.' && name[0] != '-' && len <= 253;
}

size_t ssh_config_node_len(const char *host, const char *cluster)
{
	size_t len = strlen(host), tail = strlen(cluster);

	if (len > tail + 1 && host[len - tail - 1] == '.' && str_ends(host, cluster))
		return len - tail - 1;
	return len;
}

/* ssh_config(5) has no escape for these within double quotes. */
static int check_value(const char *value, struct err *err)
{
	for (const char *p = value; *p != 0; p++) {
		if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\')
			return err_set(err, ERR_INVALID,
			               "'%s' cannot stand in an ssh configuration", value);
	}
	return 0;
}

/* "value", with ssh's % doubled. */
static void append_quoted(struct buf *out, const char *value)
{
	buf_append_byte(out, '"');
	for (const char *p = value; *p != 0; p++)
		buf_append_str(out, *p == '%' ? "%%" : (char[]){ *p, 0 });
	buf_append_byte(out, '"');
}

/* ProxyCommand goes to a shell: 'value', with ssh's % doubled too. */
static void append_shell_word(struct buf *out, const char *value)
{
	buf_append_byte(out, '\'');
	for (const char *p = value; *p != 0; p++) {
		if (*p == '\'')
			buf_append_str(out, "'\\''");
		else
			buf_append_str(out, *p == '%' ? "%%" : (char[]){ *p, 0 });
	}
	buf_append_byte(out, '\'');
}

static void append_file(struct buf *out, const char *keyword, const char *path)
{
	buf_appendf(out, "    %s ", keyword);
	append_quoted(out, path);
	buf_append_byte(out, '\n');
}

static void append_proxy_command(struct buf *out, const struct ssh_config_spec *s)
{
	buf_append_str(out, "    ProxyCommand ");
	append_shell_word(out, s->tsh);
	buf_append_str(out, " proxy ssh --proxy=");
	append_shell_word(out, s->proxy);
	buf_append_str(out, " --cluster=");
	append_shell_word(out, s->cluster);
	buf_append_str(out, " '%r@%h:%p'\n");
}

/* A name is bare unless it ends in the cluster's; "Match host" then sees the whole name. */
static void append_bare(struct buf *out, const struct ssh_config_spec *s)
{
	if (s->bare == NULL)
		return;
	buf_appendf(out, "Host !*.%s", s->cluster);
	for (size_t i = 0; i < s->others_count; i++)
		buf_appendf(out, " !*.%s", s->others[i]);
	buf_appendf(out, " %s\n    HostName %%h.%s\n", s->bare, s->cluster);
}

int ssh_config_write(struct buf *out, const struct ssh_config_spec *s, struct err *err)
{
	const char *const values[] = { s->proxy,
		                       s->user,
		                       s->tsh,
		                       s->key,
		                       s->certificate,
		                       s->known_hosts,
		                       s->bare != NULL ? s->bare : "" };

	if (!ssh_config_is_cluster(s->cluster))
		return err_set(err, ERR_INVALID, "'%s' is not a cluster's name", s->cluster);
	for (size_t i = 0; i < s->others_count; i++)
		if (!ssh_config_is_cluster(s->others[i]))
			return err_set(err, ERR_INVALID, "'%s' is not a cluster's name",
			               s->others[i]);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (check_value(values[i], err) != 0)
			return err->code;
	}
	buf_appendf(out, "# Nodes of the Postern cluster %s, as %s by way of %s.\n", s->cluster,
	            s->user, s->proxy);
	append_bare(out, s);
	buf_appendf(out, "Match host *.%s\n", s->cluster);
	append_proxy_command(out, s);
	append_file(out, "IdentityFile", s->key);
	append_file(out, "CertificateFile", s->certificate);
	append_file(out, "UserKnownHostsFile", s->known_hosts);
	buf_append_str(out, "    GlobalKnownHostsFile /dev/null\n"
	                    "    IdentitiesOnly yes\n"
	                    "    StrictHostKeyChecking yes\n"
	                    "    UpdateHostKeys no\n"
	                    "    CheckHostIP no\n"
	                    "    HostKeyAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com\n"
	                    "Match all\n");
	return buf_check(out, err);
}

int ssh_config_known_host(struct buf *out, const char *cluster, const char *key, struct err *err)
{
	if (!ssh_config_is_cluster(cluster))
		return err_set(err, ERR_INVALID, "'%s' is not a cluster's name", cluster);
	if (strpbrk(key, "\r\n") != NULL)
		return err_set(err, ERR_INVALID, "a host authority's key of several lines");
	buf_appendf(out, "@cert-authority *.%s,[*.%s]:* %s\n", cluster, cluster, key);
	return buf_check(out, err);
}
