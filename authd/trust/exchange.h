/*
 * exchange - on the leaf, what makes a trusted_cluster one: the root is shown the token and our
 * host authority, and answers with its authorities.
 *
 *   exchange_start --> ValidateTrustedCluster at the root's proxy --> callback
 *
 * The proxy must prove itself before the token leaves us: by the pin that the token carries
 * ("VALUE@sha256:HEX", as `tctl tokens add` prints it), else by the machine's trusted authorities.
 */
#ifndef AUTHD_TRUST_EXCHANGE_H
#define AUTHD_TRUST_EXCHANGE_H

#include "proto/cluster.pb.h"
#include "proto/resource.pb.h"

struct authd;
struct err;

/* The root's authorities, both checked, user then host; borrowed until return. NULL and err:
 * there is no trust. */
typedef void (*exchange_cb)(void *owner, const pv_CertAuthority *authorities,
                            const struct err *err);

/* For a checked trusted_cluster, which is borrowed until return. Fails and never calls back, or
 * calls back exactly once, later, a minute at most. ERR_INVALID: the resource lacks something. */
int exchange_start(struct authd *a, const pv_TrustedCluster *with, exchange_cb cb, void *owner,
                   struct err *err);

#endif
