#include "tunneld/sites.h"

#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "base/strlist.h"
#include "cache/cache.h"
#include "crypto/pin.h"
#include "crypto/tls.h"
#include "daemon/host.h"
#include "model/trust.h"
#include "tunnel/tunnel.h"
#include "tunneld/pool.h"
#include "tunneld/services.h"
#include "tunneld/tunneld.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "/reverse_tunnels/"

struct sites {
	struct tunneld *t;
	struct services *services; /* what the others may reach */
	struct service named[2];
	struct conf_list nothing;
	struct map *by_key; /* struct site, by the resource's key */
};

struct site {
	char *cluster;
	struct strlist addrs;
	struct conf_list list; /* the same, as the pool has it */
	struct pool *pool;     /* NULL: the cluster's authority is not known yet */
};

static void site_free(void *site)
{
	struct site *s = site;

	if (s == NULL)
		return;
	strlist_deinit(&s->addrs);
	free(s->cluster);
	free(s);
}

/* --- one cluster ----------------------------------------------------------------------------- */

static int make_tls(const struct tunneld *t, const char *cluster, struct tls_conf **out,
                    struct err *err)
{
	static const char *const alpn[] = { TUNNEL_ALPN, PIN_ALPN, NULL };
	const struct x509_set *trust = trust_hosts(host_trust(t->host), cluster);

	if (trust == NULL)
		return err_set(err, ERR_NOT_FOUND, "the authority of '%s' is not known", cluster);
	return host_client_tls_to(t->host, trust, alpn, out, err);
}

static void open_pool(struct sites *all, struct site *s)
{
	struct tunneld *t = all->t;
	const struct pool_conf conf = {
		.loop = t->loop,
		.clock = t->clock,
		.cluster = s->cluster,
		.addrs = &s->list,
		.http_proxy = t->http_proxy,
		.handshakes = t->handshakes,
		.services = all->services,
		.timeout_ms = (unsigned)t->conf.dial_timeout,
		.beat_ms = (unsigned)t->conf.keep_alive,
		.channels_max = (unsigned)t->conf.max_channels,
		.freed = site_free,
		.ctx = s,
	};
	struct tls_conf *tls;
	struct err err;

	if (make_tls(t, s->cluster, &tls, &err) != 0) {
		log_debug("sites", "not yet", kv("cluster", s->cluster), kv("reason", err.msg));
		return;
	}
	if (pool_open(&conf, tls, &s->pool, &err) != 0)
		log_error("no tunnels", kv("cluster", s->cluster), kv("reason", err.msg));
	else
		log_info("tunnels wanted", kv("cluster", s->cluster));
	tls_conf_unref(tls);
}

/* The pool borrows from the site until it is closed whole. */
static void forget(struct sites *all, const char *key)
{
	struct site *s = map_remove(all->by_key, key);

	if (s == NULL)
		return;
	log_info("tunnels not wanted any more", kv("cluster", s->cluster));
	if (s->pool != NULL)
		pool_close(s->pool); /* and site_free() when it is over */
	else
		site_free(s);
}

static int fill(struct site *s, const pv_ReverseTunnelSpec *spec, struct err *err)
{
	s->cluster = strdup(spec->cluster_name);
	if (s->cluster == NULL)
		return err_set_nomem(err);
	for (pb_size_t i = 0; i < spec->dial_addrs_count; i++)
		if (strlist_add(&s->addrs, spec->dial_addrs[i], err) != 0)
			return err->code;
	s->list = (struct conf_list){ s->addrs.items, s->addrs.count };
	return 0;
}

static void add(struct sites *all, const char *key, const pv_ReverseTunnelSpec *spec)
{
	struct site *s = calloc(1, sizeof(*s));
	struct err err;

	if (s == NULL || fill(s, spec, &err) != 0 || map_put(all->by_key, key, s, NULL) != 0) {
		site_free(s);
		log_error("no tunnels", kv("cluster", spec->cluster_name),
		          kv("reason", "out of memory"));
		return;
	}
	open_pool(all, s);
}

/* --- all ------------------------------------------------------------------------------------- */

void sites_changed(struct sites *s, const char *key, const pv_Resource *now)
{
	const pv_ReverseTunnelSpec *spec;

	if (s == NULL || !str_starts(key, PREFIX))
		return;
	forget(s, key);
	if (now == NULL)
		return;
	spec = &now->of.reverse_tunnel.spec;
	if (spec->dial_addrs_count > 0 && !str_empty(spec->cluster_name) &&
	    !str_eq(spec->cluster_name, host_cluster(s->t->host)))
		add(s, key, spec);
}

void sites_reload(struct sites *all)
{
	struct tls_conf *tls;
	struct err ignored;
	struct site *s;
	size_t at = 0;

	while (all != NULL && (s = map_next(all->by_key, &at, NULL)) != NULL) {
		if (s->pool == NULL) {
			open_pool(all, s);
		} else if (make_tls(all->t, s->cluster, &tls, &ignored) == 0) {
			pool_set_tls(s->pool, tls);
			tls_conf_unref(tls);
		}
	}
}

void sites_metrics(const struct sites *all, struct buf *out)
{
	const struct site *s;
	size_t at = 0;

	while ((s = map_next(all->by_key, &at, NULL)) != NULL)
		if (s->pool != NULL)
			pool_metrics(s->pool, out);
}

/* The first of our proxies' addresses serves, unless the settings name another. */
static const char *own_proxy(const struct tunneld_conf *c)
{
	return str_empty(c->proxy) ? c->proxies.items[0] : c->proxy;
}

int sites_open(struct tunneld *t, struct sites **out, struct err *err)
{
	struct sites *s = calloc(1, sizeof(*s));
	const pv_Resource *r;
	char key[512];
	size_t at = 0;

	if (s == NULL)
		return err_set_nomem(err);
	s->t = t;
	s->named[0] = (struct service){ "proxy", own_proxy(&t->conf) };
	s->by_key = map_new();
	s->services = services_new(&(struct services_conf){ t->loop, s->named, &s->nothing,
	                                                    (unsigned)t->conf.dial_timeout });
	if (s->by_key == NULL || s->services == NULL) {
		sites_close(s);
		return err_set_nomem(err);
	}
	while ((r = cache_next(t->cache, PREFIX, &at)) != NULL) {
		snprintf(key, sizeof(key), PREFIX "%s", r->of.reverse_tunnel.metadata.name);
		sites_changed(s, key, r);
	}
	*out = s;
	return 0;
}

void sites_close(struct sites *s)
{
	const char *key;
	size_t at = 0;

	if (s == NULL)
		return;
	while (s->by_key != NULL && map_next(s->by_key, &at, &key) != NULL)
		forget(s, key);
	services_free(s->services);
	map_free(s->by_key);
	free(s);
}
