#include "noded/slot.h"

#include "base/err.h"
#include "base/log.h"
#include "cache/cache.h"
#include "daemon/host.h"
#include "loop/timer.h"
#include "model/role.h"
#include "noded/conn.h"
#include "noded/noded.h"
#include "noded/questions.h"
#include "noded/settings.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.pb.h"

#include <stdlib.h>

#define KIND         ((char *)"connection")
#define CALL_MS      5000 /* less than who waits for an answer has patience */
#define RETRY_MS     5000
#define LAST_WORD_MS 1500 /* for a session that was refused to show why */
#define FIRST_MS     500  /* for a session that is about to ask, to hear why */

struct slot {
	struct conn *c; /* NULL: gone, only the call is still due */
	enum { SLOT_ASKING, SLOT_HELD, SLOT_REFUSED } state;
	int64_t max;
	struct rpc_stream *call;
	struct timer *timer; /* HELD: to renew; REFUSED: to end the connection */
	struct err why;
};

void slot_free(struct slot *s)
{
	if (s == NULL)
		return;
	timer_free(s->timer);
	s->timer = NULL;
	s->c = NULL;
	if (s->call != NULL)
		rpc_stream_cancel(s->call); /* its callback frees */
	else
		free(s);
}

/* --- asking ---------------------------------------------------------------------------------- */

static void refuse(struct slot *s, const struct err *err)
{
	const char *user = s->c->identity.user;
	bool shown;

	s->state = SLOT_REFUSED;
	err_copy(&s->why, err);
	if (err->code == ERR_LIMIT)
		err_wrap(&s->why, "max_connections limit reached for '%s'", user);
	else
		err_wrap(&s->why, "the connections of '%s' cannot be counted", user);
	shown = questions_settled(s->c->n->questions, s->c->id);
	timer_once(s->timer, shown ? LAST_WORD_MS : FIRST_MS);
}

static void on_answer(void *ctx, const void *response, const struct err *err)
{
	const pv_AcquireSemaphoreResponse *answer = response;
	struct slot *s = ctx;

	s->call = NULL;
	if (s->c == NULL) {
		free(s);
		return;
	}
	if (err == NULL)
		timer_once(s->timer, answer->ttl / 3);
	else if (s->state == SLOT_HELD)
		timer_once(s->timer, RETRY_MS);
	else
		refuse(s, err);
	if (err == NULL && s->state == SLOT_ASKING) {
		s->state = SLOT_HELD;
		questions_settled(s->c->n->questions, s->c->id);
	}
}

static int ask(struct slot *s, struct err *err)
{
	const pv_AcquireSemaphoreRequest request = {
		.kind = KIND,
		.name = s->c->identity.user,
		.lease_id = s->c->id,
		.max_leases = s->max,
		.held = s->state == SLOT_HELD,
	};

	return rpc_unary_start(host_client(s->c->n->host), AUTH_ACQUIRE_SEMAPHORE, &request,
	                       CALL_MS, on_answer, s, &s->call, err);
}

static void renew(struct slot *s)
{
	struct err ignored = { 0 };

	if (s->call == NULL && ask(s, &ignored) != 0)
		timer_once(s->timer, RETRY_MS);
}

static void on_timer(void *owner)
{
	struct slot *s = owner;

	if (s->state == SLOT_HELD)
		renew(s);
	else if (s->state == SLOT_REFUSED)
		conn_end(s->c, s->why.msg);
}

/* --- for connections ------------------------------------------------------------------------- */

static int begin(struct conn *c, int64_t max, struct err *err)
{
	struct slot *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->timer = timer_new(c->n->loop, on_timer, s);
	if (s == NULL || s->timer == NULL) {
		free(s);
		return err_set_nomem(err);
	}
	s->c = c;
	s->max = max;
	s->state = c->restored ? SLOT_HELD : SLOT_ASKING;
	c->slot = s;
	if (s->state == SLOT_HELD) {
		renew(s);
		return 0;
	}
	if (ask(s, err) == 0)
		return SLOT_WAIT;
	s->state = SLOT_REFUSED;
	err_copy(&s->why, err);
	timer_once(s->timer, LAST_WORD_MS);
	return err->code;
}

int slot_check(struct conn *c, int64_t max, struct err *err)
{
	if (max <= 0)
		return 0;
	if (c->slot == NULL)
		return begin(c, max, err);
	c->slot->max = max;
	switch (c->slot->state) {
	case SLOT_ASKING:
		return SLOT_WAIT;
	case SLOT_REFUSED:
		return err_copy(err, &c->slot->why);
	case SLOT_HELD:
		break;
	}
	return 0;
}

void slot_want(struct conn *c)
{
	struct role_set *roles;
	struct err err;

	if (c->slot != NULL || c->state != CONN_PROVEN || c->ending ||
	    cache_role_set(c->n->cache, &c->identity, &roles, &err) != 0)
		return;
	if (slot_check(c, settings_limits(c->n, roles).max_connections, &err) > 0)
		log_warn("connection not counted", kv("conn", c->id), kv("reason", err.msg));
	role_set_unref(roles);
}

void slot_renew_all(struct noded *n)
{
	for (struct conn *c = conn_next(n, NULL); c != NULL; c = conn_next(n, c)) {
		if (c->slot == NULL)
			slot_want(c);
		else if (c->slot->state == SLOT_HELD)
			renew(c->slot);
	}
}

static void on_released(void *ctx, const void *response, const struct err *err)
{
	(void)ctx;
	(void)response;
	if (err != NULL)
		log_debug("slot", "place not given back", kv("reason", err->msg));
}

void slot_release(struct conn *c)
{
	const pv_ReleaseSemaphoreRequest request = { KIND, c->identity.user, c->id };
	struct err ignored = { 0 };

	if (c->slot != NULL && c->slot->state == SLOT_HELD)
		rpc_unary_start(host_client(c->n->host), AUTH_RELEASE_SEMAPHORE, &request, CALL_MS,
		                on_released, NULL, NULL, &ignored);
	slot_free(c->slot);
	c->slot = NULL;
}
