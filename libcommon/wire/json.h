/*
 * json - JSON text to and from values, by jansson.
 *
 * Strict: UTF-8 only, no duplicate keys, no NUL in strings, integers within int64, nothing
 * behind the one value.
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;
struct value;

#define JSON_SIZE_MAX (4u * 1024 * 1024)

/* ERR_INVALID with line and column, ERR_LIMIT, ERR_NOMEM. value_free() the result. */
int json_read(const void *text, size_t len, struct value **out_value, struct err *err);

/* Appends the text: on one line, or `pretty` with an indent of 4 and a line end. */
int json_write(const struct value *v, bool pretty, struct buf *out, struct err *err);

#endif
