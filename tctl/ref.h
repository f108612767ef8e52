/*
 * ref - how commands name resources: "roles", "role/dev", "cert_authority/host/example.com".
 */
#ifndef TCTL_REF_H
#define TCTL_REF_H

struct err;
struct resource_kind;

struct ref {
	const struct resource_kind *kind;
	const char *sub_kind; /* NULL: any */
	const char *name;     /* NULL: all */
};

/* Cuts the text at its slashes and borrows the pieces. ERR_INVALID with a suggestion. */
int ref_parse(char *text, struct ref *out, struct err *err);

/* The kind of that name or alias. ERR_INVALID with a suggestion. */
int ref_kind(const char *name, const struct resource_kind **out, struct err *err);

#endif
