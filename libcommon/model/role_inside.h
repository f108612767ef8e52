/*
 * role_inside - what the files of role share: a set as it was made.
 */
#ifndef MODEL_ROLE_INSIDE_H
#define MODEL_ROLE_INSIDE_H

#include "model/role.h"
#include "model/role_part.h"

struct role {
	const char *name;
	int64_t ttl;
	pv_Role pb;
	struct role_part allow;
	struct role_part deny;
};

struct role_set {
	unsigned refs;
	pv_Identity who;
	struct role *roles;
	size_t count;
	bool implicit; /* what everybody may read is added: always, but for the only role "nop" */
	struct role_options options;
};

#endif
