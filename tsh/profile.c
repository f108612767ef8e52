#include "tsh/profile.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "file/file.h"
#include "tsh/ssh_config.h"
#include "wire/fields.h"

#include "proto/profile.fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)

static const struct {
	const char *suffix;
	bool of_user; /* USER and the suffix; else the suffix alone */
	bool of_leaf; /* each leaf has one of its own */
} files[] = {
	[PROFILE_KEY] = { "", true },
	[PROFILE_PUB] = { ".pub", true },
	[PROFILE_SSH_CERT] = { "-cert.pub", true },
	[PROFILE_TLS_CERT] = { "-x509.pem", true },
	[PROFILE_SESSION] = { ".session", true, true },
	[PROFILE_SSH_CONFIG] = { ".ssh_config", true, true },
	[PROFILE_CAS] = { "cas.pem", false, true },
	[PROFILE_KNOWN_HOSTS] = { "known_hosts", false },
};

#define FILES (sizeof(files) / sizeof(files[0]))

/* --- names ----------------------------------------------------------------------------------- */

/* Where the host ends: at the colon before the port, or at the end. */
static const char *host_end(const char *proxy)
{
	const char *from = proxy[0] == '[' ? strchr(proxy, ']') : proxy;
	const char *colon = from != NULL ? strrchr(from, ':') : NULL;

	return colon != NULL ? colon : proxy + strlen(proxy);
}

int profile_proxy_parse(const char *text, char **out, struct err *err)
{
	const char *end;
	int64_t port;
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                          "0123456789.-_:[]");

	if (text[len] != 0 || len == 0 || len > 255 || text[0] == '.' || text[0] == '-')
		return err_set(err, ERR_INVALID, "'%s' is not a proxy's address (host:port)", text);
	end = host_end(text);
	if (end == text)
		return err_set(err, ERR_INVALID, "'%s' lacks the proxy's name", text);
	if (*end != 0 && str_to_i64(end + 1, 1, 65535, &port, err) != 0)
		return err_wrap(err, "proxy '%s': port", text);
	*out = str_printf("%s%s", text, *end == 0 ? ":" PROFILE_DEFAULT_PORT : "");
	return *out != NULL ? 0 : err_set_nomem(err);
}

/* A user's name becomes a file's: it must not be able to mean another place. */
static int check_user(const char *user, struct err *err)
{
	if (str_empty(user) || user[0] == '.' || strchr(user, '/') != NULL || strlen(user) > 200)
		return err_set(err, ERR_INVALID, "'%s' cannot be a user's name",
		               user != NULL ? user : "");
	return 0;
}

static char *name_of(const char *proxy)
{
	const char *end = host_end(proxy);
	int len = (int)(end - proxy);

	if (strcmp(end, ":" PROFILE_DEFAULT_PORT) == 0)
		return str_printf("%.*s", len, proxy);
	return str_printf("%.*s_%s", len, proxy, end + 1);
}

static char *yaml_path(const struct profile *p)
{
	return str_printf("%s/%s.yaml", p->home, p->name);
}

char *profile_path(const struct profile *p, enum profile_file file)
{
	const char *user = files[file].of_user ? p->data.user : "";
	const char *leaf = p->own != NULL && files[file].of_leaf ? p->data.cluster : NULL;

	if (leaf == NULL)
		return str_printf("%s/keys/%s/%s%s", p->home, p->name, user, files[file].suffix);
	return str_printf("%s/keys/%s/%s%s%s%s%s", p->home, p->name, user, *user != 0 ? "." : "",
	                  leaf, *user != 0 ? "" : ".", files[file].suffix);
}

int profile_turn_to(struct profile *p, const char *leaf, struct err *err)
{
	char *name;

	if (!ssh_config_is_cluster(leaf))
		return err_set(err, ERR_INVALID, "'%s' is not a cluster's name", leaf);
	name = strdup(leaf);
	if (name == NULL)
		return err_set_nomem(err);
	if (p->own == NULL)
		p->own = p->data.cluster;
	else
		free(p->data.cluster);
	p->data.cluster = name;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

static int init_name(struct profile *p, const char *home, const char *proxy, struct err *err)
{
	p->home = strdup(home);
	p->name = name_of(proxy);
	return p->home != NULL && p->name != NULL ? 0 : err_set_nomem(err);
}

int profile_init(struct profile *out, const char *home, const char *proxy, const char *user,
                 struct err *err)
{
	struct profile p = { 0 };
	int rc;

	rc = check_user(user, err);
	if (rc == 0)
		rc = profile_proxy_parse(proxy, &p.data.proxy, err);
	if (rc == 0)
		rc = init_name(&p, home, p.data.proxy, err);
	if (rc == 0)
		rc = fields_set_str(&p.data.user, user, err);
	if (rc != 0) {
		profile_deinit(&p);
		return rc;
	}
	*out = p;
	return 0;
}

void profile_deinit(struct profile *p)
{
	free(p->own);
	free(p->home);
	free(p->name);
	fields_release(&pv_Profile_table, &p->data);
	*p = (struct profile){ 0 };
}

static int read_current(const char *home, struct buf *out, struct err *err)
{
	char *path = str_printf("%s/current", home);
	int rc;

	if (path == NULL)
		return err_set_nomem(err);
	rc = file_read(path, 1024, out, err);
	free(path);
	while (rc == 0 && out->len > 0 && out->data[out->len - 1] == '\n')
		out->data[--out->len] = 0;
	if (rc == 0 && (strchr(buf_str(out), '/') != NULL || *buf_str(out) == 0))
		rc = err_set(err, ERR_CORRUPT, "'%s/current' does not name a profile", home);
	return rc;
}

static int read_data(struct profile *p, struct err *err)
{
	char *path = yaml_path(p);
	struct buf text = { 0 };
	int rc;

	if (path == NULL)
		return err_set_nomem(err);
	rc = file_read(path, FILE_MAX, &text, err);
	if (rc == 0)
		rc = fields_from_yaml(&pv_Profile_table, path, text.data, text.len, &p->data, err);
	if (rc == 0)
		rc = check_user(p->data.user, err);
	if (rc == 0 && (str_empty(p->data.proxy) || str_empty(p->data.cluster)))
		rc = err_set(err, ERR_CORRUPT, "'%s' lacks proxy or cluster", path);
	buf_deinit(&text);
	free(path);
	return rc;
}

/* The name of the wanted profile's files. */
static int find_name(struct profile *p, const char *proxy, struct err *err)
{
	struct buf current = { 0 };
	char *address = NULL;
	int rc;

	if (proxy != NULL) {
		rc = profile_proxy_parse(proxy, &address, err);
		if (rc == 0 && (p->name = name_of(address)) == NULL)
			rc = err_set_nomem(err);
	} else {
		rc = read_current(p->home, &current, err);
		if (rc == 0 && (p->name = strdup(buf_str(&current))) == NULL)
			rc = err_set_nomem(err);
	}
	free(address);
	buf_deinit(&current);
	return rc;
}

int profile_open(struct profile *out, const char *home, const char *proxy, struct err *err)
{
	struct profile p = { 0 };
	int rc;

	p.home = strdup(home);
	rc = p.home != NULL ? find_name(&p, proxy, err) : err_set_nomem(err);
	if (rc == 0)
		rc = read_data(&p, err);
	if (rc != 0)
		profile_deinit(&p);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "not logged in; run: tsh login --proxy=%s",
		               proxy != NULL ? proxy : "HOST:PORT --user=NAME");
	if (rc == 0)
		*out = p;
	return rc;
}

int profile_check_valid(const struct profile *p, int64_t now_ms, struct err *err)
{
	char until[STR_TIME_SIZE], now[STR_TIME_SIZE];

	if (now_ms < p->data.valid_until)
		return 0;
	return err_set(err, ERR_UNAUTHENTICATED,
	               "the login of '%s' ran out at %s (it is %s here); "
	               "run: tsh login --proxy=%s --user=%s",
	               p->data.user, str_from_time(until, sizeof(until), p->data.valid_until),
	               str_from_time(now, sizeof(now), now_ms), p->data.proxy, p->data.user);
}

/* --- files ----------------------------------------------------------------------------------- */

static int make_dirs(const struct profile *p, struct err *err)
{
	char *keys = str_printf("%s/keys", p->home);
	char *own = str_printf("%s/keys/%s", p->home, p->name);
	int rc;

	if (keys == NULL || own == NULL)
		rc = err_set_nomem(err);
	else if ((rc = file_make_dir(p->home, 0700, err)) == 0 &&
	         (rc = file_make_dir(keys, 0700, err)) == 0)
		rc = file_make_dir(own, 0700, err);
	free(keys);
	free(own);
	return rc;
}

static int replace(char *take_path, const void *data, size_t len, struct err *err)
{
	int rc = take_path != NULL ? file_replace(take_path, data, len, 0600, err)
	                           : err_set_nomem(err);

	free(take_path);
	return rc;
}

int profile_save(const struct profile *p, struct err *err)
{
	struct buf text = { 0 };
	pv_Profile data = p->data; /* borrowed */
	int rc = make_dirs(p, err);

	if (p->own != NULL)
		data.cluster = p->own;
	if (rc == 0)
		rc = fields_to_yaml(&pv_Profile_table, &data, 0, &text, err);
	if (rc == 0)
		rc = replace(yaml_path(p), text.data, text.len, err);
	buf_clear(&text);
	buf_appendf(&text, "%s\n", p->name);
	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0)
		rc = replace(str_printf("%s/current", p->home), text.data, text.len, err);
	buf_deinit(&text);
	return rc;
}

int profile_read(const struct profile *p, enum profile_file file, struct buf *out, struct err *err)
{
	char *path = profile_path(p, file);
	int rc = path != NULL ? file_read(path, FILE_MAX, out, err) : err_set_nomem(err);

	free(path);
	return rc;
}

int profile_write(const struct profile *p, enum profile_file file, const void *data, size_t len,
                  struct err *err)
{
	int rc = make_dirs(p, err);

	return rc == 0 ? replace(profile_path(p, file), data, len, err) : rc;
}

static int remove_file(char *take_path, struct err *err)
{
	int rc = 0;

	if (take_path == NULL)
		return err_set_nomem(err);
	if (unlink(take_path) != 0 && errno != ENOENT)
		rc = err_set_errno(err, ERR_IO, errno, "remove '%s'", take_path);
	free(take_path);
	return rc;
}

/* `current` goes only if it names this profile. */
static int forget_current(const struct profile *p, struct err *err)
{
	struct buf current = { 0 };
	int rc = read_current(p->home, &current, err);

	if (rc == 0 && strcmp(buf_str(&current), p->name) == 0)
		rc = remove_file(str_printf("%s/current", p->home), err);
	else if (rc == ERR_NOT_FOUND)
		rc = 0;
	buf_deinit(&current);
	return rc;
}

static int remove_leaf(const struct profile *p, char *leaf, struct err *err)
{
	struct profile of_leaf = *p; /* borrowed, and so is the name */
	int rc = 0;

	of_leaf.own = p->data.cluster;
	of_leaf.data.cluster = leaf;
	for (size_t i = 0; rc == 0 && i < FILES; i++)
		if (files[i].of_leaf)
			rc = remove_file(profile_path(&of_leaf, (enum profile_file)i), err);
	return rc;
}

int profile_remove(struct profile *p, struct err *err)
{
	int rc = 0;

	for (pb_size_t i = 0; rc == 0 && i < p->data.leaves_count; i++)
		rc = remove_leaf(p, p->data.leaves[i], err);
	for (size_t i = 0; rc == 0 && i < FILES; i++)
		rc = remove_file(profile_path(p, (enum profile_file)i), err);
	if (rc == 0)
		rc = remove_file(yaml_path(p), err);
	return rc == 0 ? forget_current(p, err) : rc;
}
