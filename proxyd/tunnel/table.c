#include "proxyd/tunnel/table.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "daemon/host.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/identity.h"
#include "model/trust.h"
#include "proxyd/access.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/gossip.h"
#include "proxyd/tunnel/records.h"
#include "tunnel/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRY_STEP_MS (24 * 3600 * 1000) /* a timer is never set for longer */

struct tunnels {
	struct proxyd *p;
	struct map *by_agent; /* struct agent, those with a tunnel */
	size_t count;         /* tunnels */
	size_t turn;          /* of the agents of a leaf */
	bool closed;          /* goes with the last tunnel */
};

#define AGENT_ID_SIZE (256 + RAND_UUID_SIZE)

struct agent {
	char id[AGENT_ID_SIZE];
	struct list tunnels; /* newest last */
	size_t count;
};

struct held {
	struct tunnels *all;
	struct agent *agent;
	struct list at;
	struct tunnel *tunnel;
	struct peer peer;
	struct pin ca;        /* that signed its certificate */
	bool ready;           /* the agent stays */
	struct timer *expiry; /* of its certificate */
};

int tunnels_open(struct proxyd *p, struct tunnels **out, struct err *err)
{
	struct tunnels *all = calloc(1, sizeof(*all));

	if (all != NULL)
		all->by_agent = map_new();
	if (all == NULL || all->by_agent == NULL) {
		free(all);
		return err_set_nomem(err);
	}
	all->p = p;
	*out = all;
	return 0;
}

static void free_if_over(struct tunnels *all)
{
	if (!all->closed || all->count > 0)
		return;
	map_free(all->by_agent);
	free(all);
}

static bool has_ready(const struct agent *a)
{
	for (struct list *l = a->tunnels.next; l != &a->tunnels; l = l->next)
		if (container_of(l, struct held, at)->ready)
			return true;
	return false;
}

/* Our own only: by those proxies find the nodes behind each other's agents. */
static void tell_record(const struct held *h, bool here)
{
	if (h->peer.kind == PEER_HOST)
		records_set(h->all->p->records, h->agent->id, h->peer.identity.cluster, here);
}

static void held_free(struct held *h)
{
	struct tunnels *all = h->all;
	struct agent *a = h->agent;

	if (a != NULL) {
		list_remove(&h->at);
		all->count--;
		if (h->ready && !has_ready(a))
			tell_record(h, false);
		if (--a->count == 0) {
			map_remove(all->by_agent, a->id);
			free(a);
		}
	}
	timer_free(h->expiry);
	peer_deinit(&h->peer);
	free(h);
	free_if_over(all);
}

/* Calls `act` with each; it may end tunnels, which vanish later. */
static void each(struct tunnels *all, void (*act)(struct held *h, void *arg), void *arg)
{
	struct agent *a;
	size_t at = 0;

	while ((a = map_next(all->by_agent, &at, NULL)) != NULL)
		for (struct list *l = a->tunnels.next; l != &a->tunnels; l = l->next)
			act(container_of(l, struct held, at), arg);
}

/* --- a tunnel comes and goes ------------------------------------------------------------------ */

static void on_closed(void *ctx, const struct err *why)
{
	struct held *h = ctx;

	if (h->ready)
		log_info("tunnel ended", kv("agent", h->agent->id), kv("addr", h->peer.addr),
		         kv("reason", why != NULL ? why->msg : ""));
	held_free(h);
}

static void tell_one(struct held *h, void *arg)
{
	pv_TunnelNews news = *(const pv_TunnelNews *)arg;
	struct err err = { 0 };

	/* No proxy asks another for a leaf's tunnels: each is to have its own. */
	if (h->peer.kind == PEER_REMOTE)
		news.connections = 0;
	if (tunnel_tell(h->tunnel, &news, &err) != 0)
		log_error("agent not told of proxies", kv("reason", err.msg));
}

/* Without news it hears of them by the next round. */
static void greet(struct held *h)
{
	pv_TunnelNews news;
	struct err err = { 0 };

	if (h->all->p->gossip == NULL || gossip_news(h->all->p->gossip, &news, &err) != 0)
		return;
	tell_one(h, &news);
	free(news.proxies);
}

static void on_ready(void *ctx)
{
	struct held *h = ctx;

	h->ready = true;
	log_info("tunnel opened", kv("agent", h->agent->id), kv("addr", h->peer.addr));
	greet(h);
	tell_record(h, true);
}

static void on_draining(void *ctx)
{
	struct held *h = ctx;

	log_info("tunnel drains", kv("agent", h->agent->id), kv("addr", h->peer.addr));
}

static void on_expiry(void *owner)
{
	struct held *h = owner;
	int64_t left = h->peer.identity.expires - clock_wall_ms(h->all->p->clock);

	if (left > 0) {
		timer_once(h->expiry, left < EXPIRY_STEP_MS ? left : EXPIRY_STEP_MS);
		return;
	}
	log_info("agent's certificate has expired", kv("agent", h->agent->id));
	tunnel_drain(h->tunnel);
}

static struct agent *agent_of(struct tunnels *all, const char *id)
{
	struct agent *a = map_get(all->by_agent, id);

	if (a != NULL)
		return a;
	a = calloc(1, sizeof(*a));
	if (a == NULL || map_put(all->by_agent, id, a, NULL) != 0) {
		free(a);
		return NULL;
	}
	str_copy(a->id, sizeof(a->id), id);
	list_init(&a->tunnels);
	return a;
}

static size_t usable(const struct agent *a)
{
	size_t count = 0;

	for (struct list *l = a->tunnels.next; l != &a->tunnels; l = l->next)
		count += tunnel_usable(container_of(l, struct held, at)->tunnel);
	return count;
}

/* Under which an agent stands here. */
static char *id_of(const struct peer *peer, char out[AGENT_ID_SIZE])
{
	const pv_Identity *id = &peer->identity;

	snprintf(out, AGENT_ID_SIZE, "%s%s%s", peer->kind == PEER_REMOTE ? id->cluster : "",
	         peer->kind == PEER_REMOTE ? "/" : "", id->host_id);
	return out;
}

static bool is_of(const struct agent *a, const char *cluster)
{
	size_t len = strlen(cluster);

	return strncmp(a->id, cluster, len) == 0 && a->id[len] == '/';
}

static size_t count_site(const struct tunnels *all, const char *cluster)
{
	const struct agent *a;
	size_t at = 0, count = 0;

	while ((a = map_next(all->by_agent, &at, NULL)) != NULL)
		count += is_of(a, cluster);
	return count;
}

static bool is_agent(const struct peer *peer)
{
	return peer_is_host(peer, "Tunnel") ||
	       (peer->kind == PEER_REMOTE && str_eq(peer->identity.system_role, TRUST_LEAF_TUNNEL));
}

static int check_locks(const struct held *h, struct err *err)
{
	return access_check_locks(h->all->p, &h->peer, h->peer.identity.host_id, NULL, err);
}

static int check_peer(const struct held *h, struct err *err)
{
	const char *cluster = h->peer.identity.cluster;
	char id[AGENT_ID_SIZE];
	const struct agent *a;

	if (!is_agent(&h->peer))
		return err_set(err, ERR_DENIED, "only agents (system role Tunnel) have tunnels");
	a = map_get(h->all->by_agent, id_of(&h->peer, id));
	if (a == NULL && count_site(h->all, cluster) >= TUNNELS_AGENTS_SITE)
		return err_set(err, ERR_LIMIT, "cluster '%s' has %d agents here already", cluster,
		               TUNNELS_AGENTS_SITE);
	if (a != NULL && (usable(a) >= TUNNELS_PER_AGENT || a->count >= TUNNELS_PER_AGENT_ALL))
		return err_set(err, ERR_LIMIT, "agent '%s' has %zu tunnels here already", a->id,
		               a->count);
	return check_locks(h, err);
}

/* Takes the stream in any case. */
static int open_tunnel(struct held *h, struct stream *take_stream, struct err *err)
{
	static const struct tunnel_events events = { .ready = on_ready,
		                                     .draining = on_draining,
		                                     .closed = on_closed };
	const struct proxyd_conf *c = &h->all->p->conf;
	const struct tunnel_conf conf = {
		.side = TUNNEL_PROXY,
		.channels_max = (unsigned)c->tunnel_channels,
		.beat_ms = (unsigned)c->tunnel_keep_alive,
		.events = &events,
		.ctx = h,
	};
	char id[AGENT_ID_SIZE];
	struct agent *a = agent_of(h->all, id_of(&h->peer, id));

	h->expiry = timer_new(h->all->p->loop, on_expiry, h);
	if (a == NULL || h->expiry == NULL) {
		err_set_nomem(err);
		stream_refuse(take_stream, err);
		return err->code;
	}
	h->agent = a;
	a->count++;
	h->all->count++;
	list_append(&a->tunnels, &h->at);
	return tunnel_open(take_stream, &conf, &h->tunnel, err);
}

static int take(struct held *h, struct stream *take_stream, struct err *err)
{
	const struct tls_peer *tls = tls_peer(stream_tls(take_stream));
	int rc = access_tls_peer(h->all->p, tls, stream_peer(take_stream), &h->peer, err);

	if (rc == 0)
		rc = check_peer(h, err);
	if (rc != 0) {
		stream_refuse(take_stream, err);
		return rc;
	}
	h->ca = tls->ca;
	tls_forget_cert(stream_tls(take_stream));
	return open_tunnel(h, take_stream, err);
}

void tunnels_serve(struct proxyd *p, struct stream *take_stream)
{
	struct held *h = calloc(1, sizeof(*h));
	char addr[STREAM_PEER_SIZE];
	struct err err = { 0 };

	str_copy(addr, sizeof(addr), stream_peer(take_stream));
	if (h == NULL || p->tunnels == NULL || p->draining) {
		free(h);
		stream_refuse(take_stream, NULL);
		return;
	}
	h->all = p->tunnels;
	if (take(h, take_stream, &err) != 0) {
		log_warn("tunnel refused", kv("addr", addr), kv("reason", err.msg));
		held_free(h);
		return;
	}
	on_expiry(h);
}

/* --- all of them ------------------------------------------------------------------------------ */

struct tunnel *tunnels_find(const struct tunnels *all, const char *agent_id)
{
	const struct agent *a = all != NULL ? map_get(all->by_agent, agent_id) : NULL;

	if (a == NULL)
		return NULL;
	for (struct list *l = a->tunnels.prev; l != &a->tunnels; l = l->prev) {
		struct tunnel *t = container_of(l, struct held, at)->tunnel;

		if (tunnel_usable(t))
			return t;
	}
	return NULL;
}

static bool is_usable(const struct agent *a)
{
	return usable(a) > 0;
}

const char *tunnels_site(struct tunnels *all, const char *cluster)
{
	const struct agent *found[TUNNELS_AGENTS_SITE];
	const struct agent *a;
	size_t at = 0, count = 0;

	while (all != NULL && (a = map_next(all->by_agent, &at, NULL)) != NULL)
		if (count < TUNNELS_AGENTS_SITE && is_of(a, cluster) && is_usable(a))
			found[count++] = a;
	return count > 0 ? found[all->turn++ % count]->id : NULL;
}

static void drain_one(struct held *h, void *arg)
{
	(void)arg;
	tunnel_drain(h->tunnel);
}

void tunnels_drain(struct tunnels *all)
{
	each(all, drain_one, NULL);
}

/* Of a leaf that was removed nothing stays; whose key was rotated away gets no new channels. */
static void check_one(struct held *h, void *arg)
{
	const struct trust *trust = host_trust(h->all->p->host);
	const pv_Identity *id = &h->peer.identity;
	struct err why = { 0 };

	(void)arg;
	if (trust_hosts(trust, id->cluster) == NULL)
		err_set(&why, ERR_DENIED, "cluster '%s' is not known any more", id->cluster);
	if (why.code != 0 || check_locks(h, &why) != 0)
		tunnel_close(h->tunnel, &why);
	else if (!trust_holds(trust, id, &h->ca))
		tunnel_drain(h->tunnel);
}

void tunnels_check(struct tunnels *all)
{
	each(all, check_one, NULL);
}

void tunnels_tell(struct tunnels *all, const pv_TunnelNews *news)
{
	each(all, tell_one, (void *)(uintptr_t)news);
}

static void count_one(struct held *h, void *arg)
{
	*(size_t *)arg += tunnel_channels(h->tunnel);
}

void tunnels_metrics(const struct tunnels *all, struct buf *out)
{
	size_t channels = 0;

	each((struct tunnels *)(uintptr_t)all, count_one, &channels);
	buf_appendf(out, "postern_proxyd_agents %zu\n", map_count(all->by_agent));
	buf_appendf(out, "postern_proxyd_tunnels %zu\n", all->count);
	buf_appendf(out, "postern_proxyd_channels %zu\n", channels);
}

static void close_one(struct held *h, void *arg)
{
	(void)arg;
	tunnel_close(h->tunnel, NULL);
}

void tunnels_close(struct tunnels *all)
{
	if (all == NULL || all->closed)
		return;
	all->closed = true;
	each(all, close_one, NULL);
	free_if_over(all);
}
