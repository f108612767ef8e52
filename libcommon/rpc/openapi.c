#include "rpc/openapi.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/method.h"
#include "wire/fields.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMAS "#/components/schemas/"

/* jansson's _new functions take a value over even when it is NULL, and then fail: memory that runs
 * out anywhere shows as a `broken` writer. */
struct writer {
	const struct openapi_conf *conf;
	json_t *schemas;
	bool broken;
};

static void put(struct writer *w, json_t *object, const char *key, json_t *take_value)
{
	if (json_object_set_new(object, key, take_value) != 0)
		w->broken = true;
}

static void put_str(struct writer *w, json_t *object, const char *key, const char *text)
{
	put(w, object, key, json_string(text));
}

static json_t *put_object(struct writer *w, json_t *object, const char *key)
{
	json_t *child = json_object();

	put(w, object, key, child);
	return child;
}

/* --- schemas --------------------------------------------------------------------------------- */

static void add_schema(struct writer *w, const struct fields_table *t);

static json_t *reference(struct writer *w, const struct fields_table *t)
{
	struct buf path = { 0 };
	json_t *schema = json_object();

	add_schema(w, t);
	buf_appendf(&path, SCHEMAS "%s", t->name);
	put_str(w, schema, "$ref", buf_str(&path));
	buf_deinit(&path);
	return schema;
}

/* "type" (NULL: any) and "format" of what has no parts. */
struct scalar {
	const char *type;
	const char *format;
	const char *description;
};

static struct scalar scalar_of(const struct fields_field *f)
{
	static const struct scalar by_format[] = {
		[FIELDS_DURATION] = { "string", NULL, "a duration, as 8h30m0s" },
		[FIELDS_TIME] = { "string", "date-time", NULL },
		[FIELDS_SECRET] = { "string", "password", NULL },
		[FIELDS_ANY] = { NULL, NULL, "any value" },
		[FIELDS_ANY_SECRET] = { NULL, "password", "any value" },
	};
	static const struct scalar by_type[] = {
		[FIELDS_BOOL] = { "boolean", NULL, NULL },
		[FIELDS_INT] = { "integer", "int64", NULL },
		[FIELDS_UINT] = { "integer", "int64", NULL },
		[FIELDS_ENUM] = { "string", NULL, NULL },
		[FIELDS_STRING] = { "string", NULL, NULL },
		[FIELDS_BYTES] = { "string", "byte", NULL },
	};

	return f->format != FIELDS_PLAIN ? by_format[f->format] : by_type[f->type];
}

static json_t *names_of(const struct fields_enum *values)
{
	json_t *names = json_array();

	for (; values->name != NULL; values++)
		json_array_append_new(names, json_string(values->name));
	return names;
}

/* Of one element, whatever the field's shape. */
static json_t *element(struct writer *w, const struct fields_field *f)
{
	struct scalar scalar;
	json_t *schema;

	if (f->type == FIELDS_MESSAGE)
		return reference(w, f->message);
	scalar = scalar_of(f);
	schema = json_object();
	if (scalar.type != NULL)
		put_str(w, schema, "type", scalar.type);
	if (scalar.format != NULL)
		put_str(w, schema, "format", scalar.format);
	if (scalar.description != NULL)
		put_str(w, schema, "description", scalar.description);
	if (f->type == FIELDS_ENUM)
		put(w, schema, "enum", names_of(f->values));
	return schema;
}

static json_t *property(struct writer *w, const struct fields_field *f)
{
	json_t *schema;

	if (f->shape != FIELDS_REPEATED && f->shape != FIELDS_MAP)
		return element(w, f);
	schema = json_object();
	if (f->shape == FIELDS_REPEATED) {
		put_str(w, schema, "type", "array");
		put(w, schema, "items", element(w, f));
	} else { /* an entry's second field is the value */
		put_str(w, schema, "type", "object");
		put(w, schema, "additionalProperties", element(w, &f->message->fields[1]));
	}
	return schema;
}

/* A list of strings, or one alone: how message Strings is written. */
static void fill_strings(struct writer *w, json_t *schema)
{
	json_t *list = put_object(w, schema, "items");

	put_str(w, schema, "type", "array");
	put_str(w, list, "type", "string");
}

static void fill_object(struct writer *w, json_t *schema, const struct fields_table *t)
{
	json_t *properties = put_object(w, schema, "properties");

	put_str(w, schema, "type", "object");
	put(w, schema, "additionalProperties", json_false());
	for (size_t i = 0; i < t->count; i++)
		put(w, properties, t->fields[i].name, property(w, &t->fields[i]));
}

static void add_schema(struct writer *w, const struct fields_table *t)
{
	json_t *schema;

	if (json_object_get(w->schemas, t->name) != NULL)
		return;
	schema = put_object(w, w->schemas, t->name);
	if (t->is_strings)
		fill_strings(w, schema);
	else
		fill_object(w, schema, t);
}

static void add_error_schema(struct writer *w)
{
	json_t *schema = put_object(w, w->schemas, "Error");
	json_t *properties = put_object(w, schema, "properties");

	put_str(w, schema, "type", "object");
	put(w, properties, "code", json_pack("{s:s}", "type", "string"));
	put(w, properties, "message", json_pack("{s:s}", "type", "string"));
}

/* --- paths ----------------------------------------------------------------------------------- */

static json_t *content(struct writer *w, const char *type, json_t *take_schema)
{
	json_t *by_type = json_object();
	json_t *media = put_object(w, by_type, type);

	put(w, media, "schema", take_schema);
	return by_type;
}

static void add_responses(struct writer *w, json_t *post, const struct rpc_signature *s)
{
	const char *type =
	        s->kind == RPC_SERVER_STREAM ? "application/x-ndjson" : "application/json";
	json_t *responses = put_object(w, post, "responses");
	json_t *good = put_object(w, responses, "200");
	json_t *bad = put_object(w, responses, "default");

	put_str(w, good, "description",
	        s->kind == RPC_SERVER_STREAM ? "an object per line" : "the answer");
	put(w, good, "content", content(w, type, reference(w, s->response)));
	put_str(w, bad, "description", "what went wrong");
	put(w, bad, "content",
	    content(w, "application/json", json_pack("{s:s}", "$ref", SCHEMAS "Error")));
}

static void add_path(struct writer *w, json_t *paths, const struct rpc_signature *s,
                     const struct rpc_method *method)
{
	struct buf text = { 0 };
	json_t *post, *body;

	buf_appendf(&text, "/v1/%s", s->name);
	post = put_object(w, put_object(w, paths, buf_str(&text)), "post");
	buf_clear(&text);
	if (w->conf->describe != NULL)
		w->conf->describe(method, &text);
	put_str(w, post, "operationId", s->name);
	put_str(w, post, "description", buf_str(&text));
	body = put_object(w, post, "requestBody");
	put(w, body, "required", json_true());
	put(w, body, "content", content(w, "application/json", reference(w, s->request)));
	add_responses(w, post, s);
	buf_deinit(&text);
}

static void add_paths(struct writer *w, json_t *paths)
{
	const struct rpc_offer *offer = w->conf->offer;

	for (size_t i = 0; i < offer->method_count; i++) {
		const struct rpc_signature *s = &offer->service->calls[offer->methods[i].call];

		if (s->kind == RPC_UNARY || s->kind == RPC_SERVER_STREAM)
			add_path(w, paths, s, &offer->methods[i]);
	}
}

/* --- the document ---------------------------------------------------------------------------- */

static json_t *document(struct writer *w)
{
	json_t *root = json_object();
	json_t *info, *components;

	put_str(w, root, "openapi", "3.0.3");
	info = put_object(w, root, "info");
	put_str(w, info, "title", w->conf->title);
	put_str(w, info, "version", w->conf->version);
	components = put_object(w, root, "components");
	w->schemas = put_object(w, components, "schemas");
	add_error_schema(w);
	add_paths(w, put_object(w, root, "paths"));
	return root;
}

int openapi_write(const struct openapi_conf *conf, struct buf *out, struct err *err)
{
	struct writer w = { .conf = conf };
	json_t *root = document(&w);
	char *text = w.broken ? NULL : json_dumps(root, JSON_INDENT(1));

	json_decref(root);
	if (text == NULL)
		return err_set_nomem(err);
	buf_append(out, text, strlen(text));
	free(text);
	return buf_check(out, err);
}
