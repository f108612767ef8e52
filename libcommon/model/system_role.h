/*
 * system_role - what the components of a cluster may do: Node, Proxy and their like have fixed
 * rules, which no administrator changes.
 *
 * Those that a host's certificate may have are its daemons'; the others are callers that hold no
 * certificate of their own (RemoteProxy: a proxy of another cluster, by that cluster's), and are
 * here so that one table says what everything may do. What goes beyond a kind and a verb is for the
 * caller to check: that a host changes only its own records, and a RemoteProxy, which may not write
 * at all by this table, the authority of its own cluster.
 */
#ifndef MODEL_SYSTEM_ROLE_H
#define MODEL_SYSTEM_ROLE_H

struct err;

/* The proper spelling ("node" -> "Node") of a role that a host may hold; NULL: there is none. */
const char *system_role_name(const char *name);

/* May somebody of this role do `verb` to a `kind`? `read` includes `readnosecrets`.
 * ERR_DENIED. */
int system_role_check(const char *role, const char *kind, const char *verb, struct err *err);

#endif
