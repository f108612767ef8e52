#include "noded/recheck.h"

#include "base/err.h"
#include "base/str.h"
#include "loop/timer.h"
#include "noded/conn.h"
#include "noded/join.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/session.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GATHER_MS    10    /* changes that come within are one */
#define IDLE_LOOK_MS 15000 /* how often connections without a session are looked at */

struct recheck {
	struct noded *n;
	struct timer *soon;
	struct timer *idle;
};

/* --- one connection -------------------------------------------------------------------------- */

void recheck_conn_proven(struct conn *c)
{
	const struct policy_subject who = { &c->identity, c->login, c->client };
	struct err err = { 0 };
	int64_t end;

	if (policy_check_again(c->n, &who, &end, &err) == 0)
		conn_set_proven(c, end);
	else
		conn_end(c, err.msg);
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

static void check_idle(struct conn *c)
{
	const struct policy_subject who = { &c->identity, c->login, c->client };
	char text[STR_DURATION_SIZE];
	char reason[128];
	struct role_set *roles;
	struct err ignored = { 0 };
	int64_t limit;

	if (c->state != CONN_PROVEN || c->ending || has_session(c) ||
	    policy_check(c->n, &who, &roles, &ignored) != 0)
		return; /* in sessions the supervisor sees keystrokes; it does this itself */
	limit = role_set_options(roles)->client_idle_timeout;
	role_set_unref(roles);
	if (limit == 0 || silence_of(c) < limit)
		return;
	snprintf(reason, sizeof(reason), "Client exceeded idle timeout of %s",
	         str_from_duration(text, sizeof(text), limit));
	conn_end(c, reason);
}

static void on_idle_look(void *owner)
{
	struct recheck *r = owner;

	for (struct conn *c = conn_next(r->n, NULL); c != NULL; c = conn_next(r->n, c))
		check_idle(c);
}

/* --- made once ------------------------------------------------------------------------------- */

int recheck_open(struct noded *n, struct recheck **out, struct err *err)
{
	struct recheck *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set_nomem(err);
	r->n = n;
	r->soon = timer_new(n->loop, on_soon, r);
	r->idle = timer_new(n->loop, on_idle_look, r);
	if (r->soon == NULL || r->idle == NULL) {
		recheck_close(r);
		return err_set_nomem(err);
	}
	timer_every(r->idle, IDLE_LOOK_MS);
	*out = r;
	return 0;
}

void recheck_close(struct recheck *r)
{
	if (r == NULL)
		return;
	timer_free(r->soon);
	timer_free(r->idle);
	free(r);
}
