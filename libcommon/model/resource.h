/*
 * resource - the kinds of things that administrators name: where they live in the keyspace,
 * what makes one valid, and what is filled in when it is left out.
 *
 * A key is "/roles/<name>" and so on (table in resource_kind.c); its value is the encoded
 * pv_Resource, so that a watcher can be sent stored bytes as they are. Secret parts never
 * go into that value: they live under "/secrets/...".
 */
#ifndef MODEL_RESOURCE_H
#define MODEL_RESOURCE_H

#include "proto/resource.pb.h"
#include "wire/fields_rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct fields_table;

struct resource_kind {
	const char *name;      /* "role" */
	const char *prefix;    /* "/roles/" */
	const char *aliases;   /* "roles", separated by blanks */
	pb_size_t tag;         /* pv_Resource_role_tag */
	const char *version;   /* what is filled in when none is given */
	const char *versions;  /* all that are known, separated by blanks */
	bool sub_kinds;        /* the key is "<prefix><sub_kind>/<name>" */
	bool writable;         /* administrators may put it; else only the daemons make it */
	const char *singleton; /* the name of the only one there is; NULL: any number */
	const char *later;     /* why the whole kind has no effect; NULL: it has */
	const struct fields_table *table; /* of its message, "proto/resource.fields.h" */
	int (*validate)(void *message, struct err *err); /* called by resource_validate() */
};

/* The kind of that name or alias, in any case of letters; NULL: none. */
const struct resource_kind *resource_kind_find(const char *name);

/* Is it a kind of Teleport's that is not here? */
bool resource_kind_is_foreign(const char *name);

/* Do hosts announce themselves by it? Their records are pv_Node and go when they fall silent. */
bool resource_kind_is_host(const struct resource_kind *kind);

bool resource_kind_knows(const struct resource_kind *kind, const char *version);

/* Walks the table: NULL starts, NULL ends. */
const struct resource_kind *resource_kind_next(const struct resource_kind *at);

/* The kind that a message holds; NULL: none, or one that this program does not know. */
const struct resource_kind *resource_kind_of(const pv_Resource *r);

/* The parts that every kind has. Never NULL for a message whose kind is known. The caller may
 * change them. resource_metadata() makes an absent Metadata present. */
pv_Metadata *resource_metadata(pv_Resource *r);
char **resource_sub_kind(pv_Resource *r);
const char *resource_name(const pv_Resource *r); /* "" when there is none */

/* The same of one that may not be changed; labels in the metadata. */
const pv_Metadata *resource_metadata_of(const pv_Resource *r);
const char *resource_sub_kind_of(const pv_Resource *r); /* "" when there is none */

#define RESOURCE_NAME_MAX 200 /* bytes; as long as a name in a certificate may be */
#define RESOURCE_KEY_SIZE 512

/* "/roles/dev" for a kind and a checked name. ERR_INVALID: not a name, or a sub kind is
 * missing or unknown. */
int resource_key(char out[RESOURCE_KEY_SIZE], const struct resource_kind *kind,
                 const char *sub_kind, const char *name, struct err *err);
int resource_key_of(char out[RESOURCE_KEY_SIZE], const pv_Resource *r, struct err *err);

/* Printable, no '/', no blanks at its ends, not "." or "..", 1 to RESOURCE_NAME_MAX bytes of UTF-8.
 */
int resource_check_name(const char *name, struct err *err);

/* No control characters (C0, DEL, C1), no broken UTF-8. */
bool resource_is_printable(const char *text);

/* What a login may look like: a Unix user name, or an LDAP one with dots, dashes and '@' inside. */
bool resource_is_login(const char *login);

bool resource_is_uuid(const char *s);

/*
 * Fills in what is left out (kind, version, namespace, and per kind), then checks it all.
 * ERR_INVALID, naming the field: `role 'dev': spec.allow: logins: '*' is not a login`.
 */
int resource_validate(pv_Resource *r, struct err *err);

/* ERR_UNSUPPORTED: a field would restrict access, and nothing here enforces it. */
int resource_check_enforced(const pv_Resource *r, struct err *err);

/* All fields that have not the effect they ask for: fields_effects(). */
int resource_effects(const pv_Resource *r, fields_effect_fn fn, void *arg);

/* Whole messages to and from the bytes of the keyspace and of events. `out` must be empty;
 * release it with resource_deinit(). ERR_CORRUPT: not such a message. */
int resource_encode(const pv_Resource *r, struct buf *out, struct err *err);
int resource_decode(pv_Resource *out, const uint8_t *bytes, size_t len, struct err *err);
void resource_deinit(pv_Resource *r);

#endif
