#include "model/listing.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/printable.h"
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
	unsigned flags;     /* FIELDS_WITH_SECRETS */
};

static const char *const formats[] = { "text", "json", "yaml", "names" };

int listing_format_parse(const char *name, enum listing_format *out, struct err *err)
{
	if (name == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(name, formats[i]) == 0) {
			*out = (enum listing_format)i;
			return 0;
		}
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
	while (l->columns < LISTING_COLUMNS_MAX && table->titles[l->columns] != NULL)
		l->columns++;
	if (l->list == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

static void free_row(struct row *row)
{
	for (size_t i = 0; i < LISTING_COLUMNS_MAX; i++)
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

void listing_show_secrets(struct listing *l)
{
	l->flags = FIELDS_WITH_SECRETS;
}

/* --- gathering ------------------------------------------------------------------------------- */

static int grow(struct listing *l, struct err *err)
{
	size_t cap = l->cap != 0 ? 2 * l->cap : 64;
	struct row *rows = realloc(l->rows, cap * sizeof(*rows));

	if (rows == NULL)
		return err_set_nomem(err);
	l->rows = rows;
	l->cap = cap;
	return 0;
}

static int add_row(struct listing *l, const pv_Resource *r, struct err *err)
{
	struct row row = { 0 };
	int rc = 0;

	if (l->count == l->cap)
		rc = grow(l, err);
	if (rc == 0)
		rc = l->table->row(r, row.cells, err);
	if (rc != 0) {
		free_row(&row);
		return rc;
	}
	for (size_t i = 0; i < LISTING_COLUMNS_MAX; i++)
		if (row.cells[i] != NULL)
			printable_make(row.cells[i]);
	l->rows[l->count++] = row;
	return 0;
}

int listing_add(void *listing, const pv_Resource *r, struct err *err)
{
	const struct resource_kind *kind = resource_kind_of(r);
	struct listing *l = listing;
	struct value *v = NULL;

	if (kind == NULL)
		return err_set(err, ERR_CORRUPT, "the answer holds a resource of an unknown kind");
	if (l->format == LISTING_TEXT || l->format == LISTING_NAMES)
		return add_row(l, r, err);
	if (fields_to_value(kind->table, &r->of, l->flags, &v, err) != 0)
		return err->code;
	return value_append(l->list, v, err);
}

/* --- printing -------------------------------------------------------------------------------- */

static const char *cell(const struct row *row, size_t column)
{
	return row->cells[column] != NULL ? row->cells[column] : "";
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(cell(a, 0), cell(b, 0));
}

/* Characters, not bytes: those that continue one (10xxxxxx) do not count. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text != 0; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* One cell of a line, and blanks up to the next unless it is the last. */
static void print_cell(const struct listing *l, size_t column, const char *text, size_t room,
                       FILE *to)
{
	bool last = column + 1 == l->columns;

	fputs(text, to);
	if (last)
		fputc('\n', to);
	else
		fprintf(to, "%*s", (int)(room - width(text) + 2), "");
}

static void print_table(const struct listing *l, FILE *to)
{
	size_t rooms[LISTING_COLUMNS_MAX];
	char dashes[64];

	memset(dashes, '-', sizeof(dashes));
	for (size_t c = 0; c < l->columns; c++) {
		rooms[c] = width(l->table->titles[c]);
		for (size_t i = 0; i < l->count; i++)
			if (width(cell(&l->rows[i], c)) > rooms[c])
				rooms[c] = width(cell(&l->rows[i], c));
		print_cell(l, c, l->table->titles[c], rooms[c], to);
	}
	for (size_t c = 0; c < l->columns; c++) {
		dashes[width(l->table->titles[c])] = 0;
		print_cell(l, c, dashes, rooms[c], to);
		dashes[width(l->table->titles[c])] = '-';
	}
	for (size_t i = 0; i < l->count; i++)
		for (size_t c = 0; c < l->columns; c++)
			print_cell(l, c, cell(&l->rows[i], c), rooms[c], to);
}

static int print_values(const struct listing *l, FILE *to, struct err *err)
{
	struct buf text = { 0 };
	int rc = 0;

	if (l->format == LISTING_JSON)
		rc = json_write(l->list, true, &text, err);
	for (size_t i = 0; rc == 0 && l->format == LISTING_YAML && i < l->list->count; i++) {
		if (i > 0)
			buf_append_str(&text, "---\n");
		rc = yaml_write(l->list->items[i], &text, err);
	}
	if (rc == 0)
		fputs(buf_str(&text), to);
	buf_wipe(&text);
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

/* --- cells ----------------------------------------------------------------------------------- */

static char *take_cell(struct buf *b)
{
	char *text = b->failed == ERR_OK ? strdup(buf_str(b)) : NULL;

	buf_deinit(b);
	return text;
}

char *listing_labels(const pv_Metadata_LabelsEntry *labels, size_t count)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < count; i++)
		buf_appendf(&out, "%s%s=%s", i > 0 ? "," : "",
		            labels[i].key != NULL ? labels[i].key : "",
		            labels[i].value != NULL ? labels[i].value : "");
	return take_cell(&out);
}

char *listing_words(char *const *words, size_t count)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < count; i++)
		buf_appendf(&out, "%s%s", i > 0 ? "," : "", words[i] != NULL ? words[i] : "");
	return take_cell(&out);
}
