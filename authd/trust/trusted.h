/*
 * trusted - what stands behind a trusted_cluster on the leaf, as companions of its write:
 *
 *   enabled    /authorities/{user,host}/ROOT, the user one with the role map; /reverse_tunnels/ROOT
 *   disabled   the same two authorities below /deactivated/, where nobody looks for trust
 *
 * and behind a remote_cluster on the root: /authorities/host/LEAF.
 */
#ifndef AUTHD_TRUST_TRUSTED_H
#define AUTHD_TRUST_TRUSTED_H

#include "proto/cluster.pb.h"
#include "proto/resource.pb.h"

struct authd;
struct companions;
struct err;

/* Before a new one is put, with the authorities that the exchange brought, user then host. */
int trusted_of_create(const pv_TrustedCluster *t, const pv_CertAuthority *authorities,
                      struct companions *out, struct err *err);

/* May there be a new one of this name? ERR_INVALID: our own; ERR_EXISTS: a leaf of ours. */
int trusted_check_new(struct authd *a, const pv_TrustedCluster *t, struct err *err);

/* Before one that is there is put again: enabled, disabled, with another role map. ERR_INVALID:
 * what cannot change has changed. */
int trusted_of_update(struct authd *a, const pv_TrustedCluster *old, const pv_TrustedCluster *t,
                      struct companions *out, struct err *err);

/* Before it is deleted; and before a remote_cluster is. */
int trusted_of_delete(const char *name, struct companions *out, struct err *err);
int trusted_forget_leaf(const char *name, struct companions *out, struct err *err);

#endif
