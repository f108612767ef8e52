#include "conf/yaml.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "conf/value.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* --- reading --------------------------------------------------------------------------------- */

struct reader {
	yaml_parser_t parser;
	const char *file;
	size_t count; /* of values so far */
	struct err *err;
};

static int fail_at(struct reader *r, int code, const yaml_mark_t *mark, const char *what)
{
	return err_set(r->err, code, "%s:%zu: %s", r->file, mark->line + 1, what);
}

static int next_event(struct reader *r, yaml_event_t *event)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, event))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return err_set_nomem(r->err);
	if (p->error == YAML_READER_ERROR)
		return fail_at(r, ERR_INVALID, &p->mark, p->problem);
	return fail_at(r, ERR_INVALID, &p->problem_mark, p->problem);
}

static int read_node(struct reader *r, const yaml_event_t *first, int depth, struct value **out);

static int read_scalar(struct reader *r, const yaml_event_t *event, struct value **out)
{
	const char *text = (const char *)event->data.scalar.value;

	if (strlen(text) != event->data.scalar.length)
		return fail_at(r, ERR_INVALID, &event->start_mark, "a text holds a NUL byte");
	*out = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? value_new_plain(text)
	                                                           : value_new_text(text);
	return *out != NULL ? 0 : err_set_nomem(r->err);
}

static int read_list(struct reader *r, int depth, struct value *list)
{
	yaml_event_t event;
	struct value *item;
	int rc;

	for (;;) {
		rc = next_event(r, &event);
		if (rc != 0)
			return rc;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		rc = read_node(r, &event, depth, &item);
		yaml_event_delete(&event);
		if (rc == 0)
			rc = value_append(list, item, r->err);
		if (rc != 0)
			return rc;
	}
}

static int check_key(struct reader *r, const yaml_event_t *key, struct map *seen)
{
	const char *text = (const char *)key->data.scalar.value;

	if (key->type != YAML_SCALAR_EVENT)
		return fail_at(r, ERR_INVALID, &key->start_mark, "a key must be a single word");
	if (strlen(text) != key->data.scalar.length)
		return fail_at(r, ERR_INVALID, &key->start_mark, "a key holds a NUL byte");
	if (strcmp(text, "<<") == 0 && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return fail_at(r, ERR_INVALID, &key->start_mark, "merge keys are not supported");
	if (map_get(seen, text) != NULL)
		return err_set(r->err, ERR_INVALID, "%s:%zu: '%s' is given twice", r->file,
		               key->start_mark.line + 1, text);
	return map_put(seen, text, seen, NULL) == 0 ? 0 : err_set_nomem(r->err);
}

static int read_member(struct reader *r, const yaml_event_t *key, int depth, struct value *map)
{
	yaml_event_t event;
	struct value *item;
	int rc;

	rc = next_event(r, &event);
	if (rc != 0)
		return rc;
	rc = read_node(r, &event, depth, &item);
	yaml_event_delete(&event);
	if (rc != 0)
		return rc;
	item->key_line = (int)key->start_mark.line + 1;
	return value_put(map, (const char *)key->data.scalar.value, item, r->err);
}

static int read_map(struct reader *r, int depth, struct value *map)
{
	struct map *seen = map_new();
	yaml_event_t key;
	bool end = false;
	int rc = seen != NULL ? 0 : err_set_nomem(r->err);

	while (rc == 0 && !end) {
		rc = next_event(r, &key);
		if (rc != 0)
			break;
		end = key.type == YAML_MAPPING_END_EVENT;
		if (!end)
			rc = check_key(r, &key, seen);
		if (!end && rc == 0)
			rc = read_member(r, &key, depth, map);
		yaml_event_delete(&key);
	}
	map_free(seen);
	return rc;
}

static int read_collection(struct reader *r, const yaml_event_t *first, int depth,
                           struct value **out)
{
	bool is_list = first->type == YAML_SEQUENCE_START_EVENT;
	struct value *v;
	int rc;

	if (depth >= VALUE_DEPTH_MAX)
		return fail_at(r, ERR_LIMIT, &first->start_mark, "nested too deeply");
	v = value_new(is_list ? VALUE_LIST : VALUE_MAP);
	if (v == NULL)
		return err_set_nomem(r->err);
	rc = is_list ? read_list(r, depth + 1, v) : read_map(r, depth + 1, v);
	if (rc != 0) {
		value_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

/* The node that begins with event `first`, which stays the caller's. */
static int read_node(struct reader *r, const yaml_event_t *first, int depth, struct value **out)
{
	int rc;

	if (++r->count > VALUE_COUNT_MAX)
		return fail_at(r, ERR_LIMIT, &first->start_mark, "too many values");
	if (first->type == YAML_ALIAS_EVENT)
		return fail_at(r, ERR_INVALID, &first->start_mark, "aliases are not supported");
	if (first->type == YAML_SCALAR_EVENT)
		rc = read_scalar(r, first, out);
	else
		rc = read_collection(r, first, depth, out);
	if (rc == 0)
		(*out)->line = (int)first->start_mark.line + 1;
	return rc;
}

static int add_document(struct reader *r, struct value *take_doc, struct yaml_docs *docs)
{
	struct value **items;

	if (take_doc->type == VALUE_NULL) {
		value_free(take_doc);
		return 0;
	}
	items = realloc(docs->items, (docs->count + 1) * sizeof(struct value *));
	if (items == NULL) {
		value_free(take_doc);
		return err_set_nomem(r->err);
	}
	docs->items = items;
	docs->items[docs->count++] = take_doc;
	return 0;
}

static int read_stream(struct reader *r, struct yaml_docs *docs)
{
	yaml_event_t event;
	struct value *doc;
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		rc = next_event(r, &event);
		if (rc != 0)
			break;
		end = event.type == YAML_STREAM_END_EVENT;
		if (event.type != YAML_STREAM_START_EVENT && !end &&
		    event.type != YAML_DOCUMENT_START_EVENT &&
		    event.type != YAML_DOCUMENT_END_EVENT) {
			rc = read_node(r, &event, 0, &doc);
			if (rc == 0)
				rc = add_document(r, doc, docs);
		}
		yaml_event_delete(&event);
	}
	return rc;
}

int yaml_read(const char *file, const void *text, size_t len, struct yaml_docs *out_docs,
              struct err *err)
{
	struct reader r = { .file = file, .err = err };
	struct yaml_docs docs = { 0 };
	int rc;

	if (len > YAML_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "%s: larger than %u bytes", file, YAML_SIZE_MAX);
	if (!yaml_parser_initialize(&r.parser))
		return err_set_nomem(err);
	yaml_parser_set_input_string(&r.parser, text, len);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	rc = read_stream(&r, &docs);
	yaml_parser_delete(&r.parser);
	if (rc != 0)
		yaml_docs_deinit(&docs);
	else
		*out_docs = docs;
	return rc;
}

void yaml_docs_deinit(struct yaml_docs *docs)
{
	for (size_t i = 0; i < docs->count; i++)
		value_free(docs->items[i]);
	free(docs->items);
	*docs = (struct yaml_docs){ 0 };
}

/* --- writing --------------------------------------------------------------------------------- */

#define LIST_WIDTH_MAX 70

static int write_bytes(void *out, unsigned char *data, size_t len)
{
	buf_append(out, data, len);
	return 1;
}

static bool emit(yaml_emitter_t *e, yaml_event_t *event, int initialized)
{
	return initialized && yaml_emitter_emit(e, event);
}

/* Texts that some YAML reader takes for a number, a time, a bool or a merge key, beyond what
 * value_resolve() does; "y" is one, "12:30" and "2030-01-31" are others. */
static bool needs_quotes(const char *text)
{
	int64_t number;

	if (value_resolve(text, &number) != VALUE_TEXT)
		return true;
	if ((strchr("yYnN=", text[0]) != NULL && text[1] == 0) || strcmp(text, "<<") == 0)
		return true;
	return strchr("+-.0123456789", text[0]) != NULL &&
	       text[strspn(text, "0123456789abcdefABCDEF_xXo+-.:TZ ")] == 0;
}

static bool write_text(yaml_emitter_t *e, const char *text, bool quotable)
{
	yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;
	yaml_event_t event;

	if (quotable && needs_quotes(text))
		style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
	else if (strchr(text, '\n') != NULL)
		style = YAML_LITERAL_SCALAR_STYLE;
	return emit(e, &event,
	            yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
	                                         (int)strlen(text), 1, 1, style));
}

/* Short lists of words read best on one line: [deploy, root]. */
static bool fits_on_a_line(const struct value *list)
{
	size_t len = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i]->text == NULL || strchr(list->items[i]->text, '\n') != NULL)
			return false;
		len += strlen(list->items[i]->text) + 2;
	}
	return len < LIST_WIDTH_MAX;
}

static bool write_node(yaml_emitter_t *e, const struct value *v)
{
	yaml_event_t event;
	bool ok;

	if (v->type == VALUE_LIST)
		ok = emit(e, &event,
		          yaml_sequence_start_event_initialize(
		                  &event, NULL, NULL, 1,
		                  fits_on_a_line(v) ? YAML_FLOW_SEQUENCE_STYLE
		                                    : YAML_BLOCK_SEQUENCE_STYLE));
	else if (v->type == VALUE_MAP)
		ok = emit(e, &event,
		          yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
		                                              YAML_BLOCK_MAPPING_STYLE));
	else
		return write_text(e, v->text != NULL ? v->text : "null", v->type == VALUE_TEXT);
	for (size_t i = 0; ok && i < v->count; i++) {
		if (v->type == VALUE_MAP)
			ok = write_text(e, v->items[i]->key, true);
		ok = ok && write_node(e, v->items[i]);
	}
	if (!ok)
		return false;
	return emit(e, &event,
	            v->type == VALUE_LIST ? yaml_sequence_end_event_initialize(&event)
	                                  : yaml_mapping_end_event_initialize(&event));
}

static bool write_document(yaml_emitter_t *e, const struct value *v)
{
	yaml_event_t event;

	return emit(e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
	       emit(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
	       write_node(e, v) && emit(e, &event, yaml_document_end_event_initialize(&event, 1)) &&
	       emit(e, &event, yaml_stream_end_event_initialize(&event));
}

int yaml_write(const struct value *v, struct buf *out, struct err *err)
{
	yaml_emitter_t e;
	bool ok;

	if (!yaml_emitter_initialize(&e))
		return err_set_nomem(err);
	yaml_emitter_set_output(&e, write_bytes, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1); /* no folding: a long text stays on its line */
	ok = write_document(&e, v);
	if (!ok)
		err_set(err, ERR_INVALID, "write YAML: %s",
		        e.problem != NULL ? e.problem : "a text is not UTF-8");
	yaml_emitter_delete(&e);
	return ok ? buf_check(out, err) : err->code;
}
