/*
 * listing - resources as people or programs want them: a table, JSON, YAML, or names.
 */
#ifndef TSH_LISTING_H
#define TSH_LISTING_H

#include "proto/resource.pb.h"

#include <stdio.h>

struct err;
struct listing;

enum listing_format { LISTING_TEXT, LISTING_JSON, LISTING_YAML, LISTING_NAMES };

/* ERR_INVALID: no such format. NULL is text. */
int listing_format_parse(const char *name, enum listing_format *out, struct err *err);

#define LISTING_COLUMNS_MAX 8

/* How a resource becomes a row; strings are malloc'ed, NULL is "". */
struct listing_table {
	const char *titles[LISTING_COLUMNS_MAX]; /* NULL ends */
	int (*row)(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err);
	int name; /* the column that LISTING_NAMES prints */
};

struct listing *listing_new(enum listing_format format, const struct listing_table *table);
void listing_free(struct listing *l);

/* Takes one more; an api_each. */
int listing_add(void *listing, const pv_Resource *r, struct err *err);

/* Prints all, rows sorted by their first column. */
int listing_print(struct listing *l, FILE *to, struct err *err);

/* "env=prod,zone=a" of labels; for cells. NULL when memory runs out. */
char *listing_labels(const pv_Metadata_LabelsEntry *labels, size_t count);

#endif
