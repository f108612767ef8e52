/*
 * role - the role that the benchmarks write: a usual one, some 130 bytes when encoded.
 */
#ifndef SIMULATOR_ROLE_H
#define SIMULATOR_ROLE_H

#include "proto/resource.pb.h"

/* The resource points into the struct: it stays where it was filled. */
struct role {
	pv_Resource resource;
	char login[24];
	char *logins[2];
	char *label_values[2];
	pv_RoleConditions_NodeLabelsEntry labels[1];
};

/* `name` is borrowed; `number` makes the content differ. */
void role_fill(struct role *r, const char *name, unsigned number);

#endif
