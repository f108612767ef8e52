/*
 * host_orders - what is asked of a host's live sessions through their records at authd: their end.
 */
#ifndef DAEMON_HOST_ORDERS_H
#define DAEMON_HOST_ORDERS_H

#include "proto/resource.pb.h"

struct cache;
struct err;
struct host;
struct host_orders;

/* `heard` gets every record of a session of this host, named always: as it changes, and all of them
 * when the watch begins anew, for what was asked while authd could not be reached. */
int host_orders_open(const struct host *host, struct cache *cache,
                     void (*heard)(void *ctx, const pv_Session *record), void *ctx,
                     struct host_orders **out, struct err *err);
void host_orders_close(struct host_orders *o); /* NULL allowed */

#endif
