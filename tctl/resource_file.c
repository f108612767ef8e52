#include "tctl/resource_file.h"

#include "tctl/ref.h"
#include "tctl/text_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "model/resource.h"
#include "wire/fields.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- where a mistake is ---------------------------------------------------------------------- */

static int at_line(const char *name, int line, struct err *err)
{
	return line > 0 ? err_wrap(err, "%s:%d", name, line) : err_wrap(err, "%s", name);
}

/* Messages about a resource begin "KIND 'NAME': "; what comes then is the path, if there is one. */
static int at_path(const char *name, const struct value *v, const pv_Resource *r, struct err *err)
{
	char *prefix = str_printf("%s '%s': ", resource_kind_of(r)->name, resource_name(r));
	int line = v->line;

	if (prefix != NULL && str_starts(err->msg, prefix))
		line = value_line_at(v, err->msg + strlen(prefix));
	free(prefix);
	return at_line(name, line, err);
}

/* --- what has no effect ---------------------------------------------------------------------- */

struct notes {
	struct buf text;
	bool accept_unenforced;
};

static int add_note(void *arg, const char *path, enum fields_effect effect)
{
	struct notes *n = arg;

	if (effect == FIELDS_WITHOUT_EFFECT || n->accept_unenforced)
		buf_appendf(&n->text, "%s%s%s", n->text.len > 0 ? ", " : "", path,
		            effect == FIELDS_NOT_ENFORCED ? " (not enforced)" : "");
	return 0;
}

static int note_effects(struct resource_file *f, const char *name, int line, const pv_Resource *r,
                        bool accept_unenforced, struct err *err)
{
	const struct resource_kind *kind = resource_kind_of(r);
	struct notes n = { .accept_unenforced = accept_unenforced };
	struct err note = { 0 };
	int rc;

	resource_effects(r, add_note, &n);
	rc = buf_check(&n.text, err);
	if (rc == 0 && (n.text.len > 0 || kind->later != NULL)) {
		err_set(&note, ERR_INVALID, "%s '%s'%s: %s", kind->name, resource_name(r),
		        kind->later != NULL ? " is kept, without effect" : ": without effect",
		        kind->later != NULL ? kind->later : buf_str(&n.text));
		at_line(name, line, &note);
		rc = strlist_add(&f->notes, note.msg, err);
	}
	buf_deinit(&n.text);
	return rc;
}

/* --- one resource ---------------------------------------------------------------------------- */

static int find_kind(const struct value *v, const struct resource_kind **out, struct err *err)
{
	const char *kind = value_get_text(v, "kind");

	if (v->type != VALUE_MAP)
		return err_set(err, ERR_INVALID, "%s is not a resource", value_type_name(v->type));
	if (kind == NULL)
		return err_set(err, ERR_INVALID, "kind: is missing");
	return ref_kind(kind, out, err) != 0 ? err_wrap(err, "kind") : 0;
}

static int check(const pv_Resource *r, bool accept_unenforced, struct err *err)
{
	struct err why;

	if (accept_unenforced || resource_check_enforced(r, &why) == 0)
		return 0;
	return err_set(err, why.code, "%s (--accept-unenforced takes it all the same)", why.msg);
}

static int parse_one(const char *name, const struct value *v, bool accept_unenforced,
                     pv_Resource *out, struct err *err)
{
	const struct resource_kind *kind;

	*out = (pv_Resource){ 0 };
	if (find_kind(v, &kind, err) != 0)
		return at_line(name, value_line_at(v, "kind"), err);
	if (fields_from_value(kind->table, name, v, &out->of, err) != 0)
		return err->code;
	out->which_of = kind->tag;
	if (fields_set_str((char **)&out->of, kind->name, err) == 0 &&
	    resource_validate(out, err) == 0 && check(out, accept_unenforced, err) == 0)
		return 0;
	at_path(name, v, out, err);
	resource_deinit(out);
	return err->code;
}

/* --- all of them ----------------------------------------------------------------------------- */

static int check_twice(const struct resource_file *f, const char *name, int line,
                       const pv_Resource *r, struct err *err)
{
	for (size_t i = 0; i < f->count; i++) {
		if (f->items[i].which_of != r->which_of ||
		    strcmp(resource_name(&f->items[i]), resource_name(r)) != 0 ||
		    strcmp(resource_sub_kind_of(&f->items[i]), resource_sub_kind_of(r)) != 0)
			continue;
		err_set(err, ERR_INVALID, "%s '%s' is given twice, first in line %d",
		        resource_kind_of(r)->name, resource_name(r), f->lines[i]);
		return at_line(name, line, err);
	}
	return 0;
}

static int make_room(struct resource_file *f, struct err *err)
{
	pv_Resource *items = realloc(f->items, (f->count + 1) * sizeof(*items));
	int *lines;

	if (items == NULL)
		return err_set_nomem(err);
	f->items = items;
	lines = realloc(f->lines, (f->count + 1) * sizeof(*lines));
	if (lines == NULL)
		return err_set_nomem(err);
	f->lines = lines;
	return 0;
}

static int add(struct resource_file *f, const char *name, const struct value *v,
               bool accept_unenforced, struct err *err)
{
	pv_Resource *r;

	if (make_room(f, err) != 0)
		return err->code;
	r = &f->items[f->count];
	if (parse_one(name, v, accept_unenforced, r, err) != 0)
		return err->code;
	if (check_twice(f, name, v->line, r, err) != 0 ||
	    note_effects(f, name, v->line, r, accept_unenforced, err) != 0) {
		resource_deinit(r);
		return err->code;
	}
	f->lines[f->count++] = v->line;
	return 0;
}

/* A document, or a list of what could be documents. */
static int add_document(struct resource_file *f, const char *name, const struct value *v,
                        bool accept_unenforced, struct err *err)
{
	int rc = 0;

	if (v->type != VALUE_LIST)
		return add(f, name, v, accept_unenforced, err);
	for (size_t i = 0; rc == 0 && i < v->count; i++)
		rc = add(f, name, v->items[i], accept_unenforced, err);
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
                      bool accept_unenforced, struct err *err)
{
	struct yaml_docs docs;
	int rc = yaml_read(name, text, len, &docs, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < docs.count; i++)
		rc = add_document(f, name, docs.items[i], accept_unenforced, err);
	yaml_docs_deinit(&docs);
	return rc;
}

int resource_file_parse(const char *name, const void *text, size_t len, bool accept_unenforced,
                        struct resource_file *out, struct err *err)
{
	struct resource_file f = { 0 };
	struct value *json = NULL;
	int rc;

	if (read_json(text, len, &json))
		rc = add_document(&f, name, json, accept_unenforced, err);
	else
		rc = parse_yaml(&f, name, text, len, accept_unenforced, err);
	value_free(json);
	if (rc == 0 && f.count == 0)
		rc = err_set(err, ERR_INVALID, "%s: holds no resource", name);
	if (rc != 0)
		resource_file_deinit(&f);
	else
		*out = f;
	return rc;
}

int resource_file_read(const char *file, bool accept_unenforced, struct resource_file *out,
                       struct err *err)
{
	struct buf text = { 0 };
	int rc = text_file_read(file, YAML_SIZE_MAX, &text, err);

	if (rc == 0)
		rc = resource_file_parse(str_eq(file, "-") ? "standard input" : file,
		                         buf_str(&text), text.len, accept_unenforced, out, err);
	buf_wipe(&text);
	return rc;
}

void resource_file_deinit(struct resource_file *f)
{
	for (size_t i = 0; i < f->count; i++)
		resource_deinit(&f->items[i]);
	free(f->items);
	free(f->lines);
	strlist_deinit(&f->notes);
	*f = (struct resource_file){ 0 };
}
