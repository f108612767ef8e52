/*
 * role_map - which roles of ours the users of another cluster have, by the roles they have there.
 *
 *   {remote: '^team-(.*)$', local: ['leaf-$1', 'readers']}
 *
 * `remote` is a name, a pattern with * or a regular expression from ^ to $; $1 and ${1} in a local
 * name are what its parentheses, or its stars, stood for. Entries are taken in order and do not
 * exclude each other; a name that comes out empty is none.
 */
#ifndef MODEL_ROLE_MAP_H
#define MODEL_ROLE_MAP_H

#include "proto/resource.pb.h"

#include <stddef.h>

struct err;
struct strlist;

/*
 * Appends the local roles of somebody with these remote ones. Whoever has none is taken for having
 * the role "", which '*' fits. ERR_DENIED: none maps to any. ERR_INVALID: a bad entry; ERR_LIMIT:
 * one that takes too long: it is nobody's then.
 */
int role_map_apply(const pv_RoleMapping *map, size_t map_count, char *const *remote,
                   size_t remote_count, struct strlist *out, struct err *err);

/* ERR_INVALID, beginning with `field`: a remote that is empty, no expression, or there already; no
 * local name, an empty one, one that is '*', or one that $ is no capture in. */
int role_map_check(const char *field, const pv_RoleMapping *map, size_t map_count, struct err *err);

#define ROLE_MAP_USER "remote-" /* how those names begin */

/* The name under which another cluster's user acts here, "remote-alice-root.example.com": no user
 * of ours can have it taken for theirs. malloc'ed; NULL when memory runs out. */
char *role_map_user(const char *user, const char *cluster);

#endif
