/*
 * tunneld - the reverse-tunnel agent: what its parts share. Made in main(), passed down.
 */
#ifndef TUNNELD_TUNNELD_H
#define TUNNELD_TUNNELD_H

#include "tunneld/conf.h"

#include <uv.h>

struct cache;
struct clock;
struct daemon;
struct diag;
struct host;
struct http_proxy;
struct pool;
struct services;
struct sites;
struct work_pool;

struct tunneld {
	struct tunneld_conf conf;
	const struct clock *clock;
	uv_loop_t *loop;
	struct daemon *daemon;
	struct diag *diag;
	struct http_proxy *http_proxy; /* on our way out; NULL: none */

	char *cluster;       /* ours; for as long as we run */
	struct host *host;   /* our membership and the connection to authd */
	struct cache *cache; /* authorities, and what says where to have tunnels */
	struct work_pool *handshakes;
	struct services *services;
	struct pool *pool;   /* towards our own cluster's proxies */
	struct sites *sites; /* towards those of clusters that ours trusts */
};

#endif
