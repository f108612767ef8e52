/*
 * replica - the resources that a cache holds, by key, and their file form. Pure.
 *
 *   file = "PSTNREP2" | u64 revision | u32 count | count * (u32 length | Resource) | SHA-256
 *
 * Numbers are big-endian; the checksum covers all before it.
 */
#ifndef CACHE_REPLICA_H
#define CACHE_REPLICA_H

#include "proto/resource.pb.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct map;

struct replica {
	struct map *entries; /* key -> struct replica_entry */
	uint64_t revision;   /* that the state is of */
	size_t size;         /* bytes of all resources, as encoded */
	size_t max;          /* that it may have */
};

struct replica_entry {
	pv_Resource resource;
	uint8_t *bytes; /* as encoded, to compare */
	size_t len;
};

int replica_init(struct replica *r, size_t max, struct err *err);
void replica_deinit(struct replica *r); /* also of { 0 } */

/* Stores a copy under the resource's own key, which is copied to `out_key` (RESOURCE_KEY_SIZE).
 * *out_changed is false when the very same bytes were there. ERR_INVALID: no kind or name;
 * ERR_LIMIT: there is no room for it, and what was there stays. */
int replica_put(struct replica *r, const pv_Resource *resource, char *out_key, int *out_changed,
                struct err *err);

/* 1 when it was there. */
int replica_remove(struct replica *r, const char *key);

const struct replica_entry *replica_get(const struct replica *r, const char *key);

int replica_write(const struct replica *r, struct buf *out, struct err *err);

/* Into an initialised, empty replica. ERR_CORRUPT leaves it empty. */
int replica_read(struct replica *r, const uint8_t *data, size_t len, struct err *err);

#endif
