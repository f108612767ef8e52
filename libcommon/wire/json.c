#include "wire/json.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------------------
 */

struct reader {
	size_t count; /* of values so far */
	struct err *err;
};

static struct value *from_json(struct reader *r, const json_t *json, int depth);

static struct value *from_array(struct reader *r, const json_t *json, int depth)
{
	struct value *list = value_new(VALUE_LIST);
	size_t i;
	json_t *item;

	json_array_foreach(json, i, item)
	{
		struct value *v = list != NULL ? from_json(r, item, depth) : NULL;

		if (v == NULL || value_append(list, v, r->err) != 0) {
			value_free(list);
			return NULL;
		}
	}
	return list;
}

static struct value *from_object(struct reader *r, json_t *json, int depth)
{
	struct value *map = value_new(VALUE_MAP);
	const char *key;
	json_t *item;

	json_object_foreach(json, key, item)
	{
		struct value *v = map != NULL ? from_json(r, item, depth) : NULL;

		if (v == NULL || value_put(map, key, v, r->err) != 0) {
			value_free(map);
			return NULL;
		}
	}
	return map;
}

/* A fraction: of interest only for the message that refuses it. */
static struct value *from_real(double number)
{
	char text[32];
	struct value *v;

	snprintf(text, sizeof(text), "%.15g", number);
	v = value_new_text(text);
	if (v != NULL)
		v->type = VALUE_OTHER_NUMBER;
	return v;
}

/* NULL when memory runs out, or with err when a bound is reached. */
static struct value *from_json(struct reader *r, const json_t *json, int depth)
{
	bool too_deep = depth >= VALUE_DEPTH_MAX && (json_is_object(json) || json_is_array(json));

	if (++r->count > VALUE_COUNT_MAX || too_deep) {
		err_set(r->err, ERR_LIMIT, "JSON: %s",
		        too_deep ? "nested too deeply" : "too many values");
		return NULL;
	}
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return from_object(r, (json_t *)json, depth + 1);
	case JSON_ARRAY:
		return from_array(r, json, depth + 1);
	case JSON_STRING:
		return value_new_text(json_string_value(json));
	case JSON_INTEGER:
		return value_new_int(json_integer_value(json));
	case JSON_REAL:
		return from_real(json_real_value(json));
	case JSON_TRUE:
	case JSON_FALSE:
		return value_new_bool(json_is_true(json));
	default:
		return value_new_plain("null");
	}
}

int json_read(const void *text, size_t len, struct value **out_value, struct err *err)
{
	struct reader r = { .err = err };
	json_error_t error;
	json_t *json;
	struct value *v;

	if (len > JSON_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "JSON of more than %u bytes", JSON_SIZE_MAX);
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (json == NULL)
		return err_set(err, ERR_INVALID, "JSON, line %d, column %d: %s", error.line,
		               error.column, error.text);
	err_set_nomem(err); /* unless a bound says otherwise */
	v = from_json(&r, json, 0);
	json_decref(json);
	if (v == NULL)
		return err->code;
	*out_value = v;
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static json_t *to_json(const struct value *v);

/* What fails to be made is NULL, and adding NULL fails too. */
static json_t *to_collection(const struct value *v)
{
	json_t *json = v->type == VALUE_LIST ? json_array() : json_object();

	for (size_t i = 0; json != NULL && i < v->count; i++) {
		json_t *item = to_json(v->items[i]);
		int failed = v->type == VALUE_LIST
		                     ? json_array_append_new(json, item)
		                     : json_object_set_new(json, v->items[i]->key, item);

		if (failed) {
			json_decref(json);
			json = NULL;
		}
	}
	return json;
}

static json_t *to_json(const struct value *v)
{
	switch (v->type) {
	case VALUE_LIST:
	case VALUE_MAP:
		return to_collection(v);
	case VALUE_NULL:
		return json_null();
	case VALUE_BOOL:
		return json_boolean(v->number);
	case VALUE_INT:
		return json_integer(v->number);
	case VALUE_TEXT:
	case VALUE_OTHER_NUMBER:
		break;
	}
	return json_string(v->text);
}

static int write_bytes(const char *data, size_t len, void *out)
{
	buf_append(out, data, len);
	return 0;
}

int json_write(const struct value *v, bool pretty, struct buf *out, struct err *err)
{
	json_t *json = to_json(v);
	int failed;

	if (json == NULL)
		return err_set(err, ERR_INVALID, "write JSON: out of memory or not UTF-8");
	failed = json_dump_callback(json, write_bytes, out,
	                            JSON_ENCODE_ANY | (pretty ? JSON_INDENT(4) : JSON_COMPACT));
	json_decref(json);
	if (failed)
		return err_set_nomem(err);
	if (pretty)
		buf_append_byte(out, '\n');
	return buf_check(out, err);
}
