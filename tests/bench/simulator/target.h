/*
 * target - what is measured: authd or etcd, behind the same few verbs, so that the same client
 * code stands on both sides of a comparison.
 */
#ifndef SIMULATOR_TARGET_H
#define SIMULATOR_TARGET_H

#include "tests/bench/simulator/watcher.h"

#include "rpc/client.h"

struct cache;
struct err;
struct heartbeat;
struct herd;
struct identity;
struct rpc_service;

/* One simulated node: a connection, its watch, and signs of life. */
struct member {
	struct herd *herd;
	struct identity *identity; /* NULL: everybody's */
	struct rpc_client *client;
	unsigned seen;               /* the newest put that it has heard of */
	bool live;                   /* its watch has told everything so far */
	struct cache *cache;         /* what a node keeps of the cluster */
	struct heartbeat *heartbeat; /* of nodes */
	struct watcher watcher;      /* who only watches: etcd's, and authd's at the fan-out */
};

struct target {
	const char *name;
	const char *server_name;        /* in its certificate; NULL: its address */
	const struct rpc_service *puts; /* the service that has them */
	const struct rpc_service *watches;

	/* Writes the role `name` with content that `number` makes different. */
	int (*put)(struct rpc_client *client, const char *name, unsigned number, rpc_unary_cb cb,
	           void *ctx, struct err *err);

	/* Begins to watch on m->client; herd_live() and herd_saw() tell what comes of it. */
	int (*start)(struct member *m, struct err *err);
	void (*stop)(struct member *m);
};

const struct target *target_authd(void);       /* members are nodes */
const struct target *target_authd_watch(void); /* that only watch */
const struct target *target_etcd(void);

/* --- herd.c ---------------------------------------------------------------------------------- */

/* The watch of a member stands, or was lost. */
void herd_live(struct member *m, bool live);
/* It has heard of a change of the key "/roles/NAME". */
void herd_saw(struct member *m, const char *name);
uv_loop_t *herd_loop(const struct herd *h);

#endif
