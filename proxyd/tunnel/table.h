/*
 * table - the tunnels of agents to this proxy, by the host id in the agent's certificate.
 *
 *   public port --ALPN postern-tunnel/1--> certificate of a Tunnel? not locked? room? --> in the
 * table
 *
 * An agent may have several tunnels (an old one that drains, say); the newest usable one is taken.
 * Agents of leaves, which bring their whole cluster, are in it by "<cluster>/<host id>", so that
 * none can be taken for one of ours.
 *
 * What is behind an agent, it does not say: a node's own record names its agent. A tunnel ends when
 * a lock concerns the agent, and takes no new channels when the agent's certificate has run out or
 * is of an authority that is not trusted any more.
 */
#ifndef PROXYD_TUNNEL_TABLE_H
#define PROXYD_TUNNEL_TABLE_H

#include "proto/tunnel.pb.h"

#include <stddef.h>

struct buf;
struct err;
struct proxyd;
struct stream;
struct tunnel;
struct tunnels;

#define TUNNELS_PER_AGENT     4  /* that are usable */
#define TUNNELS_PER_AGENT_ALL 16 /* with those that drain */
#define TUNNELS_AGENTS_SITE   64 /* agents of one leaf */

int tunnels_open(struct proxyd *p, struct tunnels **out, struct err *err);

/* Ends all of them; run the loop once more afterwards. NULL allowed. */
void tunnels_close(struct tunnels *all);

/* A connection whose handshake agreed on TUNNEL_ALPN. */
void tunnels_serve(struct proxyd *p, struct stream *take_stream);

/* NULL: this agent has no usable tunnel here, or `all` is NULL. */
struct tunnel *tunnels_find(const struct tunnels *all, const char *agent_id);

/* An agent of another cluster, a leaf of ours, for tunnels_find(): of several one after the other.
 * NULL: none has a usable tunnel here. */
const char *tunnels_site(struct tunnels *all, const char *cluster);

/* No new channels on any, as this proxy ends; each ends with its last one. */
void tunnels_drain(struct tunnels *all);

/* Locks, or the authorities that are trusted, have changed. */
void tunnels_check(struct tunnels *all);

/* To every agent. */
void tunnels_tell(struct tunnels *all, const pv_TunnelNews *news);

void tunnels_metrics(const struct tunnels *all, struct buf *out);

#endif
