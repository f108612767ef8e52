/*
 * system_role - what the daemons of a cluster may do: Node, Proxy and their like have fixed
 * rules, which no administrator changes.
 */
#ifndef MODEL_SYSTEM_ROLE_H
#define MODEL_SYSTEM_ROLE_H

struct err;

/* The proper spelling ("node" -> "Node") of a role that a host may hold; NULL: there is none. */
const char *system_role_name(const char *name);

/* May a host of this role do `verb` to a `kind`? `read` includes `readnosecrets`.
 * ERR_DENIED. That a host changes only its own records is for the caller to check. */
int system_role_check(const char *role, const char *kind, const char *verb, struct err *err);

#endif
