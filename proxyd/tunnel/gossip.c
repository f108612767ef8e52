#include "proxyd/tunnel/gossip.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/host.h"
#include "loop/timer.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/peering.h"
#include "proxyd/tunnel/table.h"
#include "tunnel/news.h"

#include <stdlib.h>

#define MOMENT_MS 100 /* in which changes are gathered */

struct gossip {
	struct proxyd *p;
	struct cache_watch *watch;
	struct timer *soon;
	struct timer *again;
};

/* Ourselves first, whether or not authd knows yet. */
int gossip_news(const struct gossip *g, pv_TunnelNews *out, struct err *err)
{
	pv_TunnelProxy *proxies = calloc(NEWS_PROXIES_MAX, sizeof(*proxies));
	const char *own = host_id(g->p->host);
	const pv_Resource *r;
	size_t count = 0;
	size_t at = 0;

	if (proxies == NULL)
		return err_set_nomem(err);
	proxies[count++] = (pv_TunnelProxy){ (char *)(uintptr_t)own, GOSSIP_TTL_MS };
	while ((r = cache_next(g->p->cache, "/proxies/", &at)) != NULL && count < NEWS_PROXIES_MAX)
		if (!str_eq(r->of.proxy.metadata.name, own))
			proxies[count++] =
			        (pv_TunnelProxy){ r->of.proxy.metadata.name, GOSSIP_TTL_MS };
	*out = (pv_TunnelNews){ .proxies = proxies,
		                .proxies_count = (pb_size_t)count,
		                .connections = peering_connections(g->p->cache) };
	return 0;
}

static void tell_all(struct gossip *g)
{
	pv_TunnelNews news;
	struct err err = { 0 };

	if (gossip_news(g, &news, &err) != 0) {
		log_error("agents not told of proxies", kv("reason", err.msg));
		return;
	}
	tunnels_tell(g->p->tunnels, &news);
	free(news.proxies);
}

static void on_soon(void *owner)
{
	tell_all(owner);
}

static void on_current(void *ctx)
{
	struct gossip *g = ctx;

	timer_once(g->soon, MOMENT_MS);
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	(void)key;
	(void)now;
	on_current(ctx);
}

static int watch(struct gossip *g, struct err *err)
{
	static const char *const prefixes[] = { "/proxies/", PEERING_NETWORKING, NULL };
	const struct cache_watch_conf conf = {
		.prefixes = prefixes,
		.ctx = g,
		.init = on_current,
		.changed = on_changed,
	};

	return cache_watch_open(g->p->cache, &conf, &g->watch, err);
}

int gossip_open(struct proxyd *p, struct gossip **out, struct err *err)
{
	struct gossip *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set_nomem(err);
	g->p = p;
	g->soon = timer_new(p->loop, on_soon, g);
	g->again = timer_new(p->loop, on_soon, g);
	if (g->soon == NULL || g->again == NULL)
		err_set_nomem(err);
	else if (watch(g, err) == 0) {
		timer_every(g->again, GOSSIP_EVERY_MS);
		*out = g;
		return 0;
	}
	gossip_close(g);
	return err->code;
}

void gossip_close(struct gossip *g)
{
	if (g == NULL)
		return;
	cache_watch_close(g->watch);
	timer_free(g->soon);
	timer_free(g->again);
	free(g);
}
