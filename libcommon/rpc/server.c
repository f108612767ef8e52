#include "rpc/server.h"

#include "base/clock.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/server_inside.h"
#include "wire/grpc.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MS         1000
#define CATCH_UP_AT_ONCE 256

static void finish_stop(struct rpc_server *s)
{
	void (*on_stopped)(void *ctx) = s->on_stopped;
	void *ctx = s->conf.ctx;

	timer_free(s->sweep);
	timer_free(s->catch_up);
	free(s);
	if (on_stopped != NULL)
		on_stopped(ctx);
}

/* --- catching up -------------------------------------------------------------------------------
 */

void conn_soon(struct rpc_conn *c)
{
	struct rpc_server *s = c->server;

	if (!list_empty(&c->soon))
		return;
	if (list_empty(&s->soon))
		timer_once(s->catch_up, 0);
	list_append(&s->soon, &c->soon);
}

/* One event may concern thousands: others have their turn in between. */
static void on_catch_up(void *owner)
{
	struct rpc_server *s = owner;

	for (unsigned n = 0; n < CATCH_UP_AT_ONCE && !list_empty(&s->soon); n++) {
		struct rpc_conn *c = container_of(s->soon.next, struct rpc_conn, soon);

		list_remove(&c->soon);
		conn_catch_up(c);
	}
	if (!list_empty(&s->soon))
		timer_once(s->catch_up, 0);
}

/* --- deadlines and the end ---------------------------------------------------------------------
 */

static void doom_all(struct rpc_server *s)
{
	for (struct list *at = s->conns.next; at != &s->conns; at = at->next)
		conn_doom(container_of(at, struct rpc_conn, link), ERR_UNAVAILABLE,
		          "the server is shutting down");
}

static void check_all(struct rpc_server *s)
{
	int64_t mono = clock_mono_ms(clock_system());
	int64_t wall = clock_wall_ms(clock_system());

	for (struct list *at = s->conns.next; at != &s->conns; at = at->next)
		conn_check(container_of(at, struct rpc_conn, link), mono, wall);
}

/* Connections end soon, not within this; so the list holds still. When stopping it comes at the
 * end of the drain, and again when the last connection has gone. */
static void on_sweep(void *owner)
{
	struct rpc_server *s = owner;

	if (!s->stopping)
		check_all(s);
	else if (s->conn_count > 0)
		doom_all(s);
	else
		finish_stop(s);
}

void server_conn_gone(struct rpc_server *s)
{
	s->conn_count--;
	if (s->stopping && s->conn_count == 0)
		timer_once(s->sweep, 0);
}

static void set_default(unsigned *field, unsigned value)
{
	if (*field == 0)
		*field = value;
}

struct rpc_server *rpc_server_new(const struct rpc_server_conf *conf, struct err *err)
{
	struct rpc_server *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->conf = *conf;
		s->sweep = timer_new(conf->loop, on_sweep, s);
		s->catch_up = timer_new(conf->loop, on_catch_up, s);
	}
	if (s == NULL || s->sweep == NULL || s->catch_up == NULL) {
		if (s != NULL) {
			timer_free(s->sweep);
			timer_free(s->catch_up);
		}
		free(s);
		err_set_nomem(err);
		return NULL;
	}
	if (s->conf.message_max == 0)
		s->conf.message_max = GRPC_MESSAGE_MAX;
	set_default(&s->conf.connections_max, 20000);
	set_default(&s->conf.calls_max, 256);
	set_default(&s->conf.head_ms, 20000);
	set_default(&s->conf.idle_ms, 60000);
	set_default(&s->conf.call_ms, 60000);
	list_init(&s->conns);
	list_init(&s->soon);
	timer_every(s->sweep, SWEEP_MS);
	return s;
}

void *rpc_server_ctx(const struct rpc_server *s)
{
	return s->conf.ctx;
}

int rpc_server_attach(struct rpc_server *s, struct stream *take_stream, const char *client_addr,
                      struct err *err)
{
	if (s->stopping)
		err_set(err, ERR_UNAVAILABLE, "the server is shutting down");
	else if (s->conn_count >= s->conf.connections_max)
		err_set(err, ERR_LIMIT, "more than %u connections", s->conf.connections_max);
	else
		return rpc_conn_new(s, take_stream, client_addr, err);
	stream_refuse(take_stream, err);
	return err->code;
}

void rpc_server_close_matching(struct rpc_server *s, bool (*match)(struct rpc_conn *c, void *arg),
                               void *arg)
{
	for (struct list *at = s->conns.next; at != &s->conns; at = at->next) {
		struct rpc_conn *c = container_of(at, struct rpc_conn, link);

		if (c->opened && match(c, arg))
			conn_doom(c, ERR_UNAUTHENTICATED, "this connection is no longer allowed");
	}
}

size_t rpc_server_connections(const struct rpc_server *s)
{
	return s->conn_count;
}

void rpc_server_stop(struct rpc_server *s, unsigned drain_ms, void (*on_stopped)(void *ctx))
{
	s->stopping = true;
	s->on_stopped = on_stopped;
	for (struct list *at = s->conns.next; at != &s->conns; at = at->next)
		conn_drain(container_of(at, struct rpc_conn, link));
	timer_once(s->sweep, s->conn_count > 0 ? drain_ms : 0);
}
