/*
 * trusting - a trusted_cluster among the resources of a put: what it brings with it, and for a new
 * one the exchange with its root, which comes before the write.
 */
#ifndef AUTHD_RESOURCES_TRUSTING_H
#define AUTHD_RESOURCES_TRUSTING_H

#include "authd/resources/change.h"

/* For an item that is to be put over `old` (NULL: nothing), before its secrets are split off: adds
 * what belongs to it, or notes that an exchange is needed. Other kinds are left alone. */
int trusting_prepare(struct change *c, struct change_item *item, const pv_Resource *old,
                     bool replace, struct err *err);

/* change_start(), after the exchange that an item may need. ERR_INVALID: more than one does. */
int trusting_start(struct change *c, struct rpc_call *call, struct err *err);

#endif
