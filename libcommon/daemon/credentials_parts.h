/*
 * credentials_parts - what a host makes of authd's answer: its chains of certificates, as a client
 * and as a server, and the authorities that it trusts, also other clusters'. Pure.
 *
 * In a rotation the two chains may be of different keys of the host authority: servers go on
 * showing the old one's until every client can know the new one (model/rotation.h).
 */
#ifndef DAEMON_CREDENTIALS_PARTS_H
#define DAEMON_CREDENTIALS_PARTS_H

#include "proto/auth.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct pubkey;
struct trust;
struct x509;
struct x509_set;

struct credentials_parts {
	struct x509 **chain; /* to call others with: its certificate, then the CA that signed it */
	size_t chain_len;
	struct x509 *
	        *server_chain; /* to show to those who call; in a rotation with more behind it */
	size_t server_chain_len;
	struct trust *trust;             /* who may call us */
	const struct x509_set *host_cas; /* of it, our own cluster's hosts */
	bool trusted; /* the host authority's keys of now signed both certificates */
	bool fits;    /* and did so with those that the present phase wants */
};

/* For the answer's own key. ERR_INVALID: the answer does not fit it, or holds no host authority.
 * Certificates whose authority is gone are no error: `trusted` tells. */
int credentials_parts_make(struct credentials_parts *p, const pv_JoinResponse *answer,
                           const struct pubkey *own, struct err *err);
void credentials_parts_deinit(struct credentials_parts *p);

/* The answer's authority of this type, of the answer's cluster; NULL: none. */
const pv_CertAuthority *credentials_authority(const pv_JoinResponse *answer, const char *type);

#endif
