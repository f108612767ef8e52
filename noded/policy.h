/*
 * policy - may this person do this here? The one place where the node decides: roles, labels,
 * locks and the certificate's end, as the cache and the clock have them now.
 */
#ifndef NODED_POLICY_H
#define NODED_POLICY_H

#include "model/role.h"

#include "proto/identity.pb.h"

#include <stdint.h>

struct buf;
struct err;
struct noded;

/* So long after the watch was lost locks count as known. */
#define POLICY_LOCKS_OLD_MS (5 * 60 * 1000)

/* Who asks for what, from where. */
struct policy_subject {
	const pv_Identity *identity;  /* of a peer (model/trust.h) */
	const char *login;            /* NULL: none yet, only locks and the certificate count */
	const char *client;           /* "192.0.2.7:51234" */
	const struct role_join *join; /* a session of that login; NULL: a login of their own */
};

/*
 * 0, and *out_roles (role_set_unref()) with the limits that apply; or ERR_DENIED or
 * ERR_UNAUTHENTICATED with the reason. Any other failure is a no as well.
 */
int policy_check(const struct noded *n, const struct policy_subject *who,
                 struct role_set **out_roles, struct err *err);

/* What sshd is to allow somebody whom policy_check() let in: its options, then the principal, as
 * AuthorizedPrincipalsCommand answers (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
void policy_append_line(const struct role_set *roles, const char *login, struct buf *out);

/* When a connection of this person must end: the certificate's end if a role or the cluster wants
 * that, or 0. */
int64_t policy_end(const struct noded *n, const struct role_set *roles,
                   const pv_Identity *identity);

/*
 * May somebody who was let in stay? The certificate's end counts only where a role says so; then
 * *out_end is when it comes (ms since 1970), else 0. Errors as policy_check().
 */
int policy_check_again(const struct noded *n, const struct policy_subject *who, int64_t *out_end,
                       struct err *err);

/* The limits of somebody who was let in, whatever the certificate's end. Errors as policy_check().
 */
int policy_limits(const struct noded *n, const struct policy_subject *who, struct role_options *out,
                  struct err *err);

#endif
