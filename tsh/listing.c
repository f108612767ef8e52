#include "tsh/listing.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "model/resource.h"
#include "wire/fields.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

struct row {
	char *cells[LISTING_COLUMNS_MAX];
};

struct listing {
	enum listing_format format;
	const struct listing_table *table;
	size_t columns;
	struct row *rows; /* text and names */
	size_t count;
	size_t cap;
	struct value *list; /* JSON and YAML */
};

static const char *const formats[] = { "text", "json", "yaml", "names" };

int listing_format_parse(const char *name, enum listing_format *out, struct err *err)
{
	*out = LISTING_TEXT;
	if (name == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(name, formats[i]) != 0)
			continue;
		*out = (enum listing_format)i;
		return 0;
	}
	return err_set(err, ERR_INVALID, "--format: '%s' is not one of text, json, yaml, names",
	               name);
}

struct listing *listing_new(enum listing_format format, const struct listing_table *table)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->format = format;
	l->table = table;
	l->list = value_new(VALUE_LIST);
	while (table->titles[l->columns] != NULL)
		l->columns++;
	if (l->list == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

static void free_row(struct row *row)
{
	for (int i = 0; i < LISTING_COLUMNS_MAX; i++)
		free(row->cells[i]);
}

void listing_free(struct listing *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		free_row(&l->rows[i]);
	free(l->rows);
	value_free(l->list);
	free(l);
}

/* --- gathering
 * ------------------------------------------------------------------------------------ */

/* A name or label may hold anything; a terminal must not get control characters from it. */
static void make_printable(struct row *row)
{
	for (int i = 0; i < LISTING_COLUMNS_MAX; i++) {
		for (char *p = row->cells[i]; p != NULL && *p != 0; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = '?';
		}
	}
}

static int add_row(struct listing *l, const pv_Resource *r, struct err *err)
{
	struct row *row;

	if (l->count == l->cap) {
		size_t cap = l->cap != 0 ? 2 * l->cap : 64;
		struct row *rows = realloc(l->rows, cap * sizeof(*rows));

		if (rows == NULL)
			return err_set_nomem(err);
		l->rows = rows;
		l->cap = cap;
	}
	row = &l->rows[l->count];
	memset(row, 0, sizeof(*row));
	if (l->table->row(r, row->cells, err) != 0) {
		free_row(row);
		return err->code;
	}
	make_printable(row);
	l->count++;
	return 0;
}

int listing_add(void *listing, const pv_Resource *r, struct err *err)
{
	const struct resource_kind *kind;
	struct listing *l = listing;
	struct value *v = NULL;

	if (l->format == LISTING_TEXT || l->format == LISTING_NAMES)
		return add_row(l, r, err);
	kind = resource_kind_of(r);
	if (kind == NULL)
		return err_set(err, ERR_CORRUPT, "the answer holds a resource of an unknown kind");
	if (fields_to_value(kind->table, &r->of, 0, &v, err) != 0)
		return err->code;
	return value_append(l->list, v, err);
}

/* --- printing
 * ------------------------------------------------------------------------------------- */

static const char *cell(const struct row *row, size_t column)
{
	return row->cells[column] != NULL ? row->cells[column] : "";
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(cell(a, 0), cell(b, 0));
}

static void print_row(const char *const *cells, const size_t *widths, size_t columns, FILE *to)
{
	for (size_t c = 0; c < columns; c++) {
		const char *text = cells[c] != NULL ? cells[c] : "";

		if (c + 1 < columns)
			fprintf(to, "%-*s  ", (int)widths[c], text);
		else
			fprintf(to, "%s\n", text);
	}
}

static void print_table(const struct listing *l, FILE *to)
{
	size_t widths[LISTING_COLUMNS_MAX];

	for (size_t c = 0; c < l->columns; c++) {
		widths[c] = strlen(l->table->titles[c]);
		for (size_t i = 0; i < l->count; i++) {
			size_t len = strlen(cell(&l->rows[i], c));

			widths[c] = len > widths[c] ? len : widths[c];
		}
	}
	print_row(l->table->titles, widths, l->columns, to);
	for (size_t i = 0; i < l->count; i++)
		print_row((const char *const *)l->rows[i].cells, widths, l->columns, to);
}

static int print_values(const struct listing *l, FILE *to, struct err *err)
{
	struct buf text = { 0 };
	int rc = l->format == LISTING_JSON ? json_write(l->list, true, &text, err)
	                                   : yaml_write(l->list, &text, err);

	if (rc == 0)
		fputs(buf_str(&text), to);
	buf_deinit(&text);
	return rc;
}

int listing_print(struct listing *l, FILE *to, struct err *err)
{
	if (l->format == LISTING_JSON || l->format == LISTING_YAML)
		return print_values(l, to, err);
	if (l->count > 0)
		qsort(l->rows, l->count, sizeof(l->rows[0]), compare_rows);
	if (l->format == LISTING_TEXT)
		print_table(l, to);
	for (size_t i = 0; l->format == LISTING_NAMES && i < l->count; i++)
		fprintf(to, "%s\n", cell(&l->rows[i], (size_t)l->table->name));
	return 0;
}

char *listing_labels(const pv_Metadata_LabelsEntry *labels, size_t count)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < count; i++)
		buf_appendf(&out, "%s%s=%s", i > 0 ? "," : "",
		            labels[i].key != NULL ? labels[i].key : "",
		            labels[i].value != NULL ? labels[i].value : "");
	if (out.failed != 0 || out.len == 0) {
		buf_deinit(&out);
		return strdup("");
	}
	return (char *)buf_take(&out, NULL);
}
