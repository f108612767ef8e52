/*
 * heartbeat - keeps a daemon known to the cluster: announces its record, then says "still here" on
 * one stream, thrice per TTL.
 *
 *   UNTOLD --announced--> TOLD --a third of the TTL, with jitter--> keep-alive, answered --> TOLD
 *     ^  ^                  |
 *     |  '------------------'  the record changed, authd does not know it, or it was long ago
 *     '-- not announced: again after a pause
 *
 * A stream that breaks is opened anew with the next beat, or as soon as the connection stands, and
 * goes on with keep-alives: the record outlives streams, and authd's restarts too.
 */
#ifndef DAEMON_HEARTBEAT_H
#define DAEMON_HEARTBEAT_H

#include "proto/resource.pb.h"

#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct clock;
struct err;
struct heartbeat;
struct rpc_client;

/* All borrowed for the heartbeat's life. */
struct heartbeat_conf {
	uv_loop_t *loop;
	const struct clock *clock;
	struct rpc_client *client;
	int64_t ttl_ms; /* silence after which the cluster is to forget us */
	void *ctx;

	/* Fills the empty record as it is now; it is released by who asked. */
	int (*record)(void *ctx, pv_Node *out, struct err *err);
	/* The cluster knows us now (err NULL), or this announcement failed. */
	void (*on_announced)(void *ctx, const struct err *err);
};

/* Announces as soon as the loop runs. ERR_NOMEM. */
int heartbeat_open(const struct heartbeat_conf *conf, struct heartbeat **out, struct err *err);

/* No callback comes after it; run the loop once more afterwards. NULL allowed. */
void heartbeat_close(struct heartbeat *h);

/* The record is another now: announced at once. */
void heartbeat_changed(struct heartbeat *h);

/* The connection stands again: does not wait for the end of a pause. */
void heartbeat_kick(struct heartbeat *h);

#endif
