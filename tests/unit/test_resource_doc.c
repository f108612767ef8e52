/* docs/RESOURCES.md names every field of every kind, and says of those without effect, and of
 * no others, that they are. */
#include "model/resource.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "file/file.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of the page about a kind; malloc'ed. */
static char *section(const char *page, const char *kind)
{
	char *title = str_printf("\n## %s\n", kind);
	const char *start = strstr(page, title);
	const char *end = start != NULL ? strstr(start + 1, "\n## ") : NULL;

	free(title);
	if (start == NULL) {
		fail_msg("no '## %s'", kind);
		return NULL;
	}
	return strndup(start, end != NULL ? (size_t)(end - start) : strlen(start));
}

/* What of another product has no effect stands in a row of names. */
static bool is_in_a_row_of_names(const struct fields_field *f)
{
	return f->format == FIELDS_ANY && f->effect == FIELDS_WITHOUT_EFFECT;
}

static bool says_without(const char *row)
{
	return strstr(row, "**without effect") != NULL || strstr(row, "**not enforced") != NULL;
}

static void check_row(const char *text, const char *path, const struct fields_field *f)
{
	char *name = str_printf("`%s`", is_in_a_row_of_names(f) ? f->name : path);
	const char *at = strstr(text, name);
	char row[2048];

	if (at == NULL) {
		fail_msg("RESOURCES.md does not name %s", name);
		return;
	}
	snprintf(row, sizeof(row), "%.*s", (int)strcspn(at, "\n"), at);
	if (f->effect != FIELDS_WORKS && !says_without(row))
		fail_msg("RESOURCES.md says nothing of the effect of %s", path);
	if (f->effect == FIELDS_WORKS && says_without(row))
		fail_msg("RESOURCES.md denies the effect of %s", path);
	free(name);
}

static bool is_sub_message(const struct fields_field *f)
{
	return f->type == FIELDS_MESSAGE && f->shape != FIELDS_MAP && !f->message->is_strings;
}

static void check_table(const char *text, const struct fields_table *t, const char *above)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct fields_field *f = &t->fields[i];
		char *path = str_printf("%s%s%s", above, *above != 0 ? "." : "", f->name);
		char *below = str_printf("%s%s", path, f->shape == FIELDS_REPEATED ? "[]" : "");

		if (!is_sub_message(f) || f->effect != FIELDS_WORKS)
			check_row(text, path, f);
		if (is_sub_message(f) && strcmp(path, "spec.deny") != 0)
			check_table(text, f->message, below);
		free(path);
		free(below);
	}
}

static const struct fields_field *find(const struct fields_table *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->fields[i].name, name) == 0)
			return &t->fields[i];
	return NULL;
}

static void the_page_names_every_field_of_every_kind(void **state)
{
	struct buf page = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(file_read("docs/RESOURCES.md", 1 << 20, &page, &err), 0);
	for (const struct resource_kind *k = resource_kind_next(NULL); k;
	     k = resource_kind_next(k)) {
		const struct fields_field *spec = find(k->table, "spec");
		char *text;

		if (strcmp(k->name, "node") != 0 && k->table == &pv_Node_table)
			continue; /* as nodes */
		text = section(buf_str(&page), k->name);
		if (spec != NULL)
			check_table(text, spec->message, "spec");
		free(text);
	}
	buf_deinit(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_names_every_field_of_every_kind),
	};

	return unit_run(tests);
}
