/*
 * tunnels - for tests of what stands on tunnels: the two ends of one over a pair of sockets, and a
 * service behind it.
 */
#ifndef TESTS_UNIT_TUNNELS_H
#define TESTS_UNIT_TUNNELS_H

#include "tunnel/tunnel.h"

#include "tests/unit/streams.h"

#define ASKED_MAX 600

/* One end and what it heard. */
struct end {
	struct tunnel *tunnel; /* NULL once closed */
	struct channel *asked[ASKED_MAX];
	char service[TUNNEL_SERVICE_SIZE]; /* of the last */
	size_t asked_count;
	int withdrawn;
	int told; /* news */
	pv_TunnelNews last;
	char last_id[64]; /* of its first proxy */
	int ready;
	int draining;
	int closed;
	struct err err;
	/* What is done with a request: NULL keeps it in `asked`. */
	void (*serve)(struct end *e, struct channel *c);
	uv_loop_t *loop;
};

static inline void *end_on_request(void *ctx, struct channel *c, const char *service)
{
	struct end *e = ctx;

	e->asked[e->asked_count++ % ASKED_MAX] = c;
	strcpy(e->service, service);
	if (e->serve != NULL)
		e->serve(e, c);
	return e;
}

static inline void end_on_withdrawn(void *asked)
{
	((struct end *)asked)->withdrawn++;
}

static inline void end_on_news(void *ctx, const pv_TunnelNews *news)
{
	struct end *e = ctx;

	e->told++;
	e->last = *news;
	e->last_id[0] = 0;
	if (news->proxies_count > 0)
		strcpy(e->last_id, news->proxies[0].id);
	e->last.proxies = NULL;
}

static inline void end_on_ready(void *ctx)
{
	((struct end *)ctx)->ready++;
}

static inline void end_on_draining(void *ctx)
{
	((struct end *)ctx)->draining++;
}

static inline void end_on_closed(void *ctx, const struct err *why)
{
	struct end *e = ctx;

	e->closed++;
	e->tunnel = NULL;
	if (why != NULL)
		err_copy(&e->err, why);
}

static const struct tunnel_events end_events = {
	.request = end_on_request,
	.withdrawn = end_on_withdrawn,
	.news = end_on_news,
	.ready = end_on_ready,
	.draining = end_on_draining,
	.closed = end_on_closed,
};

static inline void end_open(struct end *e, struct stream *take_stream, struct tunnel_conf conf)
{
	struct err err;

	e->loop = stream_loop(take_stream);
	conf.events = &end_events;
	conf.ctx = e;
	assert_int_equal(tunnel_open(take_stream, &conf, &e->tunnel, &err), 0);
}

/* Both ends, with the same numbers. */
static inline void ends_open(uv_loop_t *loop, struct end *proxy, struct end *agent,
                             struct tunnel_conf conf)
{
	struct stream *a, *b;

	stream_pair(loop, &a, &b);
	conf.side = TUNNEL_PROXY;
	end_open(proxy, a, conf);
	conf.side = TUNNEL_AGENT;
	end_open(agent, b, conf);
	turn_until(loop, proxy->ready == 1 && agent->ready == 1);
}

static inline void ends_close(uv_loop_t *loop, struct end *proxy, struct end *agent)
{
	if (proxy->tunnel != NULL)
		tunnel_close(proxy->tunnel, NULL);
	turn_until(loop, proxy->tunnel == NULL && agent->tunnel == NULL);
	assert_int_equal(proxy->closed, 1);
	assert_int_equal(agent->closed, 1);
}

/* What came of one tunnel_dial(). */
struct dialed {
	struct ear ear;
	struct channel *channel;
	int calls;
	struct err err;
};

static inline void on_tunnel_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	struct dialed *d = owner;

	d->calls++;
	d->channel = NULL;
	assert_true((take_stream == NULL) == (err != NULL));
	if (err != NULL)
		err_copy(&d->err, err);
	else
		ear_attach(&d->ear, take_stream);
}

static inline void dial_service(struct end *proxy, const char *service, struct dialed *d)
{
	struct err err = { 0 };

	if (tunnel_dial(proxy->tunnel, service, NULL, 20000, on_tunnel_dialed, d, &d->channel,
	                &err) != 0)
		fail_msg("%s", err.msg);
}

/* The agent's answer to the request `n`. */
static inline void accept_asked(struct end *agent, size_t n, struct ear *ear)
{
	struct stream *s = NULL;
	struct err err;

	assert_int_equal(channel_accept(agent->asked[n], &s, &err), 0);
	ear_attach(ear, s);
}

/* A channel that is open on both sides. */
static inline void join_ends(uv_loop_t *loop, struct end *proxy, struct end *agent,
                             struct dialed *d, struct ear *far)
{
	size_t n = agent->asked_count;

	dial_service(proxy, "node", d);
	turn_until(loop, agent->asked_count == n + 1);
	accept_asked(agent, n, far);
	turn_until(loop, d->calls == 1);
	assert_int_equal(d->err.code, 0);
}

#endif
