/*
 * agent - one attempt to have a tunnel to a proxy, and the tunnel that comes of it.
 *
 *   DIALLING --> SECURING --proven: owner wants this proxy--> TUNNEL --> gone
 *       \____________\______________\--does not-------------------^
 *
 * The proxy is whoever its certificate says: a host of the cluster that we meant, with the system
 * role Proxy. Each dial resolves the name anew.
 */
#ifndef TUNNELD_AGENT_H
#define TUNNELD_AGENT_H

#include "proto/tunnel.pb.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct agent;
struct buf;
struct err;
struct http_proxy;
struct services;
struct tls_conf;
struct work_pool;

struct agent_events {
	/* The proxy has proven to be `proxy_id`. False: it is not wanted, `gone` follows. */
	bool (*proven)(void *owner, const char *proxy_id);
	void (*news)(void *owner, const pv_TunnelNews *news);
	void (*draining)(void *owner);
	/* The last; the agent is gone when it returns. NULL: it ended in order. */
	void (*gone)(void *owner, const struct err *why);
};

/* All borrowed until agent_start() returns, but for those that live longer than agents: loop,
 * http_proxy, handshakes, services, session, events. */
struct agent_conf {
	uv_loop_t *loop;
	const char *addr;
	const struct http_proxy *http_proxy; /* NULL: none */
	const char *cluster;                 /* whose proxy it must be */
	struct tls_conf *tls;
	struct work_pool *handshakes;
	struct services *services;
	struct buf *session; /* TLS session of the last one there, and for the next */
	unsigned timeout_ms;
	unsigned beat_ms;
	unsigned channels_max;
	const struct agent_events *events;
	void *owner;
};

/* Fails and never calls back, or `gone` comes once, later. */
int agent_start(const struct agent_conf *conf, struct agent **out, struct err *err);

/* Ends it at once; `gone` follows. */
void agent_stop(struct agent *a);

/* No new channels; ends behind the last one. Without a tunnel: ends at once. */
void agent_drain(struct agent *a);

size_t agent_channels(const struct agent *a);
int64_t agent_latency_us(const struct agent *a); /* -1: unknown */

#endif
