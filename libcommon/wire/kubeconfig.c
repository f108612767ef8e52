#include "wire/kubeconfig.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "crypto/base64.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Understood by every kubectl since 1.11. */
#define EXEC_VERSION "client.authentication.k8s.io/v1beta1"

/* The file's lists, and under which key a row of each has its content. */
static const struct {
	const char *list;
	const char *key;
} sections[] = { { "clusters", "cluster" }, { "contexts", "context" }, { "users", "user" } };

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* --- the text ------------------------------------------------------------------------------------
 */

static int put_text(struct value *map, const char *key, const char *text, struct err *err)
{
	return value_set(map, key, value_new_text(text), err);
}

static int new_root(struct value **out, struct err *err)
{
	struct value *root = value_new(VALUE_MAP);
	int rc = root != NULL ? put_text(root, "apiVersion", "v1", err) : err_set_nomem(err);

	if (rc == 0)
		rc = put_text(root, "kind", "Config", err);
	if (rc == 0)
		*out = root;
	else
		value_free(root);
	return rc;
}

static int check_root(const char *file, const struct value *root, struct err *err)
{
	if (root->type != VALUE_MAP)
		return err_set(err, ERR_INVALID, "%s: not a kubeconfig", file);
	for (size_t i = 0; i < SECTIONS; i++) {
		const struct value *list = value_get(root, sections[i].list);

		if (list != NULL && list->type != VALUE_LIST)
			return err_set(err, ERR_INVALID, "%s:%d: '%s' is not a list", file,
			               list->line, sections[i].list);
	}
	return 0;
}

int kubeconfig_read(const char *file, const void *text, size_t len, struct value **out_root,
                    struct err *err)
{
	struct yaml_docs docs = { 0 };
	int rc = yaml_read(file, text, len, &docs, err);

	if (rc == 0 && docs.count > 1)
		rc = err_set(err, ERR_INVALID, "%s: more than one document", file);
	else if (rc == 0 && docs.count == 0)
		rc = new_root(out_root, err);
	else if (rc == 0 && (rc = check_root(file, docs.items[0], err)) == 0) {
		*out_root = docs.items[0];
		docs.count = 0;
	}
	yaml_docs_deinit(&docs);
	return rc;
}

int kubeconfig_write(const struct value *root, struct buf *out, struct err *err)
{
	return yaml_write(root, out, err);
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static struct value *find_row(struct value *root, const char *list, const char *name)
{
	struct value *rows = value_find(root, list);

	for (size_t i = 0; rows != NULL && i < rows->count; i++)
		if (str_eq(value_get_text(rows->items[i], "name"), name))
			return rows->items[i];
	return NULL;
}

/* What a command of ours looks like: kube credentials --proxy=... */
static bool is_ours(const struct value *row, const char *proxy)
{
	const struct value *args = value_get(value_get(value_get(row, "user"), "exec"), "args");
	char *option;
	bool found = false;

	if (args == NULL || args->type != VALUE_LIST || args->count < 3 ||
	    !str_eq(args->items[0]->text, "kube") || !str_eq(args->items[1]->text, "credentials"))
		return false;
	if (proxy == NULL)
		return true;
	option = str_printf("--proxy=%s", proxy);
	for (size_t i = 2; option != NULL && i < args->count; i++)
		found = found || str_eq(args->items[i]->text, option);
	free(option);
	return found;
}

static int check_free(struct value *root, const char *name, struct err *err)
{
	if (is_ours(find_row(root, "users", name), NULL))
		return 0;
	for (size_t i = 0; i < SECTIONS; i++)
		if (find_row(root, sections[i].list, name) != NULL)
			return err_set(err, ERR_EXISTS,
			               "a %s '%s' is there that is not ours: rename it",
			               sections[i].key, name);
	return 0;
}

/* A member that is a list or a map; what was no such thing (null) gives way to an empty one. */
static struct value *ensure(struct value *map, const char *key, enum value_type type,
                            struct err *err)
{
	struct value *there = value_find(map, key);

	if (there != NULL && there->type == type)
		return there;
	return value_set(map, key, value_new(type), err) == 0 ? value_find(map, key) : NULL;
}

/* The content of the row of that name, which is made if need be. */
static struct value *ensure_row(struct value *root, size_t section, const char *name,
                                struct err *err)
{
	struct value *row = find_row(root, sections[section].list, name);
	struct value *rows;

	if (row == NULL) {
		rows = ensure(root, sections[section].list, VALUE_LIST, err);
		row = value_new(VALUE_MAP);
		if (rows == NULL || value_append(rows, row, err) != 0) {
			if (rows == NULL)
				value_free(row);
			return NULL;
		}
		if (put_text(row, "name", name, err) != 0)
			return NULL;
	}
	return ensure(row, sections[section].key, VALUE_MAP, err);
}

/* --- what stands in ours -------------------------------------------------------------------------
 */

static int put_base64(struct value *map, const char *key, const char *pem, struct err *err)
{
	struct buf text = { 0 };
	int rc;

	base64_append(&text, pem, strlen(pem));
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = put_text(map, key, buf_str(&text), err);
	buf_wipe(&text);
	return rc;
}

static int fill_cluster(struct value *cluster, const struct kubeconfig_entry *e, struct err *err)
{
	char *server = str_printf("https://%s", e->proxy);
	int rc = server != NULL ? put_text(cluster, "server", server, err) : err_set_nomem(err);

	free(server);
	if (rc == 0)
		rc = put_text(cluster, "tls-server-name", e->server_name, err);
	if (rc == 0)
		rc = put_base64(cluster, "certificate-authority-data", e->authorities, err);
	return rc;
}

static int fill_context(struct value *context, const struct kubeconfig_entry *e, struct err *err)
{
	int rc = put_text(context, "cluster", e->name, err);

	return rc == 0 ? put_text(context, "user", e->name, err) : rc;
}

static int fill_args(struct value *exec, const struct kubeconfig_entry *e, struct err *err)
{
	char *proxy = str_printf("--proxy=%s", e->proxy);
	const char *const words[] = { "kube", "credentials", proxy };
	struct value *args = value_new(VALUE_LIST);
	int rc = proxy != NULL && args != NULL ? 0 : err_set_nomem(err);

	for (size_t i = 0; rc == 0 && i < sizeof(words) / sizeof(words[0]); i++)
		rc = value_append(args, value_new_text(words[i]), err);
	if (rc == 0)
		rc = value_set(exec, "args", args, err);
	else
		value_free(args);
	free(proxy);
	return rc;
}

static int fill_env(struct value *exec, const char *home, struct err *err)
{
	struct value *env = ensure(exec, "env", VALUE_LIST, err);
	struct value *row = env != NULL ? value_new(VALUE_MAP) : NULL;

	if (env == NULL || value_append(env, row, err) != 0 ||
	    put_text(row, "name", "POSTERN_HOME", err) != 0)
		return err->code;
	return put_text(row, "value", home, err);
}

static int fill_exec(struct value *user, const struct kubeconfig_entry *e, struct err *err)
{
	int rc = value_set(user, "exec", value_new(VALUE_MAP), err);
	struct value *exec = value_find(user, "exec");

	if (rc == 0)
		rc = put_text(exec, "apiVersion", EXEC_VERSION, err);
	if (rc == 0)
		rc = put_text(exec, "command", e->program, err);
	if (rc == 0)
		rc = fill_args(exec, e, err);
	if (rc == 0 && e->home != NULL)
		rc = fill_env(exec, e->home, err);
	return rc == 0 ? put_text(exec, "interactiveMode", "Never", err) : rc;
}

static int fill_user(struct value *user, const struct kubeconfig_entry *e, struct err *err)
{
	int rc;

	if (e->program != NULL)
		return fill_exec(user, e, err);
	rc = put_base64(user, "client-certificate-data", e->certificate, err);
	return rc == 0 ? put_base64(user, "client-key-data", e->key, err) : rc;
}

/* --- changes -------------------------------------------------------------------------------------
 */

int kubeconfig_put(struct value *root, const struct kubeconfig_entry *entry, struct err *err)
{
	static int (*const fill[SECTIONS])(struct value *, const struct kubeconfig_entry *,
	                                   struct err *) = { fill_cluster, fill_context,
		                                             fill_user };
	int rc = check_free(root, entry->name, err);

	for (size_t i = 0; rc == 0 && i < SECTIONS; i++) {
		struct value *content = ensure_row(root, i, entry->name, err);

		rc = content != NULL ? fill[i](content, entry, err) : err->code;
	}
	return rc;
}

static void remove_row(struct value *rows, const char *name)
{
	for (size_t i = rows != NULL ? rows->count : 0; i > 0; i--)
		if (str_eq(value_get_text(rows->items[i - 1], "name"), name))
			value_remove(rows, i - 1);
}

static int drop_entry(struct value *root, const char *name, struct err *err)
{
	int rc = 0;

	if (str_eq(value_get_text(root, "current-context"), name))
		rc = put_text(root, "current-context", "", err);
	for (size_t i = 0; rc == 0 && i < SECTIONS; i++)
		remove_row(value_find(root, sections[i].list), name);
	return rc;
}

static const char *first_to_drop(const struct value *users, const char *proxy,
                                 const struct strlist *keep)
{
	for (size_t i = 0; users != NULL && i < users->count; i++) {
		const char *name = value_get_text(users->items[i], "name");

		if (name != NULL && is_ours(users->items[i], proxy) &&
		    (keep == NULL || !strlist_has(keep, name)))
			return name;
	}
	return NULL;
}

int kubeconfig_drop(struct value *root, const char *proxy, const struct strlist *keep,
                    struct err *err)
{
	const char *name;
	int rc = 0;

	while (rc == 0 && (name = first_to_drop(value_find(root, "users"), proxy, keep)) != NULL) {
		char *copy = strdup(name); /* it goes with its row */

		rc = copy != NULL ? drop_entry(root, copy, err) : err_set_nomem(err);
		free(copy);
	}
	return rc;
}

int kubeconfig_use(struct value *root, const char *name, struct err *err)
{
	if (find_row(root, "contexts", name) == NULL)
		return err_set(err, ERR_NOT_FOUND, "no context '%s'", name);
	return put_text(root, "current-context", name, err);
}
