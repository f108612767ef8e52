/*
 * resource_secrets - the secret fields of resources: the token of a trusted cluster, the secret of
 * a connector. The record under /secrets/resources/ is whole, and the one that is listed and
 * watched has none of them.
 *
 * Of what administrators put only; what authd makes (authorities, tokens) keeps its secrets in its
 * own way.
 */
#ifndef AUTHD_CORE_RESOURCE_SECRETS_H
#define AUTHD_CORE_RESOURCE_SECRETS_H

#include "model/resource.h"

struct authd;
struct companions;
struct err;

/* Fills in those secrets that a resource has and does not show; what is set stays. */
int resource_secrets_add(struct authd *a, pv_Resource *r, struct err *err);

/* Takes the secrets off a resource that is about to be put: they become a companion of it. Those
 * that it does not say are kept; *out_changed: it said another. */
int resource_secrets_split(struct authd *a, pv_Resource *r, struct companions *out,
                           bool *out_changed, struct err *err);

/* A companion of the resource's deletion. */
int resource_secrets_forget(const struct resource_kind *kind, const char *name,
                            struct companions *out, struct err *err);

#endif
