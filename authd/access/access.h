/*
 * access - what a caller may do. The one place where calls are authorized.
 *
 *   local (unix socket)        may do everything
 *   anonymous                  ACCESS_ANYBODY calls only
 *   host (Node, Proxy)         what model/system_role.h lists
 *   user                       what the rules of their roles say (model/role.h); another cluster's
 *                              people have the roles that its role map gives, and no record here
 *   another cluster's daemon   what model/system_role.h lists for model/trust.h's roles
 *
 * methods.c says for each call which of this applies; calls whose kind stands in the request
 * (GetResource and its like) ask access_check() themselves and have ACCESS_REQUEST in the table.
 */
#ifndef AUTHD_ACCESS_H
#define AUTHD_ACCESS_H

#include "model/role.h"

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stdint.h>

struct authd;
struct err;
struct peer;
struct role_set;
struct rpc_call;
struct rpc_method;

enum access {
	ACCESS_ANYBODY, /* also anonymous */
	ACCESS_HOST,    /* a daemon of the cluster; `access_data` may name system roles, with blanks
	                   between */
	ACCESS_USER,    /* a person of this cluster, about themselves */
	ACCESS_REMOTE,  /* a daemon of another cluster (PEER_REMOTE) */
	ACCESS_RULE,    /* `access_data` is a struct access_rule */
	ACCESS_REQUEST, /* somebody known; the handler asks access_check() for what is asked for */
	ACCESS_LOCAL,   /* the local administrator only: it would be somebody else's identity */
};

struct access_rule {
	const char *kind;
	const char *verb;
};

/* Hook of the rpc server: judges a call. */
int access_authorize(struct rpc_call *call, const struct rpc_method *method, struct err *err);

/* May the caller do `verb` to a `kind`? `resource` is what it is about, for conditions; NULL: not
 * known, or any. ERR_DENIED, ERR_UNAUTHENTICATED. */
int access_check(const struct rpc_call *call, const char *kind, const char *verb,
                 const pv_Resource *resource, struct err *err);

/* The same as a verdict, for those who may learn the resource later; without actions of rules. */
enum role_verdict access_judge(const struct rpc_call *call, const char *kind, const char *verb,
                               const pv_Resource *resource, struct err *err);

/* A person who has a record here. */
bool access_is_own_user(const struct authd *a, const struct peer *peer);

/* The caller's roles as they are now, NULL for all but users; borrowed until the loop runs again.
 * A failure means: no access. */
int access_roles(const struct rpc_call *call, const struct role_set **out_roles, struct err *err);

/* Another number after every change of one of the peer's roles. */
uintptr_t access_generation(const struct authd *a, const struct peer *peer);

/* A role_lookup (model/role.h) that reads the keyspace; arg is the struct authd. */
int access_lookup_role(void *arg, const char *name, pv_Role *out, struct err *err);

#endif
