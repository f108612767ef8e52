/*
 * rule - "these verbs on these kinds of resources", as roles list them for calls.
 *
 * Of the conditions that Teleport's `where` can express one is known here, the one that
 * lets people see the recordings of their own sessions:
 *
 *   contains(session.participants, user.metadata.name)
 */
#ifndef MODEL_RULE_H
#define MODEL_RULE_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct role_context;

/* ERR_INVALID: no resources, no verbs, an unknown one of either. ERR_UNSUPPORTED: another
 * condition than the one above, or actions. */
int rule_check(const pv_Rule *rule, struct err *err);

/* Does one of the rules of an allowing or a denying part speak of this? A condition that is
 * not known never allows and always denies. `context` may be NULL. */
bool rule_allows(const pv_Rule *rules, size_t count, const char *kind, const char *verb,
                 const struct role_context *context);
bool rule_denies(const pv_Rule *rules, size_t count, const char *kind, const char *verb,
                 const struct role_context *context);

#endif
