#include "tctl/resource_file.h"

#include "tctl/ref.h"

#include "base/err.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "model/resource.h"
#include "wire/fields.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- one resource ---------------------------------------------------------------------------- */

static int at_line(const char *name, const struct value *v, struct err *err)
{
	return v->line > 0 ? err_wrap(err, "%s:%d", name, v->line) : err_wrap(err, "%s", name);
}

static int find_kind(const struct value *v, const struct resource_kind **out, struct err *err)
{
	const char *kind = value_get_text(v, "kind");

	if (v->type != VALUE_MAP)
		return err_set(err, ERR_INVALID, "%s is not a resource", value_type_name(v->type));
	if (kind == NULL)
		return err_set(err, ERR_INVALID, "kind: is missing");
	if (ref_kind(kind, out, err) != 0)
		return err_wrap(err, "kind");
	if (!(*out)->writable)
		return err_set(err, ERR_INVALID, "a %s is made by its daemon only", (*out)->name);
	return 0;
}

static int parse_one(const char *name, const struct value *v, pv_Resource *out, struct err *err)
{
	const struct resource_kind *kind;

	*out = (pv_Resource){ 0 };
	if (find_kind(v, &kind, err) != 0)
		return at_line(name, v, err);
	if (fields_from_value(kind->table, name, v, &out->of, err) != 0)
		return err->code;
	out->which_of = kind->tag;
	if (fields_set_str((char **)&out->of, kind->name, err) != 0 ||
	    resource_validate(out, err) != 0) {
		resource_deinit(out);
		return at_line(name, v, err);
	}
	return 0;
}

/* --- all of them ----------------------------------------------------------------------------- */

static int add(struct resource_file *f, const char *name, const struct value *v, struct err *err)
{
	pv_Resource *items = realloc(f->items, (f->count + 1) * sizeof(*items));

	if (items == NULL)
		return err_set_nomem(err);
	f->items = items;
	if (parse_one(name, v, &f->items[f->count], err) != 0)
		return err->code;
	f->count++;
	return 0;
}

/* A document, or a list of what could be documents. */
static int add_document(struct resource_file *f, const char *name, const struct value *v,
                        struct err *err)
{
	int rc = 0;

	if (v->type != VALUE_LIST)
		return add(f, name, v, err);
	for (size_t i = 0; rc == 0 && i < v->count; i++)
		rc = add(f, name, v->items[i], err);
	return rc;
}

/* A text that begins like JSON and is JSON; YAML may begin so too. */
static bool read_json(const char *text, size_t len, struct value **out)
{
	struct err ignored;

	while (len > 0 && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	return len > 0 && (*text == '{' || *text == '[') &&
	       json_read(text, len, out, &ignored) == 0;
}

static int parse_yaml(struct resource_file *f, const char *name, const void *text, size_t len,
                      struct err *err)
{
	struct yaml_docs docs;
	int rc = yaml_read(name, text, len, &docs, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < docs.count; i++)
		rc = add_document(f, name, docs.items[i], err);
	yaml_docs_deinit(&docs);
	return rc;
}

int resource_file_parse(const char *name, const void *text, size_t len, struct resource_file *out,
                        struct err *err)
{
	struct resource_file f = { 0 };
	struct value *json = NULL;
	int rc;

	if (read_json(text, len, &json))
		rc = add_document(&f, name, json, err);
	else
		rc = parse_yaml(&f, name, text, len, err);
	value_free(json);
	if (rc == 0 && f.count == 0)
		rc = err_set(err, ERR_INVALID, "%s: holds no resource", name);
	if (rc != 0)
		resource_file_deinit(&f);
	else
		*out = f;
	return rc;
}

void resource_file_deinit(struct resource_file *f)
{
	for (size_t i = 0; i < f->count; i++)
		resource_deinit(&f->items[i]);
	free(f->items);
	*f = (struct resource_file){ 0 };
}
