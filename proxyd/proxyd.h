/*
 * proxyd - the one public address: what its parts share. Made in main(), passed down.
 */
#ifndef PROXYD_PROXYD_H
#define PROXYD_PROXYD_H

#include "base/list.h"
#include "base/strlist.h"
#include "crypto/hash.h"
#include "proxyd/conf.h"

#include <stdbool.h>

#include <uv.h>

struct admission;
struct cache;
struct cache_watch;
struct clock;
struct daemon;
struct diag;
struct drain;
struct forwarded;
struct gossip;
struct host;
struct listen;
struct packet_server;
struct records;
struct ticket_keys;
struct timer;
struct tls_conf;
struct tunnels;
struct visitors;
struct work_pool;

struct proxyd {
	struct proxyd_conf conf;
	const struct clock *clock;
	uv_loop_t *loop;
	struct daemon *daemon;
	struct drain *drain;
	bool draining;        /* a successor is to serve; only open streams are ours still */
	struct host *host;    /* our membership and the connection to authd */
	struct strlist names; /* hosts of public_addrs, for our certificates */
	struct diag *diag;
	struct cache *cache; /* nodes, roles, locks, authorities */
	struct cache_watch *locks;
	struct admission *admission; /* to handshakes on the public port */
	struct work_pool *handshakes;
	struct ticket_keys *tickets;
	uint8_t ticket_generation[HASH_SIZE]; /* of the authorities that were trusted */
	struct tls_conf *public_tls; /* of the public port; made anew when certificates change */
	struct tls_conf *pinned_tls; /* the same for clients that trust the authority by its pin */
	struct tls_conf *peer_tls;   /* ours towards other proxies */
	struct listen *public_port;
	struct packet_server *door;  /* the SSH door's helpers; NULL: no door */
	struct visitors *visitors;   /* who is at the door and has not logged in; NULL: no door */
	struct list links;           /* struct link: forwarded connections */
	struct timer *lock_due;      /* links and tunnels are compared with the locks */
	struct tunnels *tunnels;     /* of agents behind firewalls */
	struct records *records;     /* what authd is told of them */
	struct forwarded *forwarded; /* what the proxies of clusters that we trust bring */
	char *forward_target;        /* what that must be meant for: us */
	struct gossip *gossip;       /* what they are told */
};

#endif
