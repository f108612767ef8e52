/*
 * remote_keys - the keys of another cluster's authorities have changed, as a rotation there does:
 * the records that stand here for it get the new ones; their role map stays.
 */
#ifndef AUTHD_TRUST_REMOTE_KEYS_H
#define AUTHD_TRUST_REMOTE_KEYS_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct authd;
struct err;

typedef void (*remote_keys_cb)(void *owner, const struct err *err);

/*
 * What the cluster says of its authorities, proven to be from it. Types that have no record here
 * are passed over, and so is what is known already: *out_news false, and no callback. Else `done`
 * comes once, later. ERR_INVALID: an authority of another cluster, or no keys
 * (foreign_authority.h).
 */
int remote_keys_take(struct authd *a, const char *cluster, const pv_CertAuthority *all,
                     size_t count, remote_keys_cb done, void *owner, bool *out_news,
                     struct err *err);

#endif
