/*
 * own_roles - the records of somebody's roles, for what a role_set does not tell: what they may ask
 * for, and judge (model/request.h).
 */
#ifndef AUTHD_ACCESS_OWN_ROLES_H
#define AUTHD_ACCESS_OWN_ROLES_H

#include "model/request.h"

#include <stddef.h>

struct authd;
struct err;

struct own_roles {
	pv_Role *items;
	size_t count;
};

/* ERR_NOT_FOUND: one of them is gone. */
int own_roles_load(struct authd *a, char *const *names, size_t count, struct own_roles *out,
                   struct err *err);
void own_roles_deinit(struct own_roles *r);

/* Them as `who`'s, whose they are. */
static inline struct request_person own_roles_of(const struct own_roles *r, const pv_Identity *who)
{
	return (struct request_person){ who, r->items, r->count };
}

#endif
