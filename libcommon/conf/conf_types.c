#include "conf/conf_types.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* --- scalars ------------------------------------------------------------------------------------
 */

static int not_a(const struct value *v, const char *what, struct err *err)
{
	if (v->text == NULL)
		return err_set(err, ERR_INVALID, "%s is not %s", value_type_name(v->type), what);
	return err_set(err, ERR_INVALID, "'%s' is not %s", v->text, what);
}

static int copy_text(const struct value *v, char **at, struct err *err)
{
	*at = strdup(v->text);
	return *at != NULL ? 0 : err_set_nomem(err);
}

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);
	const char *at = choices;

	for (;;) {
		size_t choice_len = strcspn(at, "|");

		if (choice_len == len && memcmp(at, text, len) == 0)
			return true;
		if (at[choice_len] == 0)
			return false;
		at += choice_len + 1;
	}
}

static int set_string(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	if (v->text == NULL)
		return not_a(v, "a text", err);
	if (key->choices != NULL && !is_choice(key->choices, v->text))
		return err_set(err, ERR_INVALID, "'%s' is not one of %s", v->text, key->choices);
	return copy_text(v, at, err);
}

static int set_path(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	(void)key;
	if (v->text == NULL || v->text[0] != '/')
		return not_a(v, "an absolute path", err);
	return copy_text(v, at, err);
}

static int set_bool(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	(void)key;
	return value_to_bool(v, at) ? 0 : not_a(v, "a bool (write yes or no)", err);
}

/* `show` writes a bound as the file would have it. */
static int check_range(const struct conf_key *key, const struct value *v, int64_t number,
                       char *(*show)(char *, size_t, int64_t), struct err *err)
{
	int64_t max = key->min == 0 && key->max == 0 ? INT64_MAX : key->max;
	char bound[STR_DURATION_SIZE];

	if (number < key->min)
		return err_set(err, ERR_INVALID, "'%s' is too little (at least %s)", v->text,
		               show(bound, sizeof(bound), key->min));
	if (number > max)
		return err_set(err, ERR_INVALID, "'%s' is too much (at most %s)", v->text,
		               show(bound, sizeof(bound), max));
	return 0;
}

static char *show_number(char *dst, size_t size, int64_t number)
{
	snprintf(dst, size, "%" PRId64, number);
	return dst;
}

static int set_int(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	int64_t *out = at;
	struct err ignored;

	if (v->text == NULL || str_to_i64(v->text, INT64_MIN, INT64_MAX, out, &ignored) != 0)
		return not_a(v, "a number", err);
	return check_range(key, v, *out, show_number, err);
}

static int set_duration(const struct conf_key *key, const struct value *v, void *at,
                        struct err *err)
{
	int rc;

	if (v->text == NULL)
		return not_a(v, "a duration", err);
	rc = str_to_duration(v->text, at, err);
	return rc != 0 ? rc : check_range(key, v, *(int64_t *)at, str_from_duration, err);
}

static const struct {
	const char *name;
	int64_t bytes;
} size_units[] = {
	{ "GB", 1 << 30 }, { "MB", 1 << 20 }, { "KB", 1 << 10 }, { "B", 1 }, { "", 1 },
};

static int text_to_size(const char *text, int64_t *out)
{
	char digits[24];
	struct err ignored;

	for (size_t i = 0; i < sizeof(size_units) / sizeof(size_units[0]); i++) {
		size_t len = strlen(text) - strlen(size_units[i].name);

		if (!str_ends(text, size_units[i].name))
			continue;
		if (len >= sizeof(digits))
			return ERR_INVALID;
		memcpy(digits, text, len);
		digits[len] = 0;
		if (str_to_i64(digits, 0, INT64_MAX / size_units[i].bytes, out, &ignored) != 0)
			return ERR_INVALID;
		*out *= size_units[i].bytes;
		return 0;
	}
	return ERR_INVALID;
}

static char *show_size(char *dst, size_t size, int64_t bytes)
{
	size_t unit = 0;

	while (bytes % size_units[unit].bytes != 0)
		unit++;
	snprintf(dst, size, "%" PRId64 "%s", bytes / size_units[unit].bytes, size_units[unit].name);
	return dst;
}

static int set_size(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	if (v->text == NULL || text_to_size(v->text, at) != 0)
		return not_a(v, "a size (write '64KB', '10MB' or '2GB')", err);
	return check_range(key, v, *(int64_t *)at, show_size, err);
}

static int set_mode(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	size_t len = v->text != NULL ? strlen(v->text) : 0;

	(void)key;
	if (len < 3 || len > 5 || strspn(v->text, "01234567") != len ||
	    strtoul(v->text, NULL, 8) > 07777)
		return not_a(v, "a file mode (write 0660)", err);
	*(mode_t *)at = (mode_t)strtoul(v->text, NULL, 8);
	return 0;
}

static int set_addr(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	char port[24];

	if (v->text == NULL)
		return not_a(v, "an address", err);
	show_number(port, sizeof(port), key->min);
	return conf_addr_parse(v->text, key->min != 0 ? port : NULL, at, err);
}

/* --- lists and maps -----------------------------------------------------------------------------
 */

static void free_list(void *at)
{
	struct conf_list *list = at;

	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static int set_list(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	struct conf_list *list = at;
	const struct value *const *items = v->type == VALUE_LIST ? (void *)v->items : &v;
	size_t count = v->type == VALUE_LIST ? v->count : 1;

	(void)key;
	list->items = calloc(count + 1, sizeof(char *));
	if (list->items == NULL)
		return err_set_nomem(err);
	for (; list->count < count; list->count++) {
		if (items[list->count]->text == NULL)
			return not_a(items[list->count], "a text", err);
		if (copy_text(items[list->count], &list->items[list->count], err) != 0)
			return err->code;
	}
	return 0;
}

static void free_map(void *at)
{
	struct conf_map *map = at;

	for (size_t i = 0; i < map->count; i++) {
		free(map->items[i].key);
		free(map->items[i].value);
	}
	free(map->items);
}

static int set_map(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	struct conf_map *map = at;

	(void)key;
	if (v->type != VALUE_MAP)
		return not_a(v, "a map", err);
	map->items = calloc(v->count + 1, sizeof(struct conf_pair));
	if (map->items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < v->count; i++) {
		struct conf_pair *pair = &map->items[map->count];

		if (v->items[i]->text == NULL)
			return not_a(v->items[i], "a text", err);
		map->count++;
		pair->key = strdup(v->items[i]->key);
		if (pair->key == NULL || copy_text(v->items[i], &pair->value, err) != 0)
			return err_set_nomem(err);
	}
	return 0;
}

int conf_blocks_set(const char *file, const struct conf_key *key, const struct value *v, void *at,
                    struct err *err)
{
	struct conf_blocks *blocks = at;
	uint8_t *items;
	int rc = 0;

	if (v->type != VALUE_LIST)
		return err_set(err, ERR_INVALID, "%s:%d: %s: %s is not a list", file, v->line,
		               key->name, value_type_name(v->type));
	items = blocks->items = calloc(v->count + 1, key->block_size);
	if (items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < v->count; i++) {
		rc = conf_from_value(key->blocks, file, v->items[i], items + i * key->block_size,
		                     err);
		blocks->count += rc == 0;
	}
	return rc;
}

static void free_blocks(const struct conf_key *key, struct conf_blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++)
		conf_deinit(key->blocks, (uint8_t *)blocks->items + i * key->block_size);
	free(blocks->items);
}

/* --- the table of types -------------------------------------------------------------------------
 */

static void free_string(void *at)
{
	char *text = *(char **)at;

	if (text != NULL)
		explicit_bzero(text, strlen(text)); /* it may be a secret */
	free(text);
}

static void free_addr(void *at)
{
	conf_addr_deinit(at);
}

static const struct {
	size_t size;
	int (*set)(const struct conf_key *key, const struct value *v, void *at, struct err *err);
	void (*free)(void *at); /* NULL: nothing to free */
} types[] = {
	[CONF_STRING] = { sizeof(char *), set_string, free_string },
	[CONF_PATH] = { sizeof(char *), set_path, free_string },
	[CONF_BOOL] = { sizeof(bool), set_bool, NULL },
	[CONF_INT] = { sizeof(int64_t), set_int, NULL },
	[CONF_DURATION] = { sizeof(int64_t), set_duration, NULL },
	[CONF_SIZE] = { sizeof(int64_t), set_size, NULL },
	[CONF_MODE] = { sizeof(mode_t), set_mode, NULL },
	[CONF_ADDR] = { sizeof(struct conf_addr), set_addr, free_addr },
	[CONF_LIST] = { sizeof(struct conf_list), set_list, free_list },
	[CONF_MAP] = { sizeof(struct conf_map), set_map, free_map },
	[CONF_BLOCKS] = { sizeof(struct conf_blocks), NULL, NULL },
};

size_t conf_type_size(const struct conf_key *key)
{
	return types[key->type].size;
}

int conf_type_set(const struct conf_key *key, const struct value *v, void *at, struct err *err)
{
	return types[key->type].set(key, v, at, err);
}

static bool is_scalar(enum conf_type type)
{
	return type != CONF_LIST && type != CONF_MAP && type != CONF_BLOCKS;
}

int conf_type_set_default(const struct conf_key *key, void *at, struct err *err)
{
	struct yaml_docs docs = { 0 };
	struct value *scalar = NULL;
	int rc = 0;

	assert(key->type != CONF_BLOCKS); /* an empty list is the only default */
	if (is_scalar(key->type))
		scalar = value_new_text(key->value);
	else
		rc = yaml_read(key->name, key->value, strlen(key->value), &docs, err);
	if (rc == 0 && scalar == NULL && docs.count == 0)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = conf_type_set(key, scalar != NULL ? scalar : docs.items[0], at, err);
	value_free(scalar);
	yaml_docs_deinit(&docs);
	assert(rc == 0 || rc == ERR_NOMEM);
	return rc;
}

void conf_type_free(const struct conf_key *key, void *at)
{
	if (key->type == CONF_BLOCKS)
		free_blocks(key, at);
	else if (types[key->type].free != NULL)
		types[key->type].free(at);
	memset(at, 0, types[key->type].size);
}
