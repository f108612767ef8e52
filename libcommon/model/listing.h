/*
 * listing - resources as people or programs want them: a table, JSON, YAML, or names.
 *
 * JSON is an array, YAML one document per resource, so that it can be given back to
 * `tctl create`. A table's cells come from others: what would steer a terminal becomes '?'.
 */
#ifndef MODEL_LISTING_H
#define MODEL_LISTING_H

#include "proto/resource.pb.h"

#include <stdio.h>

struct err;
struct listing;

enum listing_format { LISTING_TEXT, LISTING_JSON, LISTING_YAML, LISTING_NAMES };

/* ERR_INVALID: no such format. NULL leaves *out alone: it holds the default. */
int listing_format_parse(const char *name, enum listing_format *out, struct err *err);

#define LISTING_COLUMNS_MAX 8

/* How a resource becomes a row; cells are malloc'ed, NULL is "". ERR_NOMEM. */
struct listing_table {
	const char *titles[LISTING_COLUMNS_MAX]; /* NULL ends */
	int (*row)(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err);
	int name; /* the column that LISTING_NAMES prints */
};

/* `table` is borrowed. NULL when memory runs out. */
struct listing *listing_new(enum listing_format format, const struct listing_table *table);
void listing_free(struct listing *l);

/* Secrets that come are shown, in YAML and JSON. */
void listing_show_secrets(struct listing *l);

/* Takes one more (a struct listing, as void * so that it can be a callback). */
int listing_add(void *listing, const pv_Resource *r, struct err *err);

/* Prints all, rows sorted by their first column. */
int listing_print(struct listing *l, FILE *to, struct err *err);

/* "env=prod,zone=a" of labels and "a,b" of words, for cells. NULL when memory runs out. */
char *listing_labels(const pv_Metadata_LabelsEntry *labels, size_t count);
char *listing_words(char *const *words, size_t count);

#endif
