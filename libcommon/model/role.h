/*
 * role - a person's roles as one set, and what the set allows.
 *
 * A set is made from the names in an identity: each role is looked up, its templates are
 * filled from the traits, and the implicit role (read what everybody may read) is added.
 * Everything is decided the same way: a denial in any role wins; otherwise one single role
 * must allow all of it, never two roles half each.
 *
 *   role_set_new() --> role_set_check_login(node, login)   may this login be used there?
 *                  --> role_set_check_rule(kind, verb)     may this call be made?
 *                  --> role_set_options()                  with which limits?
 *
 * Failures are ERR_DENIED with a sentence that names the role that denied, or what is
 * missing. A set never changes once made; after a change of roles a new one is made.
 */
#ifndef MODEL_ROLE_H
#define MODEL_ROLE_H

#include "model/label.h"
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

/* A name that is in the list twice counts once. ERR_NOT_FOUND, ERR_INVALID (a pattern or
 * template that does not hold), ERR_LIMIT: more than ROLE_SET_MAX. */
int role_set_new(struct role_set **out, char *const *names, size_t count,
                 const struct traits *traits, role_lookup lookup, void *arg, struct err *err);

/* The same from the roles and traits that an identity carries. */
int role_set_of_identity(struct role_set **out, const pv_Identity *id, role_lookup lookup,
                         void *arg, struct err *err);
void role_set_free(struct role_set *s);

#define ROLE_SET_MAX     4096
#define ROLE_TTL_DEFAULT (30 * 60 * 60 * 1000LL) /* ms; of a role that sets no max_session_ttl */

/* --- nodes ---------------------------------------------------------------------------------- */

/* 0: allowed. ERR_DENIED, with the reason; any other error means denied as well. `node_name`
 * is for the reason only. */
int role_set_check_login(const struct role_set *s, const char *node_name,
                         const struct label_set *labels, const char *login, struct err *err);

/* May the node be seen and reached with any login at all? For lists. */
int role_set_check_node(const struct role_set *s, const char *node_name,
                        const struct label_set *labels, struct err *err);

/* Appends, sorted, the logins that are allowed on a node. */
int role_set_node_logins(const struct role_set *s, const struct label_set *labels,
                         struct strlist *out, struct err *err);

/* Appends, sorted, the logins that a certificate of this life may carry: those of roles that
 * allow such a life, without those that any role denies. */
int role_set_logins(const struct role_set *s, int64_t ttl_ms, struct strlist *out, struct err *err);

/* Some role allows agent forwarding and this login. */
bool role_set_forwards_agent(const struct role_set *s, const char *login);

/* --- calls ---------------------------------------------------------------------------------- */

/* What a rule's `where` may look at; all may be empty. */
struct role_context {
	const char *user;
	char *const *participants; /* of the session that is asked for */
	size_t participants_count;
};

/* May `verb` (list, create, read, readnosecrets, update, delete, rotate) be done to a `kind`?
 * `read` includes `readnosecrets`. `context` may be NULL. ERR_DENIED "access denied to perform
 * action 'V' on 'K'". */
int role_set_check_rule(const struct role_set *s, const char *kind, const char *verb,
                        const struct role_context *context, struct err *err);

/* --- limits --------------------------------------------------------------------------------- */

/* The limits of a session, merged over all roles: the strictest of each, unless noted. */
struct role_options {
	int64_t max_session_ttl;     /* ms */
	int64_t client_idle_timeout; /* ms; 0 = never */
	int64_t max_sessions;        /* channels of one connection; 0 = no limit */
	bool port_forwarding;        /* some role allows it, and so for the next three */
	bool forward_agent;          /* for some login; see role_set_forwards_agent() */
	bool x11_forwarding;
	bool exec_output; /* some role wants the output of commands recorded */
	bool file_copy;   /* no role forbids it */
	bool disconnect_expired_cert;
	bool record_strict; /* end the session when it cannot be recorded */
};

const struct role_options *role_set_options(const struct role_set *s);

#endif
