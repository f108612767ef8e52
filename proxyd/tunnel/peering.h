/*
 * peering - agents that keep fewer tunnels than there are proxies, and which proxy leads to one of
 * them: what cluster_networking_config's tunnel_strategy and tunnel_connection records say.
 */
#ifndef PROXYD_TUNNEL_PEERING_H
#define PROXYD_TUNNEL_PEERING_H

#include <stdint.h>

struct cache;
struct err;

#define PEERING_NETWORKING "/settings/networking/"

/* How many proxies an agent is to have a tunnel to; 0: all, and no proxy asks another. */
uint32_t peering_connections(const struct cache *cache);

/* Another proxy; borrowed from the cache. */
struct peering_way {
	const char *proxy_id;
	const char *addr;
};

/*
 * A proxy other than `own_id` that has a tunnel of the agent, as its record says. Of several, the
 * one with the latest sign of life for `turn` 0, the next for 1, and around. ERR_UNAVAILABLE: there
 * is none, or none with an address.
 */
int peering_find(const struct cache *cache, const char *own_id, const char *agent_id, unsigned turn,
                 struct peering_way *out, struct err *err);

#endif
