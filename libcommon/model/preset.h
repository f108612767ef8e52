/*
 * preset - the roles that a new cluster begins with: access, editor, auditor.
 */
#ifndef MODEL_PRESET_H
#define MODEL_PRESET_H

#include "proto/resource.pb.h"

#include <stddef.h>

struct err;

#define PRESET_ROLES 3

/* Fills the empty *out with the preset of that index, valid and complete; the caller
 * releases it. */
int preset_role(size_t index, pv_Role *out, struct err *err);

#endif
