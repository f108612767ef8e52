/*
 * value - a parsed YAML or JSON text: null, bool, integer, text, list or map,
 * each with the line it came from. What reads a text makes values, what
 * understands one (conf, wire/fields) takes them, so neither knows the other.
 *
 * A YAML scalar without quotes is typed as YAML 1.1 says (12 is an integer, `yes` a bool);
 * its spelling stays in `text`, for readers that want a string all the same.
 *
 * A tree has at most VALUE_DEPTH_MAX levels and VALUE_COUNT_MAX values.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define VALUE_DEPTH_MAX 64
#define VALUE_COUNT_MAX 100000

enum value_type {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_OTHER_NUMBER, /* 1.5, 0660, 0x1f: only its spelling counts */
	VALUE_TEXT,
	VALUE_LIST,
	VALUE_MAP,
};

struct value {
	enum value_type type;
	int line;             /* from 1; 0 = unknown */
	char *text;           /* every scalar: its spelling; NULL for lists and maps */
	int64_t number;       /* VALUE_BOOL (0 or 1) and VALUE_INT */
	char *key;            /* members of a map; NULL otherwise */
	int key_line;         /* where the key stands */
	struct value **items; /* VALUE_LIST and VALUE_MAP, in the order of the text */
	size_t count;
};

/* NULL when memory runs out. The text is copied. */
struct value *value_new(enum value_type type);
struct value *value_new_text(const char *text);
struct value *value_new_plain(const char *text); /* typed as YAML types it without quotes */
struct value *value_new_int(int64_t number);
struct value *value_new_bool(bool truth);
void value_free(struct value *v); /* texts are wiped: they may hold secrets */

/* Appends to a list, or to a map under a copy of `key`, which is not in the map yet; frees
 * take_item on failure (NULL is ERR_NOMEM, so that constructors nest). */
int value_append(struct value *list, struct value *take_item, struct err *err);
int value_put(struct value *map, const char *key, struct value *take_item, struct err *err);

/* The same in the place of a member of that name, if there is one. */
int value_set(struct value *map, const char *key, struct value *take_item, struct err *err);

/* Takes an item out of its list or map and frees it. */
void value_remove(struct value *from, size_t index);

/* A map's member to be changed; NULL when absent, or when `map` is no map. */
struct value *value_find(struct value *map, const char *key);

/* A map's member; NULL when absent, null, or when `map` is no map. */
const struct value *value_get(const struct value *map, const char *key);

/* The member's spelling when it is a scalar, else NULL. */
const char *value_get_text(const struct value *map, const char *key);

/* The line of what a path leads to ("spec.allow.rules[2].verbs: and more"), or of the nearest above
 * it that is there; 0 = unknown. */
int value_line_at(const struct value *root, const char *path);

/* The type that YAML gives to a scalar without quotes; *out_number as in struct value. */
enum value_type value_resolve(const char *text, int64_t *out_number);

/* Whether a scalar reads as a YAML 1.1 boolean: yes, no, on, off, true, false in any quotes. */
bool value_to_bool(const struct value *v, bool *out);

/* "a number", "a list", ... for messages. */
const char *value_type_name(enum value_type type);

#endif
