/*
 * settings - the resources of which there is always one: how people log in, the network's
 * timeouts, what is recorded, the cluster's name. The first start makes them with their defaults.
 */
#ifndef AUTHD_CORE_SETTINGS_H
#define AUTHD_CORE_SETTINGS_H

#include "model/resource.h"

struct authd;
struct err;

/* The resource as it is when nobody has said anything. resource_deinit() it. */
int settings_default(const struct resource_kind *kind, pv_Resource *out, struct err *err);

/* The life of a user's certificates, in ms, when nothing else is asked for. */
int64_t settings_session_ttl(struct authd *a);

/* ERR_DENIED: nobody logs in with a password. */
int settings_check_local_login(struct authd *a, struct err *err);

/* Makes what is not there yet. Waits for the keyspace: for start-up. */
int settings_open(struct authd *a, struct err *err);

#endif
