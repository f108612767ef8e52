#include "conf/conf.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/conf_types.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "file/file.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 128

struct load {
	const char *file;
	const struct conf_key *keys;
	uint8_t *conf;
	struct err *err;
};

static void *member(const struct conf_key *key, void *conf)
{
	return (uint8_t *)conf + key->offset;
}

/* --- from a tree of values to the struct --------------------------------------------------------
 */

static int set_member(const struct load *l, const struct conf_key *key, const struct value *v)
{
	void *at = member(key, l->conf);

	conf_type_free(key, at); /* the default */
	if (key->type == CONF_BLOCKS)
		return conf_blocks_set(l->file, key, v, at, l->err);
	if (conf_type_set(key, v, at, l->err) == 0)
		return 0;
	return err_wrap(l->err, "%s:%d: %s", l->file, v->line, key->name);
}

static const struct conf_key *find_key(const struct conf_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

/* Whether `name` is a level above some keys: "certs" of "certs.ttl". */
static bool is_level(const struct conf_key *keys, const char *name)
{
	size_t len = strlen(name);

	for (; keys->name != NULL; keys++)
		if (strncmp(keys->name, name, len) == 0 && keys->name[len] == '.')
			return true;
	return false;
}

static int unknown_key(const struct load *l, const struct value *v, const char *name)
{
	struct suggest s;

	suggest_init(&s, name);
	for (const struct conf_key *key = l->keys; key->name != NULL; key++)
		suggest_offer(&s, key->name);
	if (s.best == NULL)
		return err_set(l->err, ERR_INVALID, "%s:%d: %s: unknown key", l->file, v->key_line,
		               name);
	return err_set(l->err, ERR_INVALID, "%s:%d: %s: unknown key, did you mean %s?", l->file,
	               v->key_line, name, s.best);
}

static int load_level(const struct load *l, const char *prefix, const struct value *map)
{
	char name[NAME_MAX_LEN];
	int rc = 0;

	if (map->type != VALUE_MAP)
		return err_set(l->err, ERR_INVALID, "%s:%d: %.*s%s%s is not a map of keys", l->file,
		               map->line, (int)(strlen(prefix) - !str_empty(prefix)), prefix,
		               str_empty(prefix) ? "" : ": ", value_type_name(map->type));
	for (size_t i = 0; rc == 0 && i < map->count; i++) {
		const struct value *v = map->items[i];
		const struct conf_key *key;

		snprintf(name, sizeof(name), "%s%s", prefix, v->key);
		key = find_key(l->keys, name);
		if (key == NULL && !is_level(l->keys, name)) {
			rc = unknown_key(l, v, name);
		} else if (v->type == VALUE_NULL) {
			continue; /* a key without a value keeps its default */
		} else if (key != NULL) {
			rc = set_member(l, key, v);
		} else {
			strncat(name, ".", sizeof(name) - strlen(name) - 1);
			rc = load_level(l, name, v);
		}
	}
	return rc;
}

static bool is_given(const struct value *map, const char *name)
{
	char level[NAME_MAX_LEN];
	const char *dot = strchr(name, '.');

	if (map == NULL || dot == NULL)
		return value_get(map, name) != NULL;
	snprintf(level, sizeof(level), "%.*s", (int)(dot - name), name);
	return is_given(value_get(map, level), dot + 1);
}

static int check_required(const struct load *l, const struct value *root)
{
	for (const struct conf_key *key = l->keys; key->name != NULL; key++)
		if (key->required && !is_given(root, key->name))
			return err_set(l->err, ERR_INVALID, "%s:%d: %s: is required (%s)", l->file,
			               root != NULL ? root->line : 1, key->name, key->help);
	return 0;
}

static void set_empty(const struct conf_key *keys, void *conf)
{
	for (const struct conf_key *key = keys; key->name != NULL; key++)
		memset(member(key, conf), 0, conf_type_size(key));
}

static int set_defaults(const struct conf_key *keys, void *conf, struct err *err)
{
	int rc = 0;

	for (const struct conf_key *key = keys; rc == 0 && key->name != NULL; key++)
		if (key->value != NULL)
			rc = conf_type_set_default(key, member(key, conf), err);
	return rc;
}

int conf_from_value(const struct conf_key *keys, const char *file, const struct value *root,
                    void *conf, struct err *err)
{
	struct load l = { .file = file, .keys = keys, .conf = conf, .err = err };
	int rc;

	set_empty(keys, conf);
	rc = set_defaults(keys, conf, err);
	if (rc == 0 && root != NULL)
		rc = load_level(&l, "", root);
	if (rc == 0)
		rc = check_required(&l, root);
	if (rc != 0)
		conf_deinit(keys, conf);
	return rc;
}

/* --- from a file --------------------------------------------------------------------------------
 */

int conf_parse(const struct conf_key *keys, const char *file, const char *text, size_t len,
               void *conf, struct err *err)
{
	struct yaml_docs docs = { 0 };
	int rc;

	set_empty(keys, conf);
	rc = yaml_read(file, text, len, &docs, err);
	if (rc != 0)
		return rc;
	if (docs.count > 1)
		rc = err_set(err, ERR_INVALID, "%s:%d: a second document", file,
		             docs.items[1]->line);
	else
		rc = conf_from_value(keys, file, docs.count > 0 ? docs.items[0] : NULL, conf, err);
	yaml_docs_deinit(&docs);
	return rc;
}

int conf_load(const struct conf_key *keys, const char *file, void *conf, struct err *err)
{
	struct buf text = { 0 };
	int rc;

	set_empty(keys, conf);
	rc = file_read(file, YAML_SIZE_MAX, &text, err);
	if (rc == 0)
		rc = conf_parse(keys, file, buf_str(&text), text.len, conf, err);
	buf_wipe(&text);
	return rc;
}

void conf_deinit(const struct conf_key *keys, void *conf)
{
	for (const struct conf_key *key = keys; key->name != NULL; key++)
		conf_type_free(key, member(key, conf));
}
