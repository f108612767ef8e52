/*
 * gossip - tells every agent which proxies live, and to how many of them each is to have a tunnel:
 * when it comes, when either changes, and now and then, for what an agent heard holds only
 * GOSSIP_TTL_MS.
 */
#ifndef PROXYD_TUNNEL_GOSSIP_H
#define PROXYD_TUNNEL_GOSSIP_H

struct err;
struct gossip;
struct proxyd;
struct tunnel;

#define GOSSIP_TTL_MS   (3 * 60 * 1000)
#define GOSSIP_EVERY_MS (60 * 1000)

int gossip_open(struct proxyd *p, struct gossip **out, struct err *err);
void gossip_close(struct gossip *g); /* NULL allowed */

/* An agent has come. g may be NULL. */
void gossip_greet(struct gossip *g, struct tunnel *t);

#endif
