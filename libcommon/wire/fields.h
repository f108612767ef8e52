/*
 * fields - our protobuf messages by their tables: bytes, JSON, YAML, copies.
 *
 * tools/protoc-gen-fields writes one `struct fields_table` per message of proto/ into
 * build/gen/proto/X.fields.{h,c}: message `postern.v1.Role`, C struct `pv_Role`, table
 * `pv_Role_table`. Nothing is mapped by hand:
 *
 *   #include "proto/resource.fields.h"
 *
 *   pv_Role role;
 *   if (fields_from_yaml(&pv_Role_table, "role.yaml", text, len, &role, err) != 0) ...
 *   fields_encode(&pv_Role_table, &role, &bytes, err);
 *   fields_release(&pv_Role_table, &role);
 *
 * Text forms (JSON and YAML):
 *   - names are those of the .proto file, or its json_name where one is given ("addr.local");
 *   - what is unset, empty or zero is left out, except elements of lists, and optional fields;
 *   - an unknown or repeated name, or a value of another type, is ERR_INVALID with its path:
 *     "spec.allow.login: unknown field, did you mean spec.allow.logins?"; null is "unset";
 *   - bool: also yes, no, on, off and those in quotes; string: only strings (a YAML 5 must be
 *     "5"); lists: also a single scalar; message Strings: a list or a scalar, written as a list;
 *   - int64 in JSON: a number, or a decimal in a string; enum: by name; bytes: base64;
 *   - (format) = DURATION "8h0m0s" (or nanoseconds), TIME RFC 3339 in UTC, SECRET left out unless
 * asked for, ANY whatever stands there;
 *   - (choices): a string that is one of them, or its number, or its sense as a bool (`on`).
 * Bytes of a string that are not UTF-8 appear as U+FFFD: a record of what happened must not
 * fail over a hostile name.
 *
 * nanopb's sizes have 16 bits here: a string or bytes field of more than FIELDS_ITEM_MAX bytes,
 * or a list of more items, is ERR_LIMIT.
 *
 * Pure: no I/O, no state. Messages are plain nanopb structs; strings and lists in them are
 * malloc'ed, so that code may also fill them by hand (fields_set_str() and friends below).
 */
#ifndef WIRE_FIELDS_H
#define WIRE_FIELDS_H

#include <pb.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct value;

#define FIELDS_ITEM_MAX 65535

/* --- the generated tables ------------------------------------------------------------------- */

enum fields_format {
	FIELDS_PLAIN,
	FIELDS_DURATION,
	FIELDS_TIME,
	FIELDS_SECRET,
	FIELDS_ANY, /* a string that holds the JSON text of any value */
	FIELDS_ANY_SECRET,
};

/* What becomes of a field here: proto/options.proto. */
enum fields_effect {
	FIELDS_WORKS,
	FIELDS_WITHOUT_EFFECT,
	FIELDS_NOT_ENFORCED,
	FIELDS_NOT_ENFORCED_IN_DENY,
};

enum fields_type {
	FIELDS_BOOL,
	FIELDS_INT,
	FIELDS_UINT,
	FIELDS_ENUM,
	FIELDS_STRING,
	FIELDS_BYTES,
	FIELDS_MESSAGE
};

enum fields_shape {
	FIELDS_SINGULAR,
	FIELDS_OPTIONAL, /* scalars whose presence counts; sub-messages */
	FIELDS_REPEATED,
	FIELDS_MAP, /* repeated entries {key, value} */
	FIELDS_ONEOF,
};

struct fields_enum {
	const char *name; /* NULL ends the list */
	int32_t value;
};

struct fields_field {
	const char *name; /* in text */
	uint32_t tag;
	enum fields_type type;
	enum fields_shape shape;
	enum fields_format format;
	const struct fields_table *message; /* sub-messages, and entries of maps */
	const struct fields_enum *values;   /* enums */
	uint32_t at;                        /* of the member in the C struct: FIELDS_AT_... */
	uint32_t size;                      /* of the member, or of an element of the list */
	uint32_t says;                      /* has_x, x_count, which_x; singular ones have none */
	enum fields_effect effect;
	const char *harmless; /* values that need no effect, separated by blanks; NULL: none */
	const char *choices;  /* strings: all that there are, "-" being none; NULL: any */
	const char *initial;  /* what stands for absent; NULL: nothing */
};

struct fields_table {
	const char *name; /* "Role" */
	const pb_msgdesc_t *desc;
	size_t size;                       /* of the C struct */
	const struct fields_field *fields; /* by tag */
	size_t count;
	bool is_strings; /* message Strings: its text is its only list */
	bool secrets;    /* it, or a message within it, has fields that are */
	bool initials;   /* it, or a message that it gets for them, has fields with (initial) */
};

/* Where nanopb puts a field in a message's struct. */
#define FIELDS_AT_SINGULAR(message, member) \
	.at = offsetof(message, member), .size = sizeof(((message *)0)->member)
#define FIELDS_AT_OPTIONAL(message, member) \
	FIELDS_AT_SINGULAR(message, member), .says = offsetof(message, has_##member)
#define FIELDS_AT_REPEATED(message, member)                                       \
	.at = offsetof(message, member), .size = sizeof(*((message *)0)->member), \
	.says = offsetof(message, member##_count)
#define FIELDS_AT_ONEOF(message, group, member) \
	FIELDS_AT_SINGULAR(message, group.member), .says = offsetof(message, which_##group)

/* --- messages in memory ---------------------------------------------------------------------- */

/* Appends the protobuf bytes. */
int fields_encode(const struct fields_table *t, const void *msg, struct buf *out, struct err *err);

/* Fills *out_msg (any content before is ignored). On failure it is an empty message that
 * needs no release. ERR_CORRUPT, ERR_NOMEM. */
int fields_decode(const struct fields_table *t, const void *data, size_t len, void *out_msg,
                  struct err *err);

/* Frees what msg points to, secrets overwritten first, and makes it an empty message. */
void fields_release(const struct fields_table *t, void *msg);

int fields_clone(const struct fields_table *t, const void *msg, void *out_msg, struct err *err);

/* By content: the order of a map's entries does not count; an unset string equals "", an absent
 * sub-message an empty one. */
bool fields_equal(const struct fields_table *t, const void *a, const void *b);

/* For filling messages by hand. All copy; ERR_NOMEM, or ERR_LIMIT above FIELDS_ITEM_MAX. */
int fields_set_str(char **field, const char *text,
                   struct err *err); /* frees the old; NULL: unset */
int fields_set_bytes(pb_bytes_array_t **field, const void *data, size_t len, struct err *err);
int fields_add_str(char ***list, pb_size_t *count, const char *text, struct err *err);

/* Adds one zeroed element of `size` bytes to a repeated message field and returns it; NULL and
 * err on failure:
 *   pv_Rule *rule = fields_add(&allow->rules, &allow->rules_count, sizeof(*rule), err); */
void *fields_add(void *list, pb_size_t *count, size_t size, struct err *err);

/* --- text ------------------------------------------------------------------------------------ */

enum {
	FIELDS_WITH_SECRETS = 1,
	FIELDS_PRETTY = 2, /* JSON on several lines */
};

int fields_to_json(const struct fields_table *t, const void *msg, unsigned flags, struct buf *out,
                   struct err *err);

/* ERR_INVALID, ERR_LIMIT, ERR_NOMEM; *out_msg as in fields_decode(). Empty text is {}. */
int fields_from_json(const struct fields_table *t, const void *text, size_t len, void *out_msg,
                     struct err *err);

int fields_to_yaml(const struct fields_table *t, const void *msg, unsigned flags, struct buf *out,
                   struct err *err);

/* Exactly one document. Messages begin with "FILE:LINE: ". */
int fields_from_yaml(const struct fields_table *t, const char *file, const void *text, size_t len,
                     void *out_msg, struct err *err);

/* The steps between: for streams of several documents (conf/yaml.h), JSON arrays (wire/json.h)
 * and for answers that several messages make up. `file` NULL: no place in messages. */
int fields_to_value(const struct fields_table *t, const void *msg, unsigned flags,
                    struct value **out_value, struct err *err);
int fields_from_value(const struct fields_table *t, const char *file, const struct value *v,
                      void *out_msg, struct err *err);

/* --- records of newer programs --------------------------------------------------------------- */

/*
 * A program that rewrites a record loses the fields it does not know. This appends to `out`
 * the new bytes together with those fields of the old bytes that table `t` does not name,
 * also within singular sub-messages that both have. ERR_CORRUPT when either is no message.
 */
int fields_carry_unknown(const struct fields_table *t, const void *old_data, size_t old_len,
                         const void *new_data, size_t new_len, struct buf *out, struct err *err);

#endif
