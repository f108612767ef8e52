#include "conf/value.h"

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const type_names[] = {
	[VALUE_NULL] = "null",    [VALUE_BOOL] = "a bool",
	[VALUE_INT] = "a number", [VALUE_OTHER_NUMBER] = "a number",
	[VALUE_TEXT] = "a text",  [VALUE_LIST] = "a list",
	[VALUE_MAP] = "a map",
};

const char *value_type_name(enum value_type type)
{
	return type_names[type];
}

struct value *value_new(enum value_type type)
{
	struct value *v = calloc(1, sizeof(*v));

	if (v != NULL)
		v->type = type;
	return v;
}

static struct value *new_scalar(enum value_type type, const char *text, int64_t number)
{
	struct value *v = value_new(type);

	if (v == NULL)
		return NULL;
	v->number = number;
	v->text = strdup(text);
	if (v->text == NULL) {
		free(v);
		return NULL;
	}
	return v;
}

struct value *value_new_text(const char *text)
{
	return new_scalar(VALUE_TEXT, text, 0);
}

struct value *value_new_plain(const char *text)
{
	int64_t number;
	enum value_type type = value_resolve(text, &number);

	return new_scalar(type, text, number);
}

struct value *value_new_int(int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	return new_scalar(VALUE_INT, text, number);
}

struct value *value_new_bool(bool truth)
{
	return new_scalar(VALUE_BOOL, truth ? "true" : "false", truth);
}

static void free_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void value_free(struct value *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->count; i++)
		value_free(v->items[i]);
	free(v->items);
	free(v->key);
	free_text(v->text);
	free(v);
}

int value_append(struct value *list, struct value *take_item, struct err *err)
{
	struct value **items;

	if (take_item == NULL)
		return err_set_nomem(err);
	/* Room doubles: it is full whenever the count is a power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		items = realloc(list->items,
		                (list->count > 0 ? 2 * list->count : 1) * sizeof(struct value *));
		if (items == NULL) {
			value_free(take_item);
			return err_set_nomem(err);
		}
		list->items = items;
	}
	list->items[list->count++] = take_item;
	return 0;
}

int value_put(struct value *map, const char *key, struct value *take_item, struct err *err)
{
	if (take_item == NULL)
		return err_set_nomem(err);
	take_item->key = strdup(key);
	if (take_item->key == NULL) {
		value_free(take_item);
		return err_set_nomem(err);
	}
	return value_append(map, take_item, err);
}

static struct value **find(const struct value *map, const char *key)
{
	if (map == NULL || map->type != VALUE_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->items[i]->key, key) == 0)
			return &map->items[i];
	return NULL;
}

int value_set(struct value *map, const char *key, struct value *take_item, struct err *err)
{
	struct value **there = find(map, key);

	if (there == NULL || take_item == NULL)
		return value_put(map, key, take_item, err);
	take_item->key = (*there)->key;
	(*there)->key = NULL;
	value_free(*there);
	*there = take_item;
	return 0;
}

void value_remove(struct value *from, size_t index)
{
	value_free(from->items[index]);
	from->count--;
	for (size_t i = index; i < from->count; i++)
		from->items[i] = from->items[i + 1];
}

struct value *value_find(struct value *map, const char *key)
{
	struct value **there = find(map, key);

	return there != NULL ? *there : NULL;
}

const struct value *value_get(const struct value *map, const char *key)
{
	struct value *const *there = find(map, key);

	return there != NULL && (*there)->type != VALUE_NULL ? *there : NULL;
}

const char *value_get_text(const struct value *map, const char *key)
{
	const struct value *v = value_get(map, key);

	return v != NULL ? v->text : NULL;
}

/* The member whose key the path begins with, moved behind; keys may hold dots themselves. */
static const struct value *member_at(const struct value *map, const char **path)
{
	const struct value *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < map->count; i++) {
		size_t len = strlen(map->items[i]->key);

		if (len > best_len && strncmp(map->items[i]->key, *path, len) == 0 &&
		    strchr(".[: ", (*path)[len]) != NULL) {
			best = map->items[i];
			best_len = len;
		}
	}
	*path += best_len;
	return best;
}

static const struct value *item_at(const struct value *list, const char **path)
{
	char *end;
	unsigned long i;

	if (**path != '[')
		return NULL;
	i = strtoul(*path + 1, &end, 10);
	if (*end != ']' || i >= list->count)
		return NULL;
	*path = end + 1;
	return list->items[i];
}

int value_line_at(const struct value *root, const char *path)
{
	int line = root->line;

	while (root != NULL) {
		path += strspn(path, ".: ");
		if (root->type == VALUE_MAP)
			root = member_at(root, &path);
		else
			root = root->type == VALUE_LIST ? item_at(root, &path) : NULL;
		if (root != NULL && root->line > 0)
			line = root->key_line > 0 ? root->key_line : root->line;
	}
	return line;
}

static const struct {
	const char *word;
	bool truth;
} bools[] = {
	{ "true", true },   { "yes", true }, { "on", true },
	{ "false", false }, { "no", false }, { "off", false },
};

static bool text_to_bool(const char *text, bool *out)
{
	for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
		if (strcasecmp(text, bools[i].word) == 0) {
			*out = bools[i].truth;
			return true;
		}
	}
	return false;
}

bool value_to_bool(const struct value *v, bool *out)
{
	return v->text != NULL && text_to_bool(v->text, out);
}

static bool is_null(const char *text)
{
	return *text == 0 || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

/* Fractions, octal, hexadecimal and binary numbers, infinities; underscores as YAML 1.1 has them.
 */
static bool is_other_number(const char *text)
{
	const char *s = text + (*text == '-' || *text == '+');
	char *end;

	if (strcasecmp(s, ".inf") == 0 || strcasecmp(text, ".nan") == 0)
		return true;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'b' || s[1] == 'o'))
		return s[2] != 0 && s[2 + strspn(s + 2, "0123456789abcdefABCDEF_")] == 0;
	if (*s < '0' || *s > '9') {
		if (*s != '.' || s[1] < '0' || s[1] > '9')
			return false;
	}
	if (s[strspn(s, "0123456789_")] == 0)
		return true;
	if (s[strspn(s, "0123456789+-.eE")] != 0)
		return false;
	strtod(s, &end);
	return *end == 0;
}

enum value_type value_resolve(const char *text, int64_t *out_number)
{
	const char *digits = text + (*text == '-');
	struct err ignored;
	bool truth;

	*out_number = 0;
	if (is_null(text))
		return VALUE_NULL;
	if (text_to_bool(text, &truth)) {
		*out_number = truth;
		return VALUE_BOOL;
	}
	/* 0660 means two things: see struct value */
	if ((digits[0] != '0' || digits[1] == 0) &&
	    str_to_i64(text, INT64_MIN, INT64_MAX, out_number, &ignored) == 0)
		return VALUE_INT;
	*out_number = 0;
	return is_other_number(text) ? VALUE_OTHER_NUMBER : VALUE_TEXT;
}
