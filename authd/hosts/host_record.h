/*
 * host_record - which record is a host's own, by its certificate.
 */
#ifndef AUTHD_HOSTS_HOST_RECORD_H
#define AUTHD_HOSTS_HOST_RECORD_H

#include "model/resource.h"

struct err;
struct peer;

/* The kind by which hosts of a system role announce themselves; NULL: they do not. */
const struct resource_kind *host_record_kind(const char *system_role);

/* The key under which the host is recorded, and the kind's tag in pv_Resource (may be NULL).
 * ERR_DENIED: `name` is not its own id, or hosts of its system role have no record. */
int host_record_key(const struct peer *peer, const char *name, char key[RESOURCE_KEY_SIZE],
                    pb_size_t *out_tag, struct err *err);

#endif
