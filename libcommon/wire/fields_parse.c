/* fields_parse - from a tree of values to a message: the reading half of the text forms. */
#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "crypto/base64.h"
#include "wire/fields_choice.h"
#include "wire/fields_slot.h"
#include "wire/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 256

#define NS_PER_MS 1000000

struct parser {
	const char *file;     /* NULL: no place in messages */
	char path[PATH_SIZE]; /* "spec.allow.rules[2]"; cut when too long */
	size_t path_len;
	struct err *err;
};

static int parse_message(struct parser *p, const struct fields_table *t, const struct value *v,
                         void *msg);

/* --- where we are -------------------------------------------------------------------------------
 */

/* Both return the length to go back to. */
static size_t enter_name(struct parser *p, const char *name)
{
	size_t before = p->path_len;

	snprintf(p->path + before, PATH_SIZE - before, "%s%s", before > 0 ? "." : "", name);
	p->path_len = strlen(p->path);
	return before;
}

static size_t enter_index(struct parser *p, size_t i)
{
	size_t before = p->path_len;

	snprintf(p->path + before, PATH_SIZE - before, "[%zu]", i);
	p->path_len = strlen(p->path);
	return before;
}

static void leave(struct parser *p, size_t before)
{
	p->path_len = before;
	p->path[before] = 0;
}

/* Puts place and path in front of the message. */
static int fail_here(struct parser *p, int line)
{
	if (p->path_len > 0)
		err_wrap(p->err, "%s", p->path);
	if (p->file != NULL && line > 0)
		err_wrap(p->err, "%s:%d", p->file, line);
	else if (p->file != NULL)
		err_wrap(p->err, "%s", p->file); /* JSON's values know no line */
	return p->err->code;
}

/* --- scalars ------------------------------------------------------------------------------------
 */

/* How a message names the value it refuses; secrets stay unnamed. */
static int not_a(struct parser *p, const struct fields_field *field, const struct value *v,
                 const char *what)
{
	if (v->text == NULL || v->type == VALUE_NULL || fields_is_secret(field))
		return err_set(p->err, ERR_INVALID, "%s is not %s", value_type_name(v->type), what);
	return err_set(p->err, ERR_INVALID, "'%s' is not %s", v->text, what);
}

/* Whatever stands there, as its JSON text. */
static int parse_any(struct parser *p, const struct value *v, char **field)
{
	struct buf text = { 0 };
	int rc = json_write(v, false, &text, p->err);

	if (rc == 0)
		rc = fields_set_str(field, buf_str(&text), p->err);
	buf_wipe(&text);
	return rc;
}

static int parse_string(struct parser *p, const struct fields_slot *s, const struct value *v,
                        void *at)
{
	if (fields_is_any(s->field))
		return parse_any(p, v, at);
	if (s->field->choices != NULL)
		return fields_choice_set(s->field->choices, v, at, p->err);
	if (v->type == VALUE_BOOL || v->type == VALUE_INT || v->type == VALUE_OTHER_NUMBER)
		return not_a(p, s->field, v, "a text, put it in quotes");
	if (v->type != VALUE_TEXT)
		return not_a(p, s->field, v, "a text");
	return fields_set_str(at, v->text, p->err);
}

static int parse_bool(struct parser *p, const struct fields_slot *s, const struct value *v,
                      void *at)
{
	return value_to_bool(v, at) ? 0 : not_a(p, s->field, v, "a bool");
}

static int parse_number(struct parser *p, const struct fields_field *field, const struct value *v,
                        int64_t *out)
{
	*out = v->number;
	if (v->type == VALUE_TEXT)
		return str_to_i64(v->text, INT64_MIN, INT64_MAX, out, p->err);
	return v->type == VALUE_INT ? 0 : not_a(p, field, v, "a whole number");
}

/* Go writes a time that is not set as the first one there was. */
static bool is_unset_time(const struct value *v)
{
	return v->text != NULL && strcmp(v->text, "0001-01-01T00:00:00Z") == 0;
}

static int parse_time(struct parser *p, const struct fields_field *field, const struct value *v,
                      int64_t *out)
{
	*out = 0;
	if (is_unset_time(v))
		return 0;
	return v->type == VALUE_TEXT ? str_to_time(v->text, out, p->err)
	                             : not_a(p, field, v, "a time");
}

/* A bare number is nanoseconds, as Go writes durations in JSON; what is less than a millisecond was
 * meant to have a unit, and must not become "none". */
static int parse_duration(struct parser *p, const struct fields_field *field, const struct value *v,
                          int64_t *out)
{
	if (v->type == VALUE_INT && v->number >= NS_PER_MS) {
		*out = v->number / NS_PER_MS;
		return 0;
	}
	return v->text != NULL ? str_to_duration(v->text, out, p->err)
	                       : not_a(p, field, v, "a duration");
}

static int (*const parse_by_format[])(struct parser *p, const struct fields_field *field,
                                      const struct value *v, int64_t *out) = {
	[FIELDS_PLAIN] = parse_number, [FIELDS_DURATION] = parse_duration,
	[FIELDS_TIME] = parse_time,    [FIELDS_SECRET] = parse_number,
	[FIELDS_ANY] = parse_number,   [FIELDS_ANY_SECRET] = parse_number,
};

static int parse_int(struct parser *p, const struct fields_slot *s, const struct value *v, void *at)
{
	int64_t number;
	int rc;

	rc = parse_by_format[s->field->format](p, s->field, v, &number);
	if (rc == 0 && !fields_int_set(s, at, number))
		rc = not_a(p, s->field, v, "within 32 bits");
	return rc;
}

static int parse_uint(struct parser *p, const struct fields_slot *s, const struct value *v,
                      void *at)
{
	unsigned long long number;
	char *end;

	if ((v->type != VALUE_INT && v->type != VALUE_TEXT) || v->text[0] < '0' || v->text[0] > '9')
		return not_a(p, s->field, v, "a whole number from 0 on");
	errno = 0;
	number = strtoull(v->text, &end, 10);
	if (*end != 0 || errno != 0 || !fields_uint_set(s, at, number))
		return not_a(p, s->field, v, "a whole number that fits");
	return 0;
}

static int parse_enum(struct parser *p, const struct fields_slot *s, const struct value *v,
                      void *at)
{
	struct suggest near;

	if (v->type == VALUE_INT && fields_int_set(s, at, v->number))
		return 0;
	if (v->text == NULL)
		return not_a(p, s->field, v, "a name");
	suggest_init(&near, v->text);
	for (const struct fields_enum *name = s->field->values; name->name != NULL; name++) {
		if (strcmp(name->name, v->text) == 0) {
			fields_int_set(s, at, name->value);
			return 0;
		}
		suggest_offer(&near, name->name);
	}
	if (near.best == NULL)
		return not_a(p, s->field, v, "one of its names");
	return err_set(p->err, ERR_INVALID, "'%s' is unknown, did you mean %s?", v->text,
	               near.best);
}

static int parse_bytes(struct parser *p, const struct fields_slot *s, const struct value *v,
                       void *at)
{
	struct buf bytes = { 0 };
	struct err why;
	int rc;

	if (v->type != VALUE_TEXT || base64_decode(v->text, strlen(v->text), &bytes, &why) != 0)
		rc = err_set(p->err, ERR_INVALID, "%s is not base64", value_type_name(v->type));
	else
		rc = fields_set_bytes(at, bytes.data, bytes.len, p->err);
	(void)s;
	buf_wipe(&bytes);
	return rc;
}

static int parse_sub_message(struct parser *p, const struct fields_slot *s, const struct value *v,
                             void *at)
{
	return parse_message(p, s->field->message, v, at);
}

static int (*const parse_by_type[])(struct parser *p, const struct fields_slot *s,
                                    const struct value *v, void *at) = {
	[FIELDS_BOOL] = parse_bool,           [FIELDS_INT] = parse_int,
	[FIELDS_UINT] = parse_uint,           [FIELDS_ENUM] = parse_enum,
	[FIELDS_STRING] = parse_string,       [FIELDS_BYTES] = parse_bytes,
	[FIELDS_MESSAGE] = parse_sub_message,
};

/* --- fields -------------------------------------------------------------------------------------
 */

/* One item, or the only one. A sub-message places its own failures. */
static int parse_item(struct parser *p, struct fields_slot *s, const struct value *v)
{
	void *at = fields_slot_add(s, p->err);
	int rc;

	if (at == NULL)
		return fail_here(p, v->line);
	rc = parse_by_type[s->field->type](p, s, v, at);
	return rc != 0 && s->field->type != FIELDS_MESSAGE ? fail_here(p, v->line) : rc;
}

int fields_slot_parse(struct fields_slot *s, const struct value *v, struct err *err)
{
	struct parser p = { .err = err };

	return parse_item(&p, s, v);
}

static int parse_list(struct parser *p, struct fields_slot *s, const struct value *v)
{
	int rc = 0;

	if (v->type != VALUE_LIST)
		return parse_item(p, s, v);
	for (size_t i = 0; rc == 0 && i < v->count; i++) {
		size_t before = enter_index(p, i);

		rc = parse_item(p, s, v->items[i]);
		leave(p, before);
	}
	return rc;
}

static int parse_entry(struct parser *p, const struct fields_table *entry, const struct value *v,
                       void *msg)
{
	struct fields_slot slot;

	fields_slot_init(&slot, entry, 0, msg);
	if (fields_set_str(fields_slot_add(&slot, p->err), v->key, p->err) != 0)
		return fail_here(p, v->key_line);
	fields_slot_init(&slot, entry, 1, msg);
	return parse_item(p, &slot, v);
}

static int parse_map(struct parser *p, struct fields_slot *s, const struct value *v)
{
	int rc = 0;

	if (v->type != VALUE_MAP) {
		not_a(p, s->field, v, "a map");
		return fail_here(p, v->line);
	}
	for (size_t i = 0; rc == 0 && i < v->count; i++) {
		size_t before = enter_name(p, v->items[i]->key);
		void *entry = fields_slot_add(s, p->err);

		rc = entry == NULL ? fail_here(p, v->items[i]->key_line)
		                   : parse_entry(p, s->field->message, v->items[i], entry);
		leave(p, before);
	}
	return rc;
}

/* --- messages -----------------------------------------------------------------------------------
 */

static int unknown_field(struct parser *p, const struct fields_table *t, const struct value *v)
{
	int above = (int)p->path_len;
	const char *dot = above > 0 ? "." : "";
	struct suggest near;

	suggest_init(&near, v->key);
	for (size_t i = 0; i < t->count; i++)
		suggest_offer(&near, t->fields[i].name);
	err_set(p->err, ERR_INVALID, "unknown field");
	if (near.best != NULL)
		err_set(p->err, ERR_INVALID, "unknown field, did you mean %.*s%s%s?", above,
		        p->path, dot, near.best);
	enter_name(p, v->key);
	return fail_here(p, v->key_line);
}

static bool find_field(const struct fields_table *t, const char *name, size_t *out)
{
	for (*out = 0; *out < t->count; (*out)++)
		if (strcmp(t->fields[*out].name, name) == 0)
			return true;
	return false;
}

/* One of a oneof may be given, and only one. */
static bool is_taken(const struct fields_slot *s)
{
	return s->field->shape == FIELDS_ONEOF && *fields_slot_which(s) != 0;
}

static int parse_field(struct parser *p, const struct fields_table *t, size_t i,
                       const struct value *v, void *msg)
{
	struct fields_slot slot;

	fields_slot_init(&slot, t, i, msg);
	if (is_taken(&slot)) {
		err_set(p->err, ERR_INVALID, "only one of its kind may be given");
		return fail_here(p, v->key_line);
	}
	if (slot.field->shape == FIELDS_MAP)
		return parse_map(p, &slot, v);
	if (slot.field->shape == FIELDS_REPEATED)
		return parse_list(p, &slot, v);
	return parse_item(p, &slot, v);
}

static int parse_strings(struct parser *p, const struct fields_table *t, const struct value *v,
                         void *msg)
{
	struct fields_slot slot;

	if (v->type == VALUE_NULL)
		return 0;
	fields_slot_init(&slot, t, 0, msg);
	return parse_list(p, &slot, v);
}

static int parse_message(struct parser *p, const struct fields_table *t, const struct value *v,
                         void *msg)
{
	int rc = 0;

	if (t->is_strings)
		return parse_strings(p, t, v, msg);
	if (v->type != VALUE_MAP) {
		err_set(p->err, ERR_INVALID, "%s is not a map of fields", value_type_name(v->type));
		return fail_here(p, v->line);
	}
	for (size_t i = 0; rc == 0 && i < v->count; i++) {
		const struct value *item = v->items[i];
		size_t before;
		size_t field;

		if (!find_field(t, item->key, &field))
			return unknown_field(p, t, item);
		before = enter_name(p, item->key);
		if (item->type != VALUE_NULL)
			rc = parse_field(p, t, field, item, msg);
		leave(p, before);
	}
	return rc;
}

int fields_from_value(const struct fields_table *t, const char *file, const struct value *v,
                      void *out_msg, struct err *err)
{
	struct parser p = { .file = file, .err = err };
	int rc;

	memset(out_msg, 0, t->size);
	rc = parse_message(&p, t, v, out_msg);
	if (rc != 0)
		fields_release(t, out_msg);
	return rc;
}

/* --- whole texts --------------------------------------------------------------------------------
 */

int fields_from_json(const struct fields_table *t, const void *text, size_t len, void *out_msg,
                     struct err *err)
{
	struct value *v = NULL;
	int rc;

	memset(out_msg, 0, t->size);
	if (len == 0)
		return 0;
	rc = json_read(text, len, &v, err);
	if (rc != 0)
		return rc;
	rc = fields_from_value(t, NULL, v, out_msg, err);
	value_free(v);
	return rc;
}

int fields_from_yaml(const struct fields_table *t, const char *file, const void *text, size_t len,
                     void *out_msg, struct err *err)
{
	struct yaml_docs docs;
	int rc;

	memset(out_msg, 0, t->size);
	rc = yaml_read(file, text, len, &docs, err);
	if (rc != 0)
		return rc;
	if (docs.count != 1)
		rc = err_set(err, ERR_INVALID, "%s: holds %zu documents instead of one", file,
		             docs.count);
	else
		rc = fields_from_value(t, file, docs.items[0], out_msg, err);
	yaml_docs_deinit(&docs);
	return rc;
}
