/*
 * conf_types - what each conf_type accepts. Private to conf.
 */
#ifndef CONF_CONF_TYPES_H
#define CONF_CONF_TYPES_H

#include "conf/conf.h"

struct value;

/* Size of the struct's member. */
size_t conf_type_size(const struct conf_key *key);

/* Sets the member, which is empty, from a value that is not null. Messages say only what is
 * wrong with the value; the caller knows where. */
int conf_type_set(const struct conf_key *key, const struct value *v, void *at, struct err *err);

/* From key->value; that it is right is the table's own duty (assert). ERR_NOMEM. */
int conf_type_set_default(const struct conf_key *key, void *at, struct err *err);

/* CONF_BLOCKS; messages are whole ("FILE:LINE: key: ..."). */
int conf_blocks_set(const char *file, const struct conf_key *key, const struct value *v, void *at,
                    struct err *err);

/* Frees and empties the member. */
void conf_type_free(const struct conf_key *key, void *at);

#endif
