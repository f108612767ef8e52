#include "cache/cache_inside.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "cache/watches.h"
#include "file/file.h"
#include "loop/timer.h"
#include "model/resource.h"
#include "model/role_cache.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ROLE_SETS      256 /* people who come again before a role changes */
#define KINDS_MAX      16
#define BYTES_MAX      (192u << 20) /* of resources, and more in the copy's file: */
#define FILE_MAX       (256u << 20)
#define SAVE_DELAY_MS  1000 /* changes that come together are written together */
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS   30000
#define SILENCE_MS     60000 /* four heartbeats of authd's: then it is given up */

/* Outlives the cache until its stream has closed. */
struct watch {
	struct cache *owner; /* NULL: the cache is gone */
	struct rpc_stream *stream;
};

/* --- the copy on disk ------------------------------------------------------------------------ */

static void save_now(struct cache *c)
{
	struct buf bytes;
	struct err ignored = { 0 };

	if (!c->dirty || c->conf.path == NULL)
		return;
	buf_init(&bytes, FILE_MAX);
	/* A disk that refuses costs only a slower start: the watch fills the cache again. */
	if (replica_write(&c->present, &bytes, &ignored) == 0 &&
	    file_replace(c->conf.path, bytes.data, bytes.len, 0600, &ignored) == 0)
		c->dirty = false;
	buf_deinit(&bytes);
}

static void on_save_due(void *owner)
{
	save_now(owner);
}

void cache_mark_dirty(struct cache *c)
{
	c->dirty = true;
	if (c->conf.path != NULL && !timer_active(c->save))
		timer_once(c->save, SAVE_DELAY_MS);
}

static void load(struct cache *c)
{
	const struct replica_entry *e;
	struct err ignored = { 0 };
	struct buf bytes;
	const char *key;
	size_t at = 0;

	buf_init(&bytes, FILE_MAX);
	if (file_read(c->conf.path, FILE_MAX - 65536, &bytes, &ignored) == 0 &&
	    replica_read(&c->present, bytes.data, bytes.len, &ignored) == 0)
		c->filled = true;
	buf_deinit(&bytes);
	while ((e = map_next(c->present.entries, &at, &key)) != NULL)
		cache_tell(c, key, &e->resource);
}

/* --- the watch ------------------------------------------------------------------------------- */

static void lost(struct cache *c, const struct err *why)
{
	replica_deinit(&c->fresh);
	c->state = CACHE_WAITING;
	timer_once(c->timer, backoff_next(&c->backoff));
	if (c->conf.state != NULL)
		c->conf.state(c->conf.ctx, why);
	watches_end(c->watches, why);
}

/* on_closed() is still to come. */
static void give_up(struct cache *c, const struct err *why)
{
	if (c->why.code == 0)
		err_copy(&c->why, why);
	rpc_stream_cancel(c->watch->stream);
}

static void on_message(struct rpc_stream *s, const void *message)
{
	struct cache *c = ((struct watch *)rpc_stream_data(s))->owner;
	struct err err = { 0 };

	if (c == NULL || c->why.code != 0)
		return;
	timer_once(c->timer, SILENCE_MS);
	if (cache_take_event(c, message, &err) == 0)
		return;
	/* A stream that makes no sense is given up: the next one begins with a snapshot. */
	c->present.revision = 0;
	give_up(c, &err);
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	static const struct err ended = { ERR_UNAVAILABLE, "authd ended the watch" };
	struct watch *w = rpc_stream_data(s);
	struct cache *c = w->owner;
	struct err why;

	free(w);
	if (c == NULL)
		return;
	c->watch = NULL;
	err_copy(&why, c->why.code != 0 ? &c->why : err != NULL ? err : &ended);
	c->why.code = 0;
	lost(c, &why);
}

static int start_watch(struct cache *c, struct watch *w, struct err *err)
{
	static const struct rpc_stream_events events = { .message = on_message,
		                                         .closed = on_closed };
	pv_WatchKind kinds[KINDS_MAX] = { 0 };
	pv_WatchRequest request = { .kinds = kinds };

	for (size_t i = 0; c->conf.kinds[i] != NULL && i < KINDS_MAX; i++)
		kinds[request.kinds_count++].kind = (char *)c->conf.kinds[i];
	request.after_revision = c->filled ? (int64_t)c->present.revision : 0;
	return rpc_stream_start(c->conf.client, AUTH_WATCH, &request, 0, &events, w, &w->stream,
	                        err);
}

static void open_watch(struct cache *c)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct err err = { 0 };

	c->state = CACHE_OPENING;
	timer_once(c->timer, SILENCE_MS);
	if (w == NULL) {
		err_set_nomem(&err);
		lost(c, &err);
		return;
	}
	w->owner = c;
	if (start_watch(c, w, &err) != 0) {
		free(w);
		lost(c, &err);
		return;
	}
	c->watch = w;
}

static void on_timer(void *owner)
{
	struct cache *c = owner;
	struct err silent;

	if (c->state == CACHE_WAITING) {
		open_watch(c);
		return;
	}
	err_set(&silent, ERR_UNAVAILABLE, "authd has been silent for %d s", SILENCE_MS / 1000);
	give_up(c, &silent);
}

void cache_kick(struct cache *c)
{
	if (c->state == CACHE_WAITING)
		timer_once(c->timer, 0);
}

/* --- for its owner --------------------------------------------------------------------------- */

int cache_new(const struct cache_conf *conf, struct cache **out, struct err *err)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set_nomem(err);
	c->conf = *conf;
	c->backoff = (struct backoff){ .first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MAX_MS };
	c->timer = timer_new(conf->loop, on_timer, c);
	c->save = timer_new(conf->loop, on_save_due, c);
	c->role_sets = role_cache_new(ROLE_SETS, cache_lookup_role, c);
	c->watches = watches_new(conf->loop);
	if (c->timer == NULL || c->save == NULL || c->role_sets == NULL || c->watches == NULL ||
	    replica_init(&c->present, conf->max_bytes != 0 ? conf->max_bytes : BYTES_MAX, err) !=
	            0) {
		cache_free(c);
		return err_set_nomem(err);
	}
	if (conf->path != NULL)
		load(c);
	open_watch(c);
	*out = c;
	return 0;
}

void cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	timer_free(c->timer);
	timer_free(c->save);
	if (c->present.entries != NULL)
		save_now(c);
	if (c->watch != NULL) {
		c->watch->owner = NULL;
		rpc_stream_cancel(c->watch->stream);
	}
	replica_deinit(&c->fresh);
	replica_deinit(&c->present);
	role_cache_free(c->role_sets);
	watches_free(c->watches);
	free(c);
}

int cache_watch_open(struct cache *c, const struct cache_watch_conf *conf, struct cache_watch **out,
                     struct err *err)
{
	return watches_open(c->watches, conf, out, err);
}

const pv_Resource *cache_get(const struct cache *c, const char *key)
{
	const struct replica_entry *e = replica_get(&c->present, key);

	return e != NULL ? &e->resource : NULL;
}

const pv_Resource *cache_next(const struct cache *c, const char *prefix, size_t *at)
{
	const struct replica_entry *e;
	const char *key;

	while ((e = map_next(c->present.entries, at, &key)) != NULL)
		if (str_starts(key, prefix))
			return &e->resource;
	return NULL;
}

bool cache_filled(const struct cache *c)
{
	return c->filled;
}

bool cache_live(const struct cache *c)
{
	return c->state == CACHE_LIVE;
}

uint64_t cache_revision(const struct cache *c)
{
	return c->present.revision;
}

int cache_lookup_role(void *arg, const char *name, pv_Role *out, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find("role");
	char key[RESOURCE_KEY_SIZE];
	const pv_Resource *found;
	int rc;

	rc = resource_key(key, kind, NULL, name, err);
	if (rc != 0)
		return rc;
	found = cache_get(arg, key);
	if (found == NULL)
		return err_set(err, ERR_NOT_FOUND, "no role '%s'", name);
	return fields_clone(&pv_Role_table, &found->of.role, out, err);
}

int cache_role_set(struct cache *c, const pv_Identity *who, struct role_set **out, struct err *err)
{
	return role_cache_get(c->role_sets, who, out, err);
}
