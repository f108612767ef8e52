/*
 * authority_text - the public keys of an authority in the forms that other programs read.
 *
 *   user      cert-authority ecdsa-sha2-nistp256 AAAA... clustername=C&type=user
 *             for ~/.ssh/authorized_keys (sshd(8)); TrustedUserCAKeys takes the key alone
 *   host      @cert-authority *.C ecdsa-sha2-nistp256 AAAA... clustername=C&type=host
 *             for known_hosts
 *   tls-user, tls-host  the certificates in PEM
 */
#ifndef TCTL_AUTHORITY_TEXT_H
#define TCTL_AUTHORITY_TEXT_H

#include "proto/resource.pb.h"

#include <stdbool.h>

struct buf;
struct err;

struct authority_type {
	const char *name; /* "tls-user" */
	const char *ca;   /* "user": the authority's own type */
	bool tls;
};

/* ERR_INVALID with a list of the types. */
int authority_type_find(const char *name, const struct authority_type **out, struct err *err);

/* Appends active keys, then those that are trusted still or already (during a rotation). What
 * authd sent is checked: a line holds one key and nothing else. ERR_CORRUPT. */
int authority_text(const struct authority_type *type, const pv_CertAuthoritySpec *ca,
                   struct buf *out, struct err *err);

#endif
