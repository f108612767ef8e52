#include "kubeproxyd/upstream/place.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "crypto/base64.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "file/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1024 * 1024)

void place_deinit(struct place *k)
{
	if (k->token != NULL)
		explicit_bzero(k->token, strlen(k->token));
	free(k->token);
	free(k->token_file);
	free(k->addr);
	free(k->host);
	free(k->path);
	free(k->server_name);
	x509_set_unref(k->trust);
	x509_unref_all(k->chain, k->chain_len);
	key_unref(k->key);
	*k = (struct place){ 0 };
}

static int set_text(char **to, char *take_text, struct err *err)
{
	free(*to);
	*to = take_text;
	return take_text != NULL ? 0 : err_set_nomem(err);
}

/* --- parts of the file ----------------------------------------------------------------------- */

/* The value `key` of the entry of that name: [{name: NAME, KEY: {...}}]. */
static const struct value *named(const struct value *root, const char *list, const char *key,
                                 const char *name)
{
	const struct value *all = value_get(root, list);

	for (size_t i = 0; all != NULL && all->type == VALUE_LIST && i < all->count; i++)
		if (str_eq(value_get_text(all->items[i], "name"), name))
			return value_get(all->items[i], key);
	return NULL;
}

/* What would be ignored at somebody's cost. */
static int refuse(const struct value *part, struct err *err)
{
	static const struct {
		const char *key;
		const char *why;
	} rows[] = {
		{ "exec", "credentials of an exec plugin: give a token, a tokenFile or a client "
		          "certificate" },
		{ "auth-provider", "credentials of an auth-provider plugin: give a token, a "
		                   "tokenFile or a client certificate" },
		{ "username", "a password: give a token or a client certificate" },
		{ "password", "a password: give a token or a client certificate" },
		{ "as", "impersonation: it is kubeproxyd that impersonates" },
		{ "as-groups", "impersonation: it is kubeproxyd that impersonates" },
		{ "as-user-extra", "impersonation: it is kubeproxyd that impersonates" },
		{ "proxy-url", "a proxy on the way to the API server" },
	};
	bool insecure = false;
	const struct value *v = value_get(part, "insecure-skip-tls-verify");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (value_get(part, rows[i].key) != NULL)
			return err_set(err, ERR_UNSUPPORTED, "%s: kubeproxyd does not take %s",
			               rows[i].key, rows[i].why);
	if (v != NULL && (!value_to_bool(v, &insecure) || insecure))
		return err_set(err, ERR_UNSUPPORTED,
		               "insecure-skip-tls-verify: whoever answers would get our "
		               "credentials; give certificate-authority-data");
	return 0;
}

/* A path in a kubeconfig is relative to its folder. */
static char *absolute(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || slash == NULL)
		return strdup(path);
	return str_printf("%.*s/%s", (int)(slash - file), file, path);
}

/* Appends "<key>-data", decoded, or the content of the file "<key>"; nothing when both are absent.
 */
static int read_part(const struct value *part, const char *file, const char *key, struct buf *out,
                     struct err *err)
{
	char data_key[64];
	const char *data, *path;
	char *full;
	int rc;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	data = value_get_text(part, data_key);
	path = value_get_text(part, key);
	if (!str_empty(data))
		return base64_decode(data, strlen(data), out, err) == 0
		               ? 0
		               : err_wrap(err, "%s", data_key);
	if (str_empty(path))
		return 0;
	full = absolute(file, path);
	if (full == NULL)
		return err_set_nomem(err);
	rc = file_read(full, FILE_MAX, out, err);
	free(full);
	return rc == 0 ? 0 : err_wrap(err, "%s", key);
}

/* --- the server ------------------------------------------------------------------------------ */

/* https://host[:port][/path] */
static int take_url(struct place *k, const char *url, struct err *err)
{
	static const char scheme[] = "https://";
	const char *at, *port;
	size_t len, host_len;

	if (str_empty(url) || strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return err_set(err, ERR_INVALID, "server: '%.100s' is not https://HOST:PORT",
		               url != NULL ? url : "");
	at = url + sizeof(scheme) - 1;
	len = strcspn(at, "/?#@");
	if (len == 0 || at[len] == '@' || at[len] == '?' || at[len] == '#')
		return err_set(err, ERR_INVALID, "server: '%.100s' is not https://HOST:PORT", url);
	port = *at == '[' ? strchr(at, ']') : at;
	port = port != NULL ? memchr(port, ':', len - (size_t)(port - at)) : NULL;
	host_len = port != NULL ? (size_t)(port - at) : len;
	if (set_text(&k->host, strndup(at, len), err) != 0 ||
	    set_text(&k->addr,
	             port != NULL ? strndup(at, len) : str_printf("%.*s:443", (int)len, at),
	             err) != 0 ||
	    set_text(&k->path, strdup(at + len), err) != 0)
		return err->code;
	len = strlen(k->path);
	while (len > 0 && k->path[len - 1] == '/')
		k->path[--len] = 0;
	if (*at == '[' && host_len > 2) {
		at++;
		host_len -= 2;
	}
	return set_text(&k->server_name, strndup(at, host_len), err);
}

static int take_authorities(struct place *k, const struct buf *pem, struct err *err)
{
	int rc = x509_set_new(&k->trust, err);

	if (rc == 0)
		rc = x509_set_add_bundle(k->trust, pem->data, pem->len, err);
	return rc == 0 ? 0 : err_wrap(err, "certificate-authority");
}

static int take_cluster(struct place *k, const struct value *cluster, const char *file,
                        struct err *err)
{
	const char *name = value_get_text(cluster, "tls-server-name");
	struct buf pem = { 0 };
	int rc = refuse(cluster, err);

	if (rc == 0)
		rc = take_url(k, value_get_text(cluster, "server"), err);
	if (rc == 0 && !str_empty(name))
		rc = set_text(&k->server_name, strdup(name), err);
	if (rc == 0)
		rc = read_part(cluster, file, "certificate-authority", &pem, err);
	if (rc == 0 && pem.len == 0)
		rc = err_set(err, ERR_INVALID, "certificate-authority: missing");
	if (rc == 0)
		rc = take_authorities(k, &pem, err);
	buf_deinit(&pem);
	return rc;
}

/* --- who we are ------------------------------------------------------------------------------ */

static int take_certificate(struct place *k, const struct value *user, const char *file,
                            struct err *err)
{
	struct buf cert = { 0 };
	struct buf key = { 0 };
	int rc = read_part(user, file, "client-certificate", &cert, err);

	if (rc == 0)
		rc = read_part(user, file, "client-key", &key, err);
	if (rc == 0 && (cert.len == 0) != (key.len == 0))
		rc = err_set(err, ERR_INVALID, "client-certificate and client-key go together");
	if (rc == 0 && cert.len > 0 &&
	    (x509_load_all(buf_str(&cert), cert.len, PLACE_CHAIN_MAX, &k->chain, &k->chain_len,
	                   err) != 0 ||
	     key_load(key.data, key.len, &k->key, err) != 0))
		rc = err_wrap(err, "client-certificate");
	buf_deinit(&cert);
	buf_wipe(&key);
	return rc;
}

/* A token travels in a header: visible characters only. */
static int take_token(struct place *k, const char *text, size_t len, struct err *err)
{
	char *token;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	if (len == 0)
		return err_set(err, ERR_INVALID, "the token is empty");
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return err_set(err, ERR_INVALID,
			               "the token has a character that none may have");
	token = strndup(text, len);
	if (token == NULL)
		return err_set_nomem(err);
	if (k->token != NULL)
		explicit_bzero(k->token, strlen(k->token));
	free(k->token);
	k->token = token;
	return 0;
}

int place_reread_token(struct place *k, struct err *err)
{
	struct buf text = { 0 };
	int rc;

	if (k->token_file == NULL)
		return 0;
	rc = file_read(k->token_file, PLACE_TOKEN_MAX, &text, err);
	if (rc == 0 && take_token(k, buf_str(&text), text.len, err) != 0)
		rc = err_wrap(err, "'%s'", k->token_file);
	buf_wipe(&text);
	return rc;
}

static int take_user(struct place *k, const struct value *user, const char *file, struct err *err)
{
	const char *token_file = value_get_text(user, "tokenFile");
	const char *token = value_get_text(user, "token");
	int rc = refuse(user, err);

	if (rc == 0)
		rc = take_certificate(k, user, file, err);
	if (rc == 0 && !str_empty(token_file)) { /* of both the file counts, as for kubectl */
		rc = set_text(&k->token_file, absolute(file, token_file), err);
		if (rc == 0)
			rc = place_reread_token(k, err);
	} else if (rc == 0 && !str_empty(token)) {
		rc = take_token(k, token, strlen(token), err);
	}
	if (rc == 0 && k->token == NULL && k->chain == NULL)
		rc = err_set(err, ERR_INVALID,
		             "the user has neither a token nor a client certificate");
	return rc;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int take_context(struct place *k, const struct value *root, const char *file,
                        struct err *err)
{
	const char *name = value_get_text(root, "current-context");
	const struct value *context, *cluster, *user;

	if (str_empty(name))
		return err_set(err, ERR_INVALID, "current-context: missing");
	context = named(root, "contexts", "context", name);
	cluster = named(root, "clusters", "cluster", value_get_text(context, "cluster"));
	user = named(root, "users", "user", value_get_text(context, "user"));
	if (context == NULL || cluster == NULL || user == NULL)
		return err_set(err, ERR_INVALID, "context '%s': %s is not there", name,
		               context == NULL   ? "it"
		               : cluster == NULL ? "its cluster"
		                                 : "its user");
	if (take_cluster(k, cluster, file, err) != 0)
		return err_wrap(err, "cluster of context '%s'", name);
	if (take_user(k, user, file, err) != 0)
		return err_wrap(err, "user of context '%s'", name);
	return 0;
}

int place_load(struct place *out, const char *path, struct err *err)
{
	struct place k = { 0 };
	struct yaml_docs docs = { 0 };
	struct buf text = { 0 };
	int rc = file_read(path, FILE_MAX, &text, err);

	if (rc != 0)
		goto out;
	rc = yaml_read(path, text.data, text.len, &docs, err);
	if (rc != 0)
		goto out;
	if (docs.count != 1)
		rc = err_set(err, ERR_INVALID, "%s: not one document", path);
	else if (take_context(&k, docs.items[0], path, err) != 0)
		rc = err_wrap(err, "%s", path);
out:
	yaml_docs_deinit(&docs);
	buf_wipe(&text);
	if (rc == 0)
		*out = k;
	else
		place_deinit(&k);
	return rc;
}

int place_of_pod(struct place *out, const char *host, const char *port, const char *dir,
                 struct err *err)
{
	struct place k = { 0 };
	struct buf pem = { 0 };
	char path[PATH_MAX];
	char url[512];
	int rc = 0;

	if (str_empty(host) || str_empty(port))
		return err_set(err, ERR_NOT_FOUND,
		               "no kubeconfig is set, and this is no pod: KUBERNETES_SERVICE_HOST "
		               "is not in the environment");
	snprintf(url, sizeof(url), strchr(host, ':') != NULL ? "https://[%s]:%s" : "https://%s:%s",
	         host, port);
	snprintf(path, sizeof(path), "%s/ca.crt", dir);
	rc = take_url(&k, url, err);
	if (rc == 0)
		rc = file_read(path, FILE_MAX, &pem, err);
	if (rc == 0)
		rc = take_authorities(&k, &pem, err);
	if (rc == 0)
		rc = set_text(&k.token_file, str_printf("%s/token", dir), err);
	if (rc == 0)
		rc = place_reread_token(&k, err);
	buf_deinit(&pem);
	if (rc == 0)
		*out = k;
	else
		place_deinit(&k);
	return rc;
}
