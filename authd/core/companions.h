/*
 * companions - operations under /secrets/ that go into the same write as a resource's own, so
 * that neither is ever there without the other: a user's password, a token's material, the
 * record that a host has joined. What belongs to which kind: authd/resources/belongings.h.
 */
#ifndef AUTHD_CORE_COMPANIONS_H
#define AUTHD_CORE_COMPANIONS_H

#include "base/buf.h"
#include "base/strlist.h"
#include "store/keyspace.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct fields_table;

#define COMPANIONS_MAX 8

struct companions {
	struct keyspace_op ops[COMPANIONS_MAX];
	size_t count;
	struct strlist keys;               /* what the operations borrow */
	struct buf values[COMPANIONS_MAX]; /* likewise */
};

/* Adds an operation on a key, which is copied. */
int companions_add(struct companions *c, struct keyspace_op op, const char *key, struct err *err);

/* Adds the creation of a record that lives until `expires` (ms since 1970, 0 = for good). */
int companions_add_create(struct companions *c, const char *key, const struct fields_table *t,
                          const void *msg, int64_t expires, struct err *err);

/* The same of a record that may be there: it is replaced. */
int companions_add_put(struct companions *c, const char *key, const struct fields_table *t,
                       const void *msg, int64_t expires, struct err *err);

/* Overwrites what was secret. */
void companions_deinit(struct companions *c);

#endif
