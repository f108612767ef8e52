/*
 * role_part - what a role allows, or what it denies: its templates filled in from somebody's
 * traits, its selectors, expressions and rules compiled. Half of a role, inside of a role set.
 */
#ifndef MODEL_ROLE_PART_H
#define MODEL_ROLE_PART_H

#include "base/strlist.h"
#include "model/label_filter.h"

#include "proto/resource.pb.h"

#include <stdbool.h>

struct err;
struct rules;
struct traits;

struct role_part {
	bool in_scope; /* its namespaces hold "default", the only one there is */
	struct strlist logins;
	struct label_filter nodes;
	struct rules *rules;
	struct strlist kubernetes_groups;
	struct strlist kubernetes_users;
	struct label_filter kubernetes;
};

/* Whether its namespaces hold "default", or all, or are not said. */
bool role_part_in_scope(const pv_RoleConditions *c);

/* A part whose templates give something unusable is narrowed when it allows, and refused when it
 * denies (ERR_INVALID): either way nobody gets more than was meant. Deinit it in any case. */
int role_part_init(struct role_part *part, const pv_RoleConditions *c, const struct traits *traits,
                   bool denying, struct err *err);
void role_part_deinit(struct role_part *part);

#endif
