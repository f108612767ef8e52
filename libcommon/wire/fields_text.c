/* fields_text - from a message to a tree of values: the writing half of the text forms. */
#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "crypto/base64.h"
#include "wire/fields_slot.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TIME_MAX_MS 253402300799999 /* the year 9999 ends; beyond it RFC 3339 has no form */

struct writer {
	unsigned flags;
	struct err *err;
};

static struct value *message_value(const struct writer *w, const struct fields_table *t,
                                   const void *msg);

/* --- scalars ------------------------------------------------------------------------------------
 */

/* Length of the character at s, 0 when its bytes are none (RFC 3629). s ends with a 0 byte. */
static size_t utf8_length(const uint8_t *s)
{
	static const struct {
		uint8_t first_min, first_max, second_min, second_max, length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t form = 0;

	if (s[0] < 0x80)
		return 1;
	while (form < sizeof(forms) / sizeof(forms[0]) &&
	       (s[0] < forms[form].first_min || s[0] > forms[form].first_max))
		form++;
	if (form == sizeof(forms) / sizeof(forms[0]) || s[1] < forms[form].second_min ||
	    s[1] > forms[form].second_max)
		return 0;
	for (size_t i = 2; i < forms[form].length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return forms[form].length;
}

/* The text with U+FFFD in the place of each byte that is not part of a character. */
static struct value *repaired_text_value(const char *text)
{
	struct buf clean = { 0 };
	struct value *v = NULL;
	size_t len;

	for (const uint8_t *at = (const uint8_t *)text; *at != 0; at += len > 0 ? len : 1) {
		len = utf8_length(at);
		if (len > 0)
			buf_append(&clean, at, len);
		else
			buf_append_str(&clean, "\xef\xbf\xbd");
	}
	if (clean.failed == ERR_OK)
		v = value_new_text(buf_str(&clean));
	buf_wipe(&clean);
	return v;
}

static struct value *text_value(const char *text)
{
	const uint8_t *at = (const uint8_t *)(text != NULL ? text : "");
	size_t len = 1;

	for (; *at != 0 && len > 0; at += len)
		len = utf8_length(at);
	if (len == 0)
		return repaired_text_value(text);
	return value_new_text(text != NULL ? text : "");
}

static struct value *int_value(enum fields_format format, int64_t number)
{
	char text[STR_TIME_SIZE + STR_DURATION_SIZE];

	if (format == FIELDS_TIME && number >= 0 && number <= TIME_MAX_MS)
		return value_new_text(str_from_time(text, sizeof(text), number));
	if (format == FIELDS_DURATION && number >= 0)
		return value_new_text(str_from_duration(text, sizeof(text), number));
	return value_new_int(number);
}

static struct value *uint_value(uint64_t number)
{
	char text[24];

	if (number <= INT64_MAX)
		return value_new_int((int64_t)number);
	snprintf(text, sizeof(text), "%" PRIu64, number);
	return value_new_text(text);
}

static struct value *enum_value(const struct fields_enum *names, int64_t number)
{
	for (; names->name != NULL; names++)
		if (names->value == number)
			return value_new_text(names->name);
	return value_new_int(number); /* of a newer program */
}

static struct value *bytes_value(const pb_bytes_array_t *bytes)
{
	struct buf text = { 0 };
	struct value *v = NULL;

	if (bytes != NULL)
		base64_append(&text, bytes->bytes, bytes->size);
	if (text.failed == ERR_OK)
		v = value_new_text(buf_str(&text));
	buf_wipe(&text);
	return v;
}

/* --- fields -------------------------------------------------------------------------------------
 */

/* What no JSON text is, is shown as the text it is. */
static struct value *any_value(const char *text)
{
	struct value *v;
	struct err ignored;

	if (text == NULL || json_read(text, strlen(text), &v, &ignored) != 0)
		return text_value(text);
	return v;
}

static struct value *item_value(const struct writer *w, const struct fields_slot *s,
                                const void *item)
{
	switch (s->field->type) {
	case FIELDS_BOOL:
		return value_new_bool(*(const bool *)item);
	case FIELDS_INT:
		return int_value(s->field->format, fields_int_get(s, item));
	case FIELDS_UINT:
		return uint_value(fields_uint_get(s, item));
	case FIELDS_ENUM:
		return enum_value(s->field->values, fields_int_get(s, item));
	case FIELDS_STRING:
		return fields_is_any(s->field) ? any_value(item) : text_value(item);
	case FIELDS_BYTES:
		return bytes_value(item);
	case FIELDS_MESSAGE:
		break;
	}
	return message_value(w, s->field->message, item);
}

static struct value *list_value(const struct writer *w, const struct fields_slot *s)
{
	struct value *list = value_new(VALUE_LIST);

	for (size_t i = 0; list != NULL && i < s->count; i++) {
		if (value_append(list, item_value(w, s, fields_slot_item(s, i)), w->err) != 0) {
			value_free(list);
			return NULL;
		}
	}
	return list;
}

/* The entries of a map are messages {key = 1, value = 2}. */
static int put_entry(const struct writer *w, const struct fields_table *entry, const void *msg,
                     struct value *map)
{
	struct fields_slot key;
	struct fields_slot value;
	struct value *key_text;
	int rc;

	fields_slot_init(&key, entry, 0, msg);
	fields_slot_init(&value, entry, 1, msg);
	key_text = item_value(w, &key, fields_slot_item(&key, 0));
	if (key_text == NULL)
		return err_set_nomem(w->err);
	rc = value_put(map, key_text->text, item_value(w, &value, fields_slot_item(&value, 0)),
	               w->err);
	value_free(key_text);
	return rc;
}

static struct value *map_value(const struct writer *w, const struct fields_slot *s)
{
	struct value *map = value_new(VALUE_MAP);

	for (size_t i = 0; map != NULL && i < s->count; i++) {
		if (put_entry(w, s->field->message, fields_slot_item(s, i), map) != 0) {
			value_free(map);
			return NULL;
		}
	}
	return map;
}

static bool is_left_out(const struct writer *w, const struct fields_slot *s)
{
	if (s->count == 0)
		return true;
	if (fields_is_secret(s->field) && !(w->flags & FIELDS_WITH_SECRETS))
		return true;
	return s->field->shape == FIELDS_SINGULAR && fields_item_is_zero(s, fields_slot_item(s, 0));
}

static struct value *field_value(const struct writer *w, const struct fields_slot *s)
{
	if (s->field->shape == FIELDS_MAP)
		return map_value(w, s);
	if (s->field->shape == FIELDS_REPEATED)
		return list_value(w, s);
	return item_value(w, s, fields_slot_item(s, 0));
}

static int put_field(const struct writer *w, const struct fields_slot *s, struct value *map)
{
	struct value *v;

	if (is_left_out(w, s))
		return 0;
	v = field_value(w, s);
	if (v != NULL && s->field->shape == FIELDS_OPTIONAL && s->field->type == FIELDS_MESSAGE &&
	    v->count == 0) {
		value_free(v); /* a sub-message that says nothing */
		return 0;
	}
	return value_put(map, s->field->name, v, w->err);
}

/* NULL and err when memory runs out. */
static struct value *message_value(const struct writer *w, const struct fields_table *t,
                                   const void *msg)
{
	struct fields_slot slot;
	struct value *map;

	if (t->is_strings) {
		fields_slot_init(&slot, t, 0, msg);
		return list_value(w, &slot);
	}
	map = value_new(VALUE_MAP);
	fields_slot_begin(&slot, t, msg);
	while (map != NULL && fields_slot_next(&slot)) {
		if (put_field(w, &slot, map) != 0) {
			value_free(map);
			return NULL;
		}
	}
	return map;
}

int fields_to_value(const struct fields_table *t, const void *msg, unsigned flags,
                    struct value **out_value, struct err *err)
{
	struct writer w = { .flags = flags, .err = err };
	struct value *v = message_value(&w, t, msg);

	if (v == NULL)
		return err_set_nomem(err);
	*out_value = v;
	return 0;
}

/* --- whole texts --------------------------------------------------------------------------------
 */

int fields_to_json(const struct fields_table *t, const void *msg, unsigned flags, struct buf *out,
                   struct err *err)
{
	struct value *v = NULL;
	int rc;

	rc = fields_to_value(t, msg, flags, &v, err);
	if (rc != 0)
		return rc;
	rc = json_write(v, flags & FIELDS_PRETTY, out, err);
	value_free(v);
	return rc;
}

int fields_to_yaml(const struct fields_table *t, const void *msg, unsigned flags, struct buf *out,
                   struct err *err)
{
	struct value *v = NULL;
	int rc;

	rc = fields_to_value(t, msg, flags, &v, err);
	if (rc != 0)
		return rc;
	rc = yaml_write(v, out, err);
	value_free(v);
	return rc;
}
