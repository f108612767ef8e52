#include "tctl/credentials.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "crypto/base64.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "file/file.h"

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

static int put_text(struct value *map, const char *key, const char *text, struct err *err)
{
	return value_put(map, key, value_new_text(text), err);
}

static int put_base64(struct value *map, const char *key, const void *data, size_t len,
                      struct err *err)
{
	struct buf text = { 0 };
	int rc;

	base64_append(&text, data, len);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = put_text(map, key, buf_str(&text), err);
	buf_wipe(&text);
	return rc;
}

/* kubeconfig's lists: [{name: NAME, KEY: {...}}]. Returns the inner map, which the root owns. */
static struct value *put_named(struct value *root, const char *list_key, const char *name,
                               const char *key, struct err *err)
{
	struct value *list = value_new(VALUE_LIST), *row = value_new(VALUE_MAP);
	struct value *inner = value_new(VALUE_MAP);

	if (value_put(root, list_key, list, err) != 0) {
		value_free(row);
		value_free(inner);
		return NULL;
	}
	if (value_append(list, row, err) != 0) {
		value_free(inner);
		return NULL;
	}
	if (put_text(row, "name", name, err) != 0) {
		value_free(inner);
		return NULL;
	}
	return value_put(row, key, inner, err) == 0 ? inner : NULL;
}

static int put_cluster(const struct credentials *c, struct value *root, struct err *err)
{
	struct value *cluster =
	        put_named(root, "clusters", c->answer->cluster_name, "cluster", err);
	char *server = str_printf("https://%s", c->proxy);
	struct buf authorities = { 0 };
	int rc = cluster == NULL ? err->code : server == NULL ? err_set_nomem(err) : 0;

	append_host_authorities(c, &authorities);
	if (rc == 0)
		rc = put_text(cluster, "server", server, err);
	if (rc == 0)
		rc = put_base64(cluster, "certificate-authority-data", authorities.data,
		                authorities.len, err);
	buf_deinit(&authorities);
	free(server);
	return rc;
}

static int put_user(const struct credentials *c, struct value *root, struct err *err)
{
	const char *cert = c->answer->tls_certificate;
	struct value *user = put_named(root, "users", c->answer->user, "user", err);
	struct buf pem = { 0 };
	int rc = user != NULL ? key_append_pem(c->key, &pem, err) : err->code;

	if (rc == 0)
		rc = put_base64(user, "client-certificate-data", cert, strlen(cert), err);
	if (rc == 0)
		rc = put_base64(user, "client-key-data", pem.data, pem.len, err);
	buf_wipe(&pem);
	return rc;
}

static int put_context(const struct credentials *c, struct value *root, struct err *err)
{
	struct value *context =
	        put_named(root, "contexts", c->answer->cluster_name, "context", err);
	int rc = context != NULL ? 0 : err->code;

	if (rc == 0)
		rc = put_text(context, "cluster", c->answer->cluster_name, err);
	if (rc == 0)
		rc = put_text(context, "user", c->answer->user, err);
	return rc == 0 ? put_text(root, "current-context", c->answer->cluster_name, err) : rc;
}

static int write_kubeconfig(const struct credentials *c, const char *file, struct err *err)
{
	struct value *root = value_new(VALUE_MAP);
	struct buf text = { 0 };
	int rc = root != NULL ? put_text(root, "apiVersion", "v1", err) : err_set_nomem(err);

	if (rc == 0)
		rc = put_text(root, "kind", "Config", err);
	if (rc == 0)
		rc = put_cluster(c, root, err);
	if (rc == 0)
		rc = put_user(c, root, err);
	if (rc == 0)
		rc = put_context(c, root, err);
	if (rc == 0)
		rc = yaml_write(root, &text, err);
	value_free(root);
	if (rc == 0)
		rc = write_file(file, "", &text, 0600, err);
	buf_wipe(&text);
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
