/* cache_events - what the watch brings: a snapshot that takes the place of what was, then deltas.
 */
#include "cache/cache_inside.h"

#include "base/map.h"
#include "base/str.h"
#include "cache/watches.h"
#include "model/resource.h"
#include "model/role_cache.h"

#include <string.h>

#define ROLES "/roles/"

void cache_tell(struct cache *c, const char *key, const pv_Resource *now)
{
	if (str_starts(key, ROLES))
		role_cache_forget(c->role_sets);
	if (c->conf.changed != NULL)
		c->conf.changed(c->conf.ctx, key, now);
	watches_tell(c->watches, key, now);
}

/* Puts the snapshot in the place of what readers saw, and tells the difference. */
static void swap_in(struct cache *c)
{
	struct replica old = c->present;
	const struct replica_entry *e;
	const struct replica_entry *was;
	const char *key;
	size_t at;

	role_cache_forget(c->role_sets); /* before anybody is told anything */
	c->present = c->fresh;
	c->fresh = (struct replica){ 0 };
	for (at = 0; (e = map_next(c->present.entries, &at, &key)) != NULL;) {
		was = replica_get(&old, key);
		if (was == NULL || was->len != e->len || memcmp(was->bytes, e->bytes, e->len) != 0)
			cache_tell(c, key, &e->resource);
	}
	for (at = 0; (e = map_next(old.entries, &at, &key)) != NULL;)
		if (replica_get(&c->present, key) == NULL)
			cache_tell(c, key, NULL);
	replica_deinit(&old);
}

static void become_live(struct cache *c, uint64_t revision)
{
	c->state = CACHE_LIVE;
	c->present.revision = revision;
	c->filled = true;
	backoff_reset(&c->backoff);
	cache_mark_dirty(c);
	if (c->conf.state != NULL)
		c->conf.state(c->conf.ctx, NULL);
	watches_begin(c->watches);
}

static void tell_left_out(struct cache *c, const pv_WatchEvent *init)
{
	for (pb_size_t i = 0; c->conf.left_out != NULL && i < init->left_out_count; i++) {
		const pv_WatchLeftOut *k = &init->left_out[i];

		c->conf.left_out(c->conf.ctx, k->kind != NULL ? k->kind : "",
		                 k->reason != NULL ? k->reason : "");
	}
}

static int take_init(struct cache *c, const pv_WatchEvent *ev, struct err *err)
{
	if (c->state != CACHE_OPENING)
		return err_set(err, ERR_CORRUPT, "second INIT in one watch");
	tell_left_out(c, ev);
	if (!ev->snapshot) {
		become_live(c, (uint64_t)ev->revision);
		return 0;
	}
	c->state = CACHE_SNAPSHOT;
	replica_deinit(&c->fresh);
	return replica_init(&c->fresh, c->present.max, err);
}

static int take_put(struct cache *c, const pv_WatchEvent *ev, struct err *err)
{
	char key[RESOURCE_KEY_SIZE];
	int changed;
	int rc;

	if (resource_kind_of(&ev->resource) == NULL)
		return 0; /* of a newer authd: not for us */
	if (c->state == CACHE_SNAPSHOT)
		return replica_put(&c->fresh, &ev->resource, key, &changed, err);
	rc = replica_put(&c->present, &ev->resource, key, &changed, err);
	if (rc != 0 || !changed)
		return rc;
	cache_mark_dirty(c);
	cache_tell(c, key, &replica_get(&c->present, key)->resource);
	return 0;
}

static int take_delete(struct cache *c, const pv_WatchEvent *ev, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find(ev->kind != NULL ? ev->kind : "");
	char key[RESOURCE_KEY_SIZE];
	int rc;

	if (kind == NULL)
		return 0;
	rc = resource_key(key, kind, ev->sub_kind, ev->name != NULL ? ev->name : "", err);
	if (rc != 0)
		return rc;
	if (c->state == CACHE_SNAPSHOT) {
		replica_remove(&c->fresh, key);
	} else if (replica_remove(&c->present, key)) {
		cache_mark_dirty(c);
		cache_tell(c, key, NULL);
	}
	return 0;
}

static int take_synced(struct cache *c, const pv_WatchEvent *ev, struct err *err)
{
	if (c->state != CACHE_SNAPSHOT)
		return err_set(err, ERR_CORRUPT, "SYNCED without a snapshot");
	swap_in(c);
	become_live(c, (uint64_t)ev->revision);
	return 0;
}

int cache_take_event(struct cache *c, const pv_WatchEvent *ev, struct err *err)
{
	int rc = 0;

	if (ev->type != pv_WatchEvent_Type_INIT && c->state == CACHE_OPENING)
		return err_set(err, ERR_CORRUPT, "the watch did not begin with INIT");
	switch (ev->type) {
	case pv_WatchEvent_Type_INIT:
		return take_init(c, ev, err);
	case pv_WatchEvent_Type_SYNCED:
		return take_synced(c, ev, err);
	case pv_WatchEvent_Type_PUT:
		rc = take_put(c, ev, err);
		break;
	case pv_WatchEvent_Type_DELETE:
		rc = take_delete(c, ev, err);
		break;
	default: /* HEARTBEAT, and what newer servers may send */
		break;
	}
	if (rc == 0 && c->state == CACHE_LIVE && (uint64_t)ev->revision > c->present.revision)
		c->present.revision = (uint64_t)ev->revision;
	return rc;
}
