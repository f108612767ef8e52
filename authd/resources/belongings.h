/*
 * belongings - what lives and dies with a resource of which kind, as companions of its write:
 *
 *   struct companions with = { 0 };
 *   belongings_of_delete(a, kind, name, &with, &stored_name, err);
 *   ops = the resource's own, then with.ops[0 .. with.count)
 *   keyspace_write(...);
 *   companions_deinit(&with);
 */
#ifndef AUTHD_RESOURCES_BELONGINGS_H
#define AUTHD_RESOURCES_BELONGINGS_H

#include "authd/core/companions.h"

#include "proto/resource.pb.h"

struct authd;
struct err;
struct resource_kind;

/*
 * Before a checked resource is put by an administrator. A new token's name is its secret: it
 * becomes a random id here, as which the token is listed, and the secret's hash a companion.
 */
int belongings_of_put(struct authd *a, pv_Resource *r, struct companions *out, struct err *err);

/* Before the resource is deleted. A token may be named by its id or by its secret: *out_name gets
 * the name under which it lies; malloc'ed. */
int belongings_of_delete(struct authd *a, const struct resource_kind *kind, const char *name,
                         struct companions *out, char **out_name, struct err *err);

#endif
