/*
 * join_decide - may this person join that session, and how? Roles of v5 and newer say so by
 * join_sessions; who has only older ones, or began the session, may watch it, or type in it, if
 * they may log in to the node as the session's login.
 */
#ifndef NODED_JOIN_DECIDE_H
#define NODED_JOIN_DECIDE_H

#include "proto/identity.pb.h"

#include <stdint.h>

struct err;
struct noded;

/* Who wants to join what; all borrowed. */
struct join_wish {
	const pv_Identity *identity; /* of the certificate that was proven */
	const char *client;          /* "192.0.2.7:51234" */
	const char *session_id;
	const char *mode; /* observer | peer */
};

/* 0 and when it must end (ms since 1970; 0: open), or the reason why not: ERR_NOT_FOUND,
 * ERR_INVALID, ERR_DENIED, ERR_UNAUTHENTICATED. */
int join_decide(const struct noded *n, const struct join_wish *wish, int64_t *out_end,
                struct err *err);

/* The same of somebody who is in: the end of the certificate counts only where a role says so. */
int join_decide_again(const struct noded *n, const struct join_wish *wish, int64_t *out_end,
                      struct err *err);

#endif
