#include "proxyd/tunnel/peering.h"

#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "model/resource.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 80
#define WAYS_MAX  64 /* an agent that has more tunnels needs no more */

struct candidate {
	struct peering_way way;
	int64_t heard;
};

uint32_t peering_connections(const struct cache *cache)
{
	const pv_Resource *r = cache_get(cache, PEERING_NETWORKING "cluster-networking-config");
	const pv_TunnelStrategy *s;

	if (r == NULL)
		return 0;
	s = &r->of.cluster_networking_config.spec.tunnel_strategy;
	if (!str_eq(s->type, "proxy_peering"))
		return 0;
	return s->agent_connection_count > 0 ? (uint32_t)s->agent_connection_count : 1;
}

static const char *address_of(const pv_Node *proxy)
{
	return str_empty(proxy->spec.peer_addr) ? proxy->spec.addr : proxy->spec.peer_addr;
}

/* Whether that proxy has said that the agent has a tunnel to it. */
static bool leads_to(const struct cache *cache, const pv_Node *proxy, const char *agent_id,
                     struct candidate *out)
{
	const struct resource_kind *kind = resource_kind_find("tunnel_connection");
	char name[NAME_SIZE], key[RESOURCE_KEY_SIZE];
	const pv_Resource *r;
	struct err ignored;

	snprintf(name, sizeof(name), "%s-%s", proxy->metadata.name, agent_id);
	if (str_empty(address_of(proxy)) || resource_key(key, kind, NULL, name, &ignored) != 0)
		return false;
	r = cache_get(cache, key);
	if (r == NULL)
		return false;
	*out = (struct candidate){ { proxy->metadata.name, address_of(proxy) },
		                   r->of.tunnel_connection.spec.last_heartbeat };
	return true;
}

static int latest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->heard < y->heard) - (x->heard > y->heard);
}

int peering_find(const struct cache *cache, const char *own_id, const char *agent_id, unsigned turn,
                 struct peering_way *out, struct err *err)
{
	struct candidate found[WAYS_MAX];
	const pv_Resource *r;
	size_t count = 0, at = 0;

	while (count < WAYS_MAX && (r = cache_next(cache, "/proxies/", &at)) != NULL)
		if (!str_eq(r->of.proxy.metadata.name, own_id) &&
		    leads_to(cache, &r->of.proxy, agent_id, &found[count]))
			count++;
	if (count == 0)
		return err_set(err, ERR_UNAVAILABLE, "no proxy has a tunnel of its agent '%s'",
		               agent_id);
	qsort(found, count, sizeof(found[0]), latest_first);
	*out = found[turn % count].way;
	return 0;
}
