/* tests/fixtures/resources/full: a file per kind, in which every field is set. What is written of
 * them reads back as the same, so that get | create -f is the identity for all there is. */
#include "tctl/resource_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER    "tests/fixtures/resources/full/"
#define PLACES    8 /* where a field may be found, in all documents of a file */
#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

/* Gone when a resource was read: other words for what is there, and what nobody looks at. */
static const char *const other_words[] = {
	"metadata.id",
	"spec.options.cert_format",
	"spec.target.server_id",
};

static void read_full(const char *kind, struct resource_file *out)
{
	char *path = str_printf(FOLDER "%s.yaml", kind);
	struct err err = { 0 };

	if (resource_file_read(path, true, out, &err) != 0)
		fail_msg("%s", err.msg);
	free(path);
}

/* --- every field is there ------------------------------------------------------------------------
 */

struct places {
	const struct value *items[PLACES];
	size_t count;
};

static void add_place(struct places *p, const struct value *v)
{
	if (v != NULL && p->count < PLACES)
		p->items[p->count++] = v;
}

/* What stands under a field's name; of lists and maps of messages, what they hold. */
static struct places below(const struct places *p, const struct fields_field *f)
{
	struct places found = { 0 };

	for (size_t i = 0; i < p->count; i++) {
		const struct value *v = value_get(p->items[i], f->name);

		if (v == NULL || f->type != FIELDS_MESSAGE || f->shape == FIELDS_OPTIONAL ||
		    f->shape == FIELDS_SINGULAR)
			add_place(&found, v);
		else
			for (size_t k = 0; k < v->count; k++)
				add_place(&found, v->items[k]);
	}
	return found;
}

static bool is_excused(const struct resource_kind *kind, const char *path)
{
	if (kind->singleton != NULL && strcmp(path, "metadata.expires") == 0)
		return true; /* there is always one */
	for (size_t i = 0; i < COUNT(other_words); i++)
		if (strcmp(other_words[i], path) == 0)
			return true;
	return false;
}

/* The message within, if there is one with names of its own: what a map's entries hold. */
static const struct fields_table *inner(const struct fields_field *f)
{
	const struct fields_table *t = f->message;

	if (f->shape == FIELDS_MAP)
		t = t->fields[1].message;
	return t != NULL && !t->is_strings ? t : NULL;
}

static size_t missed; /* fields, told one by one */

static void missing(const struct resource_kind *kind, const char *path)
{
	print_error("full/%s.yaml does not set %s\n", kind->name, path);
	missed++;
}

static void all_is_set(const struct resource_kind *kind, const struct fields_table *t,
                       const char *above, const struct places *p)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct fields_field *f = &t->fields[i];
		char *path = str_printf("%s%s%s", above, *above != 0 ? "." : "", f->name);
		struct places found = below(p, f);

		if (found.count == 0 && !is_excused(kind, path))
			missing(kind, path);
		if (found.count > 0 && inner(f) != NULL)
			all_is_set(kind, inner(f), path, &found);
		free(path);
	}
}

static void each_kind_has_a_file_in_which_every_field_is_set(void **state)
{
	(void)state;
	for (const struct resource_kind *k = resource_kind_next(NULL); k != NULL;
	     k = resource_kind_next(k)) {
		struct value *values[PLACES] = { 0 };
		struct resource_file file;
		struct places p = { 0 };
		struct err err = { 0 };

		read_full(k->name, &file);
		for (size_t i = 0; i < file.count && i < PLACES; i++) {
			if (fields_to_value(k->table, &file.items[i].of, FIELDS_WITH_SECRETS,
			                    &values[i], &err) != 0)
				fail_msg("%s", err.msg);
			add_place(&p, values[i]);
		}
		all_is_set(k, k->table, "", &p);
		for (size_t i = 0; i < PLACES; i++)
			value_free(values[i]);
		resource_file_deinit(&file);
	}
	assert_int_equal(missed, 0);
}

/* --- there and back --------------------------------------------------------------------------- */

typedef int (*writer)(const struct fields_table *t, const void *msg, unsigned flags,
                      struct buf *out, struct err *err);

/* Through the text and through what reads files: the same resource, and the same text of it. */
static void survives(const pv_Resource *r, writer write)
{
	const struct resource_kind *kind = resource_kind_of(r);
	struct buf text = { 0 }, again = { 0 };
	struct resource_file file;
	struct err err = { 0 };

	if (write(kind->table, &r->of, FIELDS_WITH_SECRETS, &text, &err) != 0 ||
	    resource_file_parse(kind->name, text.data, text.len, true, &file, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(file.count, 1);
	assert_true(fields_equal(&pv_Resource_table, r, &file.items[0]));
	assert_int_equal(write(kind->table, &file.items[0].of, FIELDS_WITH_SECRETS, &again, &err),
	                 0);
	assert_string_equal(buf_str(&text), buf_str(&again));
	resource_file_deinit(&file);
	buf_deinit(&text);
	buf_deinit(&again);
}

static void survives_as_bytes(const pv_Resource *r)
{
	struct buf bytes = { 0 };
	struct err err = { 0 };
	pv_Resource again;

	assert_int_equal(resource_encode(r, &bytes, &err), 0);
	assert_int_equal(resource_decode(&again, bytes.data, bytes.len, &err), 0);
	assert_true(fields_equal(&pv_Resource_table, r, &again));
	resource_deinit(&again);
	buf_deinit(&bytes);
}

static void what_is_written_of_a_full_resource_reads_back_as_the_same(void **state)
{
	(void)state;
	for (const struct resource_kind *k = resource_kind_next(NULL); k != NULL;
	     k = resource_kind_next(k)) {
		struct resource_file file;

		read_full(k->name, &file);
		for (size_t i = 0; i < file.count; i++) {
			survives(&file.items[i], fields_to_yaml);
			survives(&file.items[i], fields_to_json);
			survives_as_bytes(&file.items[i]);
		}
		resource_file_deinit(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_a_file_in_which_every_field_is_set),
		cmocka_unit_test(what_is_written_of_a_full_resource_reads_back_as_the_same),
	};

	return unit_run(tests);
}
