/*
 * ref - how commands name resources: "roles", "role/dev", "cert_authority/host/example.com".
 */
#ifndef TCTL_REF_H
#define TCTL_REF_H

#include <stddef.h>

struct err;
struct resource_kind;

struct ref {
	const struct resource_kind *kind;
	const char *sub_kind; /* NULL: any */
	const char *name;     /* NULL: all */
};

/* Cuts the text at its slashes and borrows the pieces. ERR_INVALID with a suggestion. */
int ref_parse(char *text, struct ref *out, struct err *err);

/* The same of exactly one resource; the only one of its kind needs no name. */
int ref_parse_one(char *text, struct ref *out, struct err *err);

/* "roles,user/alice,connectors" into refs; "all" is every kind that could be created again. Borrows
 * as ref_parse(). ERR_LIMIT: more than `max`. */
int ref_parse_list(char *text, struct ref *refs, size_t max, size_t *out_count, struct err *err);

/* The kind of that name or alias. ERR_INVALID with a suggestion. */
int ref_kind(const char *name, const struct resource_kind **out, struct err *err);

#endif
