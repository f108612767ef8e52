/*
 * cache - a local replica of some kinds of resources, filled by one watch on authd.
 *
 *   OPENING --INIT--> SNAPSHOT --SYNCED--> LIVE --lost--> WAITING (jittered) --> OPENING
 *                \--resumed after our revision----^
 *
 * A snapshot is collected aside and swapped in whole, so a reader sees the old state or the
 * new one, never a mixture, and only what differs is told to the owner. While authd is away
 * reads go on; a copy on disk (atomically replaced, checksummed) survives a restart of the
 * daemon. A copy that is damaged is thrown away and filled anew. A state that is larger than
 * the bound is not taken, and the old one stays.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "proto/identity.pb.h"
#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct cache;
struct cache_watch;
struct err;
struct role_set;
struct rpc_client;

struct cache_conf {
	uv_loop_t *loop;
	struct rpc_client *client; /* to authd; outlives the cache */
	const char *const *kinds; /* NULL-ended: "role", "cert_authority", …; borrowed for good */
	const char *path;         /* of the copy on disk; NULL: none */
	size_t max_bytes;         /* of all resources, encoded; 0 = 192 MB */
	void *ctx;

	/* One resource came, changed (`now`, borrowed) or went (NULL). `key` is its key in the
	 * keyspace, "/roles/dev". Also for each resource of the disk's copy, from cache_new().
	 * May be NULL. */
	void (*changed)(void *ctx, const char *key, const pv_Resource *now);
	/* Live: every change until `revision` has been told. err NULL; or the watch was lost. May
	 * be NULL. */
	void (*state)(void *ctx, const struct err *err);
	/* authd does not know a kind, or does not show it to us: none of it will come. Each time a
	 * watch begins. May be NULL. */
	void (*left_out)(void *ctx, const char *kind, const char *reason);
};

/* Loads the disk's copy, if any, and begins to watch. */
int cache_new(const struct cache_conf *conf, struct cache **out, struct err *err);

/* Stops; writes the copy. No call comes after it; watches have been closed before. NULL allowed. */
void cache_free(struct cache *c);

/* authd can be reached again, as somebody else has found out: what waits for the next attempt
 * makes it now. */
void cache_kick(struct cache *c);

/* By keyspace key (model/resource.h); borrowed until the loop runs again. NULL: none. */
const pv_Resource *cache_get(const struct cache *c, const char *key);

/* Walks, in no order, those whose key begins with `prefix` ("/roles/"); *at starts at 0; NULL
 * ends. The cache may not change meanwhile. */
const pv_Resource *cache_next(const struct cache *c, const char *prefix, size_t *at);

/* Holds a whole state: loaded from disk or filled by the watch once. */
bool cache_filled(const struct cache *c);
bool cache_live(const struct cache *c); /* the watch is up */
uint64_t cache_revision(const struct cache *c);

/* --- watches: for the parts of a daemon ------------------------------------------------------- */

struct cache_watch_conf {
	const char *const *prefixes; /* NULL-ended, of keys: "/roles/"; borrowed while it is open */
	void *ctx;
	/* First: the cache is current, every change behind this is told. What there is may be read
	 * now. */
	void (*init)(void *ctx);
	/* As cache_conf.changed, once the cache has changed. */
	void (*changed)(void *ctx, const char *key, const pv_Resource *now);
	/* Last: the cache has lost authd and will begin anew; the watch is closed. Another one may
	 * be opened at once, and waits until the cache is current again. May be NULL. */
	void (*closed)(void *ctx, const struct err *why);
};

/* No callback comes from within. Callbacks may open and close watches. ERR_NOMEM. */
int cache_watch_open(struct cache *c, const struct cache_watch_conf *conf, struct cache_watch **out,
                     struct err *err);
void cache_watch_close(struct cache_watch *w); /* NULL allowed */

/* --- roles ------------------------------------------------------------------------------------ */

/* An answer for model/role.h's role_lookup: arg is the cache. */
int cache_lookup_role(void *arg, const char *name, pv_Role *out, struct err *err);

/* The roles of an identity as one set, as they are now; made once, until a role changes.
 * role_set_unref() it. Errors as role_set_new(). */
int cache_role_set(struct cache *c, const pv_Identity *who, struct role_set **out, struct err *err);

#endif
