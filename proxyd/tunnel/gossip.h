/*
 * gossip - tells every agent which proxies live, and to how many of them each is to have a tunnel:
 * when it comes, when either changes, and now and then, for what an agent heard holds only
 * GOSSIP_TTL_MS.
 */
#ifndef PROXYD_TUNNEL_GOSSIP_H
#define PROXYD_TUNNEL_GOSSIP_H

#include "proto/tunnel.pb.h"

struct err;
struct gossip;
struct proxyd;

#define GOSSIP_TTL_MS   (3 * 60 * 1000)
#define GOSSIP_EVERY_MS (60 * 1000)

int gossip_open(struct proxyd *p, struct gossip **out, struct err *err);
void gossip_close(struct gossip *g); /* NULL allowed */

/* All live proxies, and how many tunnels are wanted; the ids are borrowed from the cache, the array
 * is to be freed. ERR_NOMEM. */
int gossip_news(const struct gossip *g, pv_TunnelNews *out, struct err *err);

#endif
