/*
 * resource_store - resources in the keyspace: bytes to messages and back.
 */
#ifndef AUTHD_CORE_RESOURCE_STORE_H
#define AUTHD_CORE_RESOURCE_STORE_H

#include "model/resource.h"
#include "store/keyspace.h"

struct authd;
struct buf;
struct err;

/* Fills the empty *out with the resource at a key; metadata.revision and metadata.expires are
 * those of the item. ERR_NOT_FOUND "no such role 'dev'". resource_deinit() it. */
int resource_load(struct authd *a, const struct resource_kind *kind, const char *sub_kind,
                  const char *name, pv_Resource *out, struct err *err);

/* The same of an item that was read (or came in an event). ERR_CORRUPT. */
int resource_of_item(const struct keyspace_item *item, pv_Resource *out, struct err *err);

/*
 * The bytes that are to be stored for a resource: without its revision, with those fields of what
 * is stored under the key now that this program does not know. Appends to `out`.
 */
int resource_bytes(struct authd *a, const char *key, const pv_Resource *r, struct buf *out,
                   struct err *err);

#endif
