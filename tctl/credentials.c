#include "tctl/credentials.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "file/file.h"
#include "wire/kubeconfig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- parts ----------------------------------------------------------------------------------- */

static void append_certs(const pv_CaKeys *keys, struct buf *out)
{
	for (size_t i = 0; i < keys->tls_count; i++)
		buf_appendf(out, "%s\n", keys->tls[i].cert);
}

/* The certificates of the authorities that certify hosts; of both keys during a rotation. */
static void append_host_authorities(const struct credentials *c, struct buf *out)
{
	for (size_t i = 0; i < c->answer->authorities_count; i++) {
		const pv_CertAuthoritySpec *ca = &c->answer->authorities[i].spec;

		if (!str_eq(ca->type, "host"))
			continue;
		append_certs(&ca->active_keys, out);
		append_certs(&ca->additional_trusted_keys, out);
	}
}

static int write_file(const char *file, const char *suffix, struct buf *text, mode_t mode,
                      struct err *err)
{
	char *path = str_printf("%s%s", file, suffix);
	int rc = path != NULL ? buf_check(text, err) : err_set_nomem(err);

	if (rc == 0)
		rc = file_replace(path, text->data, text->len, mode, err);
	free(path);
	buf_wipe(text);
	return rc;
}

static int write_text(const char *file, const char *suffix, const char *text, struct err *err)
{
	struct buf line = { 0 };

	buf_appendf(&line, "%s\n", text);
	return write_file(file, suffix, &line, 0644, err);
}

static int write_key(const struct credentials *c, const char *file, const char *suffix,
                     struct err *err)
{
	struct buf pem = { 0 };
	int rc = key_append_pem(c->key, &pem, err);

	return rc == 0 ? write_file(file, suffix, &pem, 0600, err) : rc;
}

/* --- file ------------------------------------------------------------------------------------ */

static int write_identity(const struct credentials *c, const char *file, struct err *err)
{
	struct buf text = { 0 };
	int rc = key_append_pem(c->key, &text, err);

	if (rc != 0)
		return rc;
	buf_appendf(&text, "%s\n%s\n", c->answer->ssh_certificate, c->answer->tls_certificate);
	append_host_authorities(c, &text);
	return write_file(file, "", &text, 0600, err);
}

/* --- openssh --------------------------------------------------------------------------------- */

static int write_openssh(const struct credentials *c, const char *file, struct err *err)
{
	struct sshkey public = { 0 };
	struct buf line = { 0 };
	int rc = sshkey_from_pubkey(key_public(c->key), c->answer->user, &public, err);

	if (rc != 0)
		return rc;
	sshkey_append_line(&public, &line);
	sshkey_deinit(&public);
	rc = write_key(c, file, "", err);
	if (rc == 0)
		rc = write_file(file, ".pub", &line, 0644, err);
	if (rc == 0)
		rc = write_text(file, "-cert.pub", c->answer->ssh_certificate, err);
	buf_deinit(&line);
	return rc;
}

/* --- tls ------------------------------------------------------------------------------------- */

static int write_tls(const struct credentials *c, const char *file, struct err *err)
{
	struct buf authorities = { 0 };
	int rc = write_key(c, file, ".key", err);

	append_host_authorities(c, &authorities);
	if (rc == 0)
		rc = write_text(file, ".crt", c->answer->tls_certificate, err);
	if (rc == 0)
		rc = write_file(file, ".cas", &authorities, 0644, err);
	buf_deinit(&authorities);
	return rc;
}

/* --- kubernetes ------------------------------------------------------------------------------ */

/* The one context of a new file, and what it is called by. */
static int put_context(const struct credentials *c, const char *key, const char *authorities,
                       struct value *root, struct err *err)
{
	const char *cluster = c->answer->cluster_name, *kube = c->kube_cluster;
	char *name = str_printf("%s%s%s", cluster, kube != NULL ? "-" : "", kube ? kube : "");
	char *server_name = str_printf("%s%skube.%s", kube ? kube : "", kube ? "." : "", cluster);
	const struct kubeconfig_entry entry = {
		.name = name,
		.proxy = c->proxy,
		.server_name = server_name,
		.authorities = authorities,
		.certificate = c->answer->tls_certificate,
		.key = key,
	};
	int rc = name != NULL && server_name != NULL ? kubeconfig_put(root, &entry, err)
	                                             : err_set_nomem(err);

	if (rc == 0)
		rc = kubeconfig_use(root, name, err);
	free(name);
	free(server_name);
	return rc;
}

static int write_kubeconfig(const struct credentials *c, const char *file, struct err *err)
{
	struct buf key = { 0 }, authorities = { 0 }, text = { 0 };
	struct value *root = NULL;
	int rc = kubeconfig_read(file, "", 0, &root, err);

	append_host_authorities(c, &authorities);
	if (rc == 0)
		rc = buf_check(&authorities, err);
	if (rc == 0)
		rc = key_append_pem(c->key, &key, err);
	if (rc == 0)
		rc = put_context(c, buf_str(&key), buf_str(&authorities), root, err);
	if (rc == 0)
		rc = kubeconfig_write(root, &text, err);
	value_free(root);
	if (rc == 0)
		rc = write_file(file, "", &text, 0600, err);
	buf_wipe(&text);
	buf_wipe(&key);
	buf_deinit(&authorities);
	return rc;
}

/* --- the table ------------------------------------------------------------------------------- */

static const char *const one[] = { "", NULL };
static const char *const openssh[] = { "", ".pub", "-cert.pub", NULL };
static const char *const tls[] = { ".key", ".crt", ".cas", NULL };

static const struct credentials_format formats[] = {
	{ "file", one, false, write_identity },
	{ "openssh", openssh, false, write_openssh },
	{ "tls", tls, false, write_tls },
	{ "kubernetes", one, true, write_kubeconfig },
};

int credentials_format_find(const char *name, const struct credentials_format **out,
                            struct err *err)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (str_eq(formats[i].name, name != NULL ? name : "file")) {
			*out = &formats[i];
			return 0;
		}
	return err_set(err, ERR_INVALID, "--format: '%s' is none of file, openssh, tls, kubernetes",
	               name);
}

int credentials_check_free(const struct credentials_format *format, const char *file,
                           struct err *err)
{
	int rc = 0;

	for (const char *const *at = format->suffixes; rc == 0 && *at != NULL; at++) {
		char *path = str_printf("%s%s", file, *at);

		if (path == NULL)
			rc = err_set_nomem(err);
		else if (access(path, F_OK) == 0)
			rc = err_set(err, ERR_EXISTS, "'%s' is there already (--overwrite it?)",
			             path);
		free(path);
	}
	return rc;
}
