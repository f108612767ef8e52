/*
 * event_bytes - a change decoded and encoded once, for the many watches that look at it or send it.
 *
 * Only the newest change is kept: watches that are live send it one after the other.
 */
#ifndef AUTHD_CORE_EVENT_BYTES_H
#define AUTHD_CORE_EVENT_BYTES_H

#include "base/buf.h"
#include "store/keyspace.h"

#include "proto/resource.pb.h"

struct err;

/* { 0 } is empty. */
struct event_bytes {
	uint64_t revision; /* of the change that is held; 0 = none */
	char key[KEYSPACE_KEY_MAX + 1];
	struct buf value; /* as it is stored: one write may put a key twice */
	pv_Resource resource;
	struct buf put;  /* type and resource of the WatchEvent; empty until somebody sends it */
	struct buf sent; /* the same with what differs from watch to watch */
};

void event_bytes_deinit(struct event_bytes *e);

/* The stored item's resource, borrowed until the next call. ERR_CORRUPT: it is none. */
int event_bytes_resource(struct event_bytes *e, const struct keyspace_item *item,
                         const pv_Resource **out, struct err *err);

/*
 * A whole WatchEvent of type PUT for the stored item, with `reached` as its revision; borrowed
 * until the next call. ERR_CORRUPT: the item is no resource.
 */
int event_bytes_put(struct event_bytes *e, const struct keyspace_item *item, int64_t reached,
                    const struct buf **out, struct err *err);

#endif
