/*
 * yaml - YAML text to and from values, by libyaml.
 *
 * Duplicate keys, keys that are not scalars, aliases and merge keys are errors; the bounds are
 * those of value.h. Messages begin with "FILE:LINE: ".
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include <stddef.h>

struct buf;
struct err;
struct value;

#define YAML_SIZE_MAX (4u * 1024 * 1024)

/* The documents of a stream; empty ones are skipped. */
struct yaml_docs {
	struct value **items;
	size_t count;
};

/* `file` is for messages. ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
int yaml_read(const char *file, const void *text, size_t len, struct yaml_docs *out_docs,
              struct err *err);
void yaml_docs_deinit(struct yaml_docs *docs);

/* Appends one document, without "---" before it. Text that would read back as something else
 * is quoted; short lists of scalars stand on one line. */
int yaml_write(const struct value *v, struct buf *out, struct err *err);

#endif
