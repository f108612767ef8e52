/*
 * issue - what a person's certificates say: the user's record and roles as they are now.
 */
#ifndef AUTHD_PEOPLE_ISSUE_H
#define AUTHD_PEOPLE_ISSUE_H

#include "proto/auth.pb.h"
#include "proto/identity.pb.h"

#include <stdint.h>

struct authd;
struct certify;
struct err;

/* What a request asks for; borrowed. */
struct issue_request {
	const char *user;
	const char *ssh_public_key; /* at least one of the two */
	const char *tls_public_key;
	const char *client_addr; /* "192.0.2.7:51234", for roles that pin it; NULL: not known */
	const pv_AccessRequest *grant; /* an approved request, whose roles are added; NULL: none */
	int64_t not_after; /* the certificates end then at the latest, ms since 1970; 0: no bound */
	int64_t ttl;       /* ms; 0 = the cluster's default. Cut to what the user's roles allow */
};

/* What the certificates of a user would say who they are: name, cluster, roles, traits. Into an
 * empty *out; identity_deinit() it in any case. */
int issue_identity(struct authd *a, const pv_User *user, pv_Identity *out, struct err *err);

/*
 * Fills an empty certify. ERR_NOT_FOUND: no such user, or a role of theirs that is gone;
 * ERR_DENIED: locked, the user's time is over, or their roles want the certificate pinned
 * to an address that is not known.
 */
int issue_prepare(struct authd *a, const struct issue_request *request, struct certify *out,
                  struct err *err);

/* Takes the signed certificates out of it; fields_release() the answer. */
int issue_answer(struct authd *a, struct certify *c, pv_LoginResponse *out, struct err *err);

#endif
