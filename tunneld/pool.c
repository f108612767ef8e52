#include "tunneld/pool.h"

#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crypto/tls.h"
#include "loop/timer.h"
#include "tunneld/agent.h"
#include "tunneld/seats.h"

#include <stdlib.h>

#define LOOK_MS    5000  /* how often seats expire */
#define REPLACE_MS 10000 /* over which tunnels are replaced after new certificates */

enum worker_state { WAITING, SEEKING, SEATED, LEAVING };

struct worker {
	struct pool *pool;
	struct list at;
	enum worker_state state;
	struct agent *agent; /* NULL while WAITING */
	struct timer *timer; /* WAITING: the next try; SEATED: the end of an old certificate's */
	struct backoff backoff;
	bool discovering; /* began when we had a tunnel already */
	char proxy_id[RAND_UUID_SIZE];
};

struct pool {
	struct pool_conf conf;
	struct tls_conf *tls;
	struct seats *seats;
	struct list workers;
	size_t staying; /* workers that are not LEAVING */
	size_t next_addr;
	struct timer *look;
	struct buf *sessions; /* of TLS, one for each address */
	bool closed;
};

static void adjust(struct pool *p);

static void forget_sessions(struct pool *p)
{
	for (size_t i = 0; i < p->conf.addrs->count; i++)
		buf_wipe(&p->sessions[i]);
}

static void pool_free(struct pool *p)
{
	struct pool_conf conf;

	if (p == NULL)
		return;
	conf = p->conf;
	timer_free(p->look);
	seats_free(p->seats);
	tls_conf_unref(p->tls);
	if (p->sessions != NULL)
		forget_sessions(p);
	free(p->sessions);
	free(p);
	if (conf.freed != NULL)
		conf.freed(conf.ctx);
}

static void worker_free(struct worker *w)
{
	struct pool *p = w->pool;

	if (w->state != LEAVING)
		p->staying--;
	list_remove(&w->at);
	timer_free(w->timer);
	free(w);
	if (p->closed && list_empty(&p->workers))
		pool_free(p);
}

/* --- one worker ------------------------------------------------------------------------------- */

static void wait_more(struct worker *w)
{
	w->state = WAITING;
	w->proxy_id[0] = 0;
	timer_once(w->timer, backoff_next(&w->backoff));
}

static void give_seat_back(struct worker *w)
{
	struct pool *p = w->pool;

	seats_release(p->seats, w->proxy_id, clock_mono_ms(p->conf.clock));
}

static bool on_proven(void *owner, const char *proxy_id)
{
	struct worker *w = owner;
	struct pool *p = w->pool;

	if (p->closed || !seats_claim(p->seats, proxy_id)) {
		log_debug("pool", "proxy not wanted", kv("proxy", proxy_id));
		return false;
	}
	str_copy(w->proxy_id, sizeof(w->proxy_id), proxy_id);
	w->state = SEATED;
	backoff_reset(&w->backoff);
	log_info("tunnel opened", kv("proxy", proxy_id), kv("cluster", p->conf.cluster),
	         kv("state", w->discovering ? "discovered" : "connected"),
	         kv("tunnels", (int64_t)seats_claimed(p->seats)));
	return true;
}

static void on_news(void *owner, const pv_TunnelNews *news)
{
	struct pool *p = ((struct worker *)owner)->pool;

	seats_set_most(p->seats, news->connections);
	for (size_t i = 0; i < news->proxies_count; i++)
		seats_see(p->seats, news->proxies[i].id, news->proxies[i].ttl,
		          clock_mono_ms(p->conf.clock));
	adjust(p);
}

/* Another worker takes its place; this one goes with its last channel. */
static void leave(struct worker *w)
{
	give_seat_back(w);
	w->state = LEAVING;
	w->pool->staying--;
	timer_stop(w->timer);
}

static void on_draining(void *owner)
{
	struct worker *w = owner;

	if (w->state != SEATED)
		return;
	log_info("tunnel drains", kv("proxy", w->proxy_id),
	         kv("connections", (int64_t)agent_channels(w->agent)));
	leave(w);
	adjust(w->pool);
}

static void tell_gone(const struct worker *w, const struct err *why)
{
	if (w->state == SEEKING && why != NULL)
		log_warn("proxy not reached", kv("cluster", w->pool->conf.cluster),
		         kv("reason", why->msg));
	else if (w->state != SEEKING)
		log_info("tunnel ended", kv("proxy", w->proxy_id),
		         kv("reason", why != NULL ? why->msg : ""));
}

static void on_gone(void *owner, const struct err *why)
{
	struct worker *w = owner;
	struct pool *p = w->pool;

	w->agent = NULL;
	tell_gone(w, why);
	if (w->state == SEATED)
		give_seat_back(w);
	if (p->closed || w->state == LEAVING) {
		worker_free(w);
		return;
	}
	wait_more(w);
	adjust(p);
}

static void seek(struct worker *w)
{
	static const struct agent_events events = { on_proven, on_news, on_draining, on_gone };
	struct pool *p = w->pool;
	size_t at = p->next_addr++ % p->conf.addrs->count;
	const struct agent_conf conf = {
		.loop = p->conf.loop,
		.addr = p->conf.addrs->items[at],
		.http_proxy = p->conf.http_proxy,
		.cluster = p->conf.cluster,
		.tls = p->tls,
		.handshakes = p->conf.handshakes,
		.services = p->conf.services,
		.session = &p->sessions[at],
		.timeout_ms = p->conf.timeout_ms,
		.beat_ms = p->conf.beat_ms,
		.channels_max = p->conf.channels_max,
		.events = &events,
		.owner = w,
	};
	struct err err = { 0 };

	w->state = SEEKING;
	w->discovering = seats_claimed(p->seats) > 0;
	log_debug("pool", w->discovering ? "discovering" : "connecting", kv("addr", conf.addr));
	if (agent_start(&conf, &w->agent, &err) == 0)
		return;
	tell_gone(w, &err);
	wait_more(w);
}

static void on_timer(void *owner)
{
	struct worker *w = owner;

	if (w->state == WAITING) {
		seek(w);
	} else if (w->state == SEATED) {
		struct pool *p = w->pool;

		leave(w);
		agent_drain(w->agent);
		adjust(p);
	}
}

static int worker_add(struct pool *p)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->pool = p;
	w->backoff =
	        (struct backoff){ .first_ms = POOL_WAIT_FIRST_MS, .most_ms = POOL_WAIT_MOST_MS };
	w->timer = timer_new(p->conf.loop, on_timer, w);
	if (w->timer == NULL) {
		free(w);
		return ERR_NOMEM;
	}
	list_append(&p->workers, &w->at);
	p->staying++;
	/* The first at once; those that follow a gossip do not all come in one instant. */
	timer_once(w->timer,
	           seats_known(p->seats) > 0 ? (int64_t)rand_below(POOL_WAIT_FIRST_MS) : 0);
	return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* One that only waits; NULL: none. */
static struct worker *idle_worker(const struct pool *p)
{
	for (struct list *at = p->workers.prev; at != &p->workers; at = at->prev) {
		struct worker *w = container_of(at, struct worker, at);

		if (w->state == WAITING)
			return w;
	}
	return NULL;
}

/* Fewer tunnels are wanted than there are: all agents that hear it choose for themselves which
 * stay. NULL: none is too many. */
static struct worker *surplus_worker(const struct pool *p, size_t wanted)
{
	size_t seated = seats_claimed(p->seats);
	uint32_t chosen = seated > wanted ? rand_below((uint32_t)seated) : 0;

	for (struct list *at = p->workers.next; seated > wanted && at != &p->workers;
	     at = at->next) {
		struct worker *w = container_of(at, struct worker, at);

		if (w->state == SEATED && chosen-- == 0)
			return w;
	}
	return NULL;
}

/* More are started; of those that are too many the waiting ones go, then seated ones, and seekers
 * when they wait. */
static void adjust(struct pool *p)
{
	size_t wanted = p->closed ? 0 : seats_wanted(p->seats);
	struct worker *w;

	while (p->staying < wanted && worker_add(p) == 0)
		;
	while (p->staying > wanted && (w = idle_worker(p)) != NULL)
		worker_free(w);
	while (!p->closed && (w = surplus_worker(p, wanted)) != NULL) {
		leave(w);
		agent_drain(w->agent);
	}
}

static void on_look(void *owner)
{
	struct pool *p = owner;

	seats_expire(p->seats, clock_mono_ms(p->conf.clock));
	adjust(p);
}

int pool_open(const struct pool_conf *conf, struct tls_conf *tls, struct pool **out,
              struct err *err)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->conf = *conf;
	p->tls = tls_conf_ref(tls);
	list_init(&p->workers);
	p->next_addr = rand_below((uint32_t)conf->addrs->count); /* not all agents at the same */
	p->sessions = calloc(conf->addrs->count, sizeof(*p->sessions));
	p->seats = seats_new();
	p->look = timer_new(conf->loop, on_look, p);
	if (p->sessions == NULL || p->seats == NULL || p->look == NULL || worker_add(p) != 0) {
		p->conf.freed = NULL;
		pool_free(p);
		return err_set_nomem(err);
	}
	timer_every(p->look, LOOK_MS);
	*out = p;
	return 0;
}

void pool_close(struct pool *p)
{
	struct list *next;

	if (p == NULL)
		return;
	p->closed = true;
	timer_stop(p->look);
	if (list_empty(&p->workers)) {
		pool_free(p);
		return;
	}
	for (struct list *at = p->workers.next; at != &p->workers; at = next) {
		struct worker *w = container_of(at, struct worker, at);

		next = at->next;
		if (w->agent != NULL)
			agent_stop(w->agent);
	}
	for (struct worker *w = idle_worker(p); w != NULL; w = idle_worker(p)) {
		bool last = w->at.next == w->at.prev; /* the pool goes with it */

		worker_free(w);
		if (last)
			return;
	}
}

void pool_set_tls(struct pool *p, struct tls_conf *tls)
{
	tls_conf_unref(p->tls);
	p->tls = tls_conf_ref(tls);
	forget_sessions(p);
	for (struct list *at = p->workers.next; at != &p->workers; at = at->next) {
		struct worker *w = container_of(at, struct worker, at);

		if (w->state == SEATED)
			timer_once(w->timer, (int64_t)rand_below(REPLACE_MS));
	}
}

size_t pool_tunnels(const struct pool *p)
{
	return seats_claimed(p->seats);
}

void pool_metrics(const struct pool *p, struct buf *out)
{
	static const char *const names[] = { "waiting", "seeking", "seated", "leaving" };
	size_t count[4] = { 0 };

	for (struct list *at = p->workers.next; at != &p->workers; at = at->next)
		count[container_of(at, struct worker, at)->state]++;
	for (int i = 0; i < 4; i++)
		buf_appendf(out, "postern_tunneld_agents{cluster=\"%s\",state=\"%s\"} %zu\n",
		            p->conf.cluster, names[i], count[i]);
	buf_appendf(out, "postern_tunneld_proxies{cluster=\"%s\"} %zu\n", p->conf.cluster,
	            seats_known(p->seats));
}
