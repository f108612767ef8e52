/*
 * companions - what lives and dies with a resource under /secrets/: a user's password, a
 * token's material, the record that a host has joined.
 *
 * Whoever writes or deletes a resource adds these operations to the same write, so that
 * neither is ever there without the other:
 *
 *   struct companions with = { 0 };
 *   companions_of_delete(a, kind, name, &with, err);
 *   ops = the resource's own, then with.ops[0 .. with.count)
 *   keyspace_write(...);
 *   companions_deinit(&with);
 */
#ifndef AUTHD_COMPANIONS_H
#define AUTHD_COMPANIONS_H

#include "base/buf.h"
#include "base/strlist.h"
#include "proto/resource.pb.h"
#include "store/keyspace.h"

#include <stddef.h>

struct authd;
struct err;
struct resource_kind;

#define COMPANIONS_MAX 4

struct companions {
	struct keyspace_op ops[COMPANIONS_MAX];
	size_t count;
	struct strlist keys;               /* what the operations borrow */
	struct buf values[COMPANIONS_MAX]; /* likewise */
};

/*
 * Before a checked resource is put by an administrator. A token's name is its secret: it becomes
 * a random id here, as which the token is listed, and the secret's hash a companion.
 */
int companions_of_put(struct authd *a, pv_Resource *r, struct companions *out, struct err *err);

/* Before the resource is deleted. A token may be named by its id or by its secret: *out_name gets
 * the name under which it lies; malloc'ed. */
int companions_of_delete(struct authd *a, const struct resource_kind *kind, const char *name,
                         struct companions *out, char **out_name, struct err *err);

/* Overwrites what was secret. */
void companions_deinit(struct companions *c);

#endif
