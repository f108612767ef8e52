#include "noded/recheck.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "loop/timer.h"
#include "noded/conn.h"
#include "noded/join.h"
#include "noded/limits.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/session.h"
#include "noded/settings.h"
#include "noded/slot.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GATHER_MS    10    /* changes that come within are one */
#define IDLE_LOOK_MS 15000 /* what cannot be idle now is looked at again after that long */

struct recheck {
	struct noded *n;
	struct timer *soon;
	struct timer *old; /* POLICY_LOCKS_OLD_MS after the watch was lost */
	struct timer *idle;
	int64_t idle_at;           /* monotonic ms: when `idle` is due */
	struct cache_watch *watch; /* of what decides who may stay */
};

/* --- one connection -------------------------------------------------------------------------- */

void recheck_conn_proven(struct conn *c)
{
	const struct policy_subject who = { &c->identity, c->login, c->client };
	struct err err = { 0 };
	int64_t end;

	if (policy_check_again(c->n, &who, &end, &err) != 0) {
		conn_end(c, err.msg);
		return;
	}
	conn_set_proven(c, end);
	slot_want(c);
	recheck_idle(c);
}

void recheck_conn(struct conn *c)
{
	if (c->state == CONN_PROVEN && !c->ending)
		recheck_conn_proven(c);
}

static void check_all(struct noded *n)
{
	struct conn *next;

	for (struct conn *c = conn_next(n, NULL); c != NULL; c = next) {
		next = conn_next(n, c);
		recheck_conn(c);
	}
	join_recheck(n->joins);
	limits_look(n->limits);
}

static void on_soon(void *owner)
{
	struct recheck *r = owner;

	check_all(r->n);
}

void recheck_all(struct recheck *r)
{
	if (!timer_active(r->soon))
		timer_once(r->soon, GATHER_MS);
}

void recheck_when_old(struct recheck *r)
{
	timer_once(r->old, POLICY_LOCKS_OLD_MS);
}

/* --- idle connections without a session (ssh -N) --------------------------------------------- */

static bool has_session(const struct conn *c)
{
	for (struct session *s = session_next(c->n, NULL); s != NULL; s = session_next(c->n, s))
		if (str_eq(s->conn, c->id))
			return true;
	return false;
}

/* Milliseconds since the client last sent data, as TCP knows; -1 when it cannot be told. */
static int64_t silence_of(const struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (c->fd < 0 || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return -1;
	return info.tcpi_last_data_recv;
}

/* Ends it if it has been silent for too long, or says in how many ms to look again. */
static int64_t check_idle(struct conn *c)
{
	const struct policy_subject who = { &c->identity, c->login, c->client };
	char text[STR_DURATION_SIZE];
	char reason[128];
	struct role_options limits;
	struct err ignored = { 0 };
	int64_t limit, silence;

	if (c->state != CONN_PROVEN || c->ending || has_session(c) ||
	    policy_limits(c->n, &who, &limits, &ignored) != 0)
		return IDLE_LOOK_MS; /* in sessions the supervisor sees keystrokes and does this */
	limit = limits.client_idle_timeout;
	silence = silence_of(c);
	if (limit == 0 || silence < 0)
		return IDLE_LOOK_MS;
	if (silence < limit)
		return limit - silence;
	snprintf(reason, sizeof(reason), "Client exceeded idle timeout of %s",
	         str_from_duration(text, sizeof(text), limit));
	conn_end(c, settings_idle_message(c->n) != NULL ? settings_idle_message(c->n) : reason);
	return IDLE_LOOK_MS;
}

static void look_within(struct recheck *r, int64_t ms)
{
	int64_t at = clock_mono_ms(r->n->clock) + ms;

	if (timer_active(r->idle) && r->idle_at <= at)
		return;
	r->idle_at = at;
	timer_once(r->idle, ms);
}

void recheck_idle(struct conn *c)
{
	if (c->n->recheck != NULL) /* what happened before our start is heard of earlier */
		look_within(c->n->recheck, check_idle(c));
}

static void on_idle_look(void *owner)
{
	struct recheck *r = owner;

	for (struct conn *c = conn_next(r->n, NULL); c != NULL; c = conn_next(r->n, c))
		recheck_idle(c);
	limits_look(r->n->limits);
}

/* --- roles and locks ------------------------------------------------------------------------- */

/* While authd was away anything may have changed. */
static void on_current(void *ctx)
{
	recheck_all(ctx);
}

static void on_changed(void *ctx, const char *key, const pv_Resource *now)
{
	(void)key;
	(void)now;
	recheck_all(ctx);
}

static int watch(struct recheck *r, struct err *err)
{
	static const char *const prefixes[] = { "/roles/", "/locks/", "/settings/", "/authorities/",
		                                NULL };
	const struct cache_watch_conf conf = {
		.prefixes = prefixes,
		.ctx = r,
		.init = on_current,
		.changed = on_changed,
	};

	return cache_watch_open(r->n->cache, &conf, &r->watch, err);
}

/* --- made once ------------------------------------------------------------------------------- */

int recheck_open(struct noded *n, struct recheck **out, struct err *err)
{
	struct recheck *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set_nomem(err);
	r->n = n;
	r->soon = timer_new(n->loop, on_soon, r);
	r->old = timer_new(n->loop, on_soon, r);
	r->idle = timer_new(n->loop, on_idle_look, r);
	if (r->soon == NULL || r->old == NULL || r->idle == NULL) {
		recheck_close(r);
		return err_set_nomem(err);
	}
	if (watch(r, err) != 0) {
		recheck_close(r);
		return err->code;
	}
	*out = r;
	return 0;
}

void recheck_close(struct recheck *r)
{
	if (r == NULL)
		return;
	cache_watch_close(r->watch);
	timer_free(r->soon);
	timer_free(r->old);
	timer_free(r->idle);
	free(r);
}
