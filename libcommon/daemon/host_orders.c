#include "daemon/host_orders.h"

#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/host.h"

#include <stdlib.h>

#define SESSIONS "/sessions/"

struct host_orders {
	const struct host *host;
	struct cache *cache;
	void (*heard)(void *ctx, const pv_Session *record);
	void *ctx;
	struct cache_watch *watch;
};

/* Sessions of other hosts are not ours to act on. */
static void hear(struct host_orders *o, const pv_Session *record)
{
	if (str_eq(record->spec.node_id, host_id(o->host)) && record->metadata.name != NULL)
		o->heard(o->ctx, record);
}

static void on_current(void *ctx)
{
	struct host_orders *o = ctx;
	const pv_Resource *r;
	size_t at = 0;

	while ((r = cache_next(o->cache, SESSIONS, &at)) != NULL)
		hear(o, &r->of.session);
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	(void)key;
	if (now != NULL)
		hear(ctx, &now->of.session);
}

int host_orders_open(const struct host *host, struct cache *cache,
                     void (*heard)(void *ctx, const pv_Session *record), void *ctx,
                     struct host_orders **out, struct err *err)
{
	static const char *const prefixes[] = { SESSIONS, NULL };
	struct host_orders *o = calloc(1, sizeof(*o));
	const struct cache_watch_conf conf = {
		.prefixes = prefixes,
		.ctx = o,
		.init = on_current,
		.changed = on_changed,
	};

	if (o == NULL)
		return err_set_nomem(err);
	*o = (struct host_orders){ .host = host, .cache = cache, .heard = heard, .ctx = ctx };
	if (cache_watch_open(cache, &conf, &o->watch, err) != 0) {
		free(o);
		return err->code;
	}
	*out = o;
	return 0;
}

void host_orders_close(struct host_orders *o)
{
	if (o == NULL)
		return;
	cache_watch_close(o->watch);
	free(o);
}
