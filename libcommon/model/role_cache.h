/*
 * role_cache - role sets that were made, for the identities that ask again.
 *
 * A set costs parsing and compiling; deciding with it microseconds. Each daemon keeps the sets of
 * the latest identities (user, roles, traits) and forgets them all when any role changes.
 */
#ifndef MODEL_ROLE_CACHE_H
#define MODEL_ROLE_CACHE_H

#include "model/role.h"

struct role_cache;

/* Keeps up to `max` sets, the latest used. `lookup` answers with the roles as they are now. NULL
 * when memory runs out. */
struct role_cache *role_cache_new(size_t max, role_lookup lookup, void *arg);
void role_cache_free(struct role_cache *c);

/* A role has changed, or may have. */
void role_cache_forget(struct role_cache *c);

/* The set of an identity; role_set_unref() it. Errors as role_set_new(), and are not kept. */
int role_cache_get(struct role_cache *c, const pv_Identity *who, struct role_set **out,
                   struct err *err);

#endif
