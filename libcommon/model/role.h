/*
 * role - a person's roles as one set, and what the set allows.
 *
 * A set is made from an identity: each of its roles is looked up, templates are filled from its
 * traits, patterns and conditions are compiled, and the implicit role (read what everybody may
 * read) is added. Everything is decided the same way: a denial in any role wins; otherwise one
 * single role must allow all of it, never two roles half each.
 *
 *   role_set_new() --> role_set_check_login(node, login)   may this login be used there?
 *                  --> role_set_check_call(kind, verb)     may this call be made?
 *                  --> role_set_options()                  with which limits?
 *
 * Failures are ERR_DENIED with a sentence that names the role that denied, or what is missing. A
 * set never changes once made; after a change of roles a new one is made (model/role_cache.h).
 */
#ifndef MODEL_ROLE_H
#define MODEL_ROLE_H

#include "model/label.h"
#include "model/role_option.h"
#include "model/template.h"

#include "proto/identity.pb.h"
#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strlist;
struct role_set;

/* Fills the empty *out with a role of that name; the set owns its parts then. ERR_NOT_FOUND:
 * no such role, and the set is not made. */
typedef int (*role_lookup)(void *arg, const char *name, pv_Role *out, struct err *err);

#define ROLE_SET_MAX 4096

/* From the user, roles and traits that an identity carries; a role that is in the list twice counts
 * once. ERR_NOT_FOUND, ERR_INVALID (a pattern or template that does not hold), ERR_LIMIT: more than
 * ROLE_SET_MAX. */
int role_set_new(struct role_set **out, const pv_Identity *who, role_lookup lookup, void *arg,
                 struct err *err);
struct role_set *role_set_ref(struct role_set *s);
void role_set_unref(struct role_set *s);

/* --- nodes ---------------------------------------------------------------------------------- */

/* 0: allowed. ERR_DENIED, with the reason; any other error means denied as well. `node_name`
 * is for the reason only. */
int role_set_check_login(const struct role_set *s, const char *node_name,
                         const struct label_set *labels, const char *login, struct err *err);

/* May the node be seen and reached with any login at all? For lists. */
int role_set_check_node(const struct role_set *s, const char *node_name,
                        const struct label_set *labels, struct err *err);

/* Whether some role denies it: half of role_set_check_login(). */
int role_set_check_not_denied(const struct role_set *s, const char *node_name,
                              const struct label_set *labels, const char *login, struct err *err);

/* What one role says about a login on a node. */
struct role_opinion {
	const char *role;
	enum role_says {
		ROLE_ALLOWS,
		ROLE_DENIES_NODE,  /* by `label`, or its expression when that is NULL */
		ROLE_DENIES_LOGIN, /* by name */
		ROLE_LACKS_NODE,   /* `label` does not fit, or its expression */
		ROLE_LACKS_LOGIN,
		ROLE_LACKS_BOTH,
		ROLE_IS_ELSEWHERE, /* its namespaces are others */
	} says;
	const char *label;  /* the key */
	const char *failed; /* why it could not be told, and so counts against; NULL: it could */
};

typedef void (*role_opinion_fn)(void *arg, const struct role_opinion *o);

/* role_set_check_login(), or role_set_check_node() when login is NULL, which also tells what every
 * role says about it. */
int role_set_explain(const struct role_set *s, const char *node_name,
                     const struct label_set *labels, const char *login, role_opinion_fn fn,
                     void *arg, struct err *err);

/* Appends, sorted, the logins that are allowed on a node. */
int role_set_node_logins(const struct role_set *s, const struct label_set *labels,
                         struct strlist *out, struct err *err);

/* Appends, sorted, the logins that a certificate of this life may carry: those of roles that
 * allow such a life, without those that any role denies. */
int role_set_logins(const struct role_set *s, int64_t ttl_ms, struct strlist *out, struct err *err);

/* Some role allows agent forwarding and this login. */
bool role_set_forwards_agent(const struct role_set *s, const char *login);

/* Some role that allows this login there wants the session ended when it cannot be recorded. */
bool role_set_records_strictly(const struct role_set *s, const struct label_set *labels,
                               const char *login);

/* --- sessions -------------------------------------------------------------------------------- */

/* Somebody else's live session, and how one wants to take part in it. */
struct role_join {
	const char *kind;  /* ssh, k8s */
	const char *mode;  /* observer, peer */
	const char *owner; /* the user whose session it is */
	char *const *owner_roles;
	size_t owner_roles_count;
};

/*
 * May they join it (join_sessions)? *out_alike says that this is for who could begin such a session
 * alike, which is to be checked: it is their own, or none of their roles is v5 or newer.
 * ERR_DENIED.
 */
int role_set_check_join(const struct role_set *s, const struct role_join *join, bool *out_alike,
                        struct err *err);

/* Whether any of their roles lets them join anybody. */
bool role_set_may_join(const struct role_set *s);

/* --- calls ---------------------------------------------------------------------------------- */

/* May `verb` (list, create, read, readnosecrets, update, delete, rotate) be done to a `kind`? */
struct role_call {
	const char *kind;
	const char *verb;            /* `read` includes `readnosecrets` */
	const pv_Resource *resource; /* what it is about, for conditions; NULL: not known yet */
	/* Is told what the actions of rules that matched want logged; may be NULL. */
	void (*log)(void *arg, const char *level, const char *line);
	void *log_arg;
};

enum role_verdict {
	ROLE_CALL_DENIED,
	ROLE_CALL_ALLOWED,
	ROLE_CALL_DEPENDS, /* on the resource, which is not known yet */
};

/* ERR_DENIED is set with all but ROLE_CALL_ALLOWED: "access denied to perform action 'V' on 'K'".
 */
enum role_verdict role_set_judge_call(const struct role_set *s, const struct role_call *call,
                                      struct err *err);

/* 0 when it is allowed, whatever the resource is if that is not known. */
int role_set_check_call(const struct role_set *s, const struct role_call *call, struct err *err);

/* --- limits --------------------------------------------------------------------------------- */

const struct role_options *role_set_options(const struct role_set *s);

/* --- Kubernetes ------------------------------------------------------------------------------ */

/*
 * Appends, sorted, the groups and users as which somebody may act in a cluster of these labels
 * (NULL: in any): of roles that allow such a life, without those that any role denies. Every list
 * of groups has "system:authenticated"; without users one acts under one's own name. ERR_DENIED:
 * neither groups nor users.
 */
int role_set_kubernetes(const struct role_set *s, int64_t ttl_ms, const struct label_set *labels,
                        struct strlist *out_groups, struct strlist *out_users, struct err *err);

/* Whether some role that reaches the cluster wants no session there unrecorded. */
bool role_set_records_kubernetes_strictly(const struct role_set *s, const struct label_set *labels);

/*
 * What is asked for. Without a name it is all of the kind, as a list or what is not made yet: only
 * what is said of every name allows it, for nobody filters. Likewise without a namespace; "" is a
 * kind that is in none.
 */
struct role_kubernetes_object {
	const char *kind;      /* "pod", "kube_node"; else the plural as the API server has it */
	const char *group;     /* of the API; "" is the core's */
	const char *namespace; /* NULL: all of them */
	const char *name;      /* NULL: all of them */
	const char *verb;      /* "get", "exec", ... */
};

/*
 * May this be done to that, in a cluster of these labels? ERR_DENIED. Who may do something to a
 * namespace may do it to all that is in it, and who may do anything in one may see that it is
 * there. Roles before v7 speak of pods only.
 */
int role_set_check_kubernetes(const struct role_set *s, const struct label_set *labels,
                              const struct role_kubernetes_object *object, struct err *err);

#endif
