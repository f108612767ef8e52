/*
 * foreign_authority - what another cluster says of an authority of its own, checked.
 *
 * Nothing of it is stored as it came: a record is made anew from what counts, public keys that can
 * be read and the names that were expected.
 */
#ifndef MODEL_FOREIGN_AUTHORITY_H
#define MODEL_FOREIGN_AUTHORITY_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct trust;

#define FOREIGN_KEYS_MAX 4 /* of a kind: a rotation has two */

/* Fills the empty *out (fields_release() it) with the authority of this type ("user", "host") of
 * that cluster. ERR_INVALID: it is another one, or has no key, too many, or one that is none. */
int foreign_authority_read(const pv_CertAuthority *in, const char *type, const char *cluster,
                           pv_CertAuthority *out, struct err *err);

/* The one of this type among several; NULL: none. */
const pv_CertAuthority *foreign_authority_find(const pv_CertAuthority *all, size_t count,
                                               const char *type);

/* Does one of its keys speak for a cluster that we know already, ours included? */
bool foreign_authority_is_known(const pv_CertAuthority *ca, const struct trust *trust);

#endif
