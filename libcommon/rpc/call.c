#include "rpc/server.h"

#include "base/clock.h"
#include "loop/timer.h"
#include "rpc/server_inside.h"
#include "wire/fields.h"
#include "wire/grpc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- finding it ------------------------------------------------------------------------------ */

static const struct rpc_method *method_of(const struct rpc_offer *offer, unsigned call)
{
	for (size_t i = 0; i < offer->method_count; i++)
		if (offer->methods[i].call == call)
			return &offer->methods[i];
	return NULL;
}

static bool find_in(const struct rpc_offer *offer, const char *name, struct call_target *out)
{
	for (unsigned i = 0; i < offer->service->count; i++) {
		if (strcmp(offer->service->calls[i].name, name) != 0)
			continue;
		*out = (struct call_target){ &offer->service->calls[i], method_of(offer, i) };
		return true;
	}
	return false;
}

bool call_find(const struct rpc_server *s, const char *name, struct call_target *out)
{
	return find_in(&s->conf.main, name, out);
}

static bool find_path_in(const struct rpc_offer *offer, const char *path, struct call_target *out)
{
	const char *name = grpc_method_of(path, offer->service->name);

	return name != NULL && find_in(offer, name, out);
}

bool call_find_path(const struct rpc_server *s, const char *path, struct call_target *out)
{
	const struct rpc_offer *more = s->conf.more;

	if (find_path_in(&s->conf.main, path, out))
		return true;
	for (; more != NULL && more->service != NULL; more++)
		if (find_path_in(more, path, out))
			return true;
	return false;
}

bool call_streams_in(const struct rpc_call *c)
{
	return c->signature->kind == RPC_CLIENT_STREAM || c->signature->kind == RPC_BIDI;
}

bool call_streams_out(const struct rpc_call *c)
{
	return c->signature->kind == RPC_SERVER_STREAM || c->signature->kind == RPC_BIDI;
}

/* --- its life --- */

static void on_deadline(void *owner)
{
	struct rpc_call *c = owner;
	struct err err;

	err_set(&err, ERR_TIMEOUT, "the call's deadline has passed");
	call_cancel(c, &err);
}

static int64_t deadline_of(const struct rpc_call *c, int64_t asked)
{
	int64_t most = c->conn->server->conf.call_ms;

	if (call_streams_in(c) || call_streams_out(c))
		return asked;
	return asked == 0 || asked > most ? most : asked;
}

int call_init(struct rpc_call *c, struct rpc_conn *conn, const struct call_wire *wire,
              const struct call_target *target, int64_t timeout_ms, struct err *err)
{
	c->conn = conn;
	c->wire = wire;
	c->signature = target->signature;
	c->method = target->method;
	timeout_ms = deadline_of(c, timeout_ms);
	if (timeout_ms != 0) {
		c->deadline = timer_new(conn->server->conf.loop, on_deadline, c);
		if (c->deadline == NULL)
			return err_set_nomem(err);
		timer_once(c->deadline, timeout_ms);
	}
	list_append(&conn->calls, &c->link);
	conn->call_count++;
	return 0;
}

static void free_call(struct rpc_call *c)
{
	if (c->request != NULL)
		fields_release(c->signature->request, c->request);
	free(c->request);
	c->wire->free(c);
}

void call_enter(struct rpc_call *c)
{
	c->busy++;
}

void call_leave(struct rpc_call *c)
{
	if (--c->busy == 0 && c->state == CALL_OVER)
		free_call(c);
}

static void note_quiet(struct rpc_conn *conn)
{
	if (--conn->call_count == 0)
		conn->quiet_since = clock_mono_ms(clock_system());
}

/* The one end of every call. */
static void end(struct rpc_call *c, const struct err *result)
{
	const struct rpc_server_conf *conf = &c->conn->server->conf;

	call_enter(c);
	c->state = CALL_OVER;
	timer_free(c->deadline);
	c->deadline = NULL;
	if (conf->done != NULL)
		conf->done(c, result);
	c->wire->end(c, result);
	list_remove(&c->link);
	note_quiet(c->conn);
	call_leave(c);
}

void call_cancel(struct rpc_call *c, const struct err *why)
{
	bool handled = c->state == CALL_OPEN;

	if (c->state == CALL_OVER)
		return;
	call_enter(c);
	c->state = CALL_OVER;
	if (handled && c->events != NULL && c->events->canceled != NULL)
		c->events->canceled(c);
	end(c, why);
	call_leave(c);
}

static int authorize(struct rpc_call *c, struct err *err)
{
	const struct rpc_server_conf *conf = &c->conn->server->conf;

	if (c->method == NULL)
		return err_set(err, ERR_UNSUPPORTED, "'%s' is not implemented here",
		               c->signature->name);
	if (conf->authorize == NULL)
		return err_set(err, ERR_DENIED, "nothing is allowed here");
	return conf->authorize(c, c->method, err);
}

void call_begin(struct rpc_call *c)
{
	struct err err = { 0 };

	call_enter(c);
	c->state = CALL_OPEN;
	if (authorize(c, &err) != 0)
		rpc_call_fail(c, &err);
	else
		c->method->handle(c);
	call_leave(c);
}

/* --- what handlers do --- */

const void *rpc_call_request(const struct rpc_call *c)
{
	return c->request;
}

const struct rpc_signature *rpc_call_signature(const struct rpc_call *c)
{
	return c->signature;
}

struct rpc_conn *rpc_call_conn(const struct rpc_call *c)
{
	return c->conn;
}

void *rpc_call_server_ctx(const struct rpc_call *c)
{
	return c->conn->server->conf.ctx;
}

bool rpc_call_is_json(const struct rpc_call *c)
{
	return c->wire->is_json;
}

void rpc_call_set_events(struct rpc_call *c, const struct rpc_call_events *events, void *data)
{
	c->events = events;
	c->data = data;
}

void *rpc_call_data(const struct rpc_call *c)
{
	return c->data;
}

void rpc_call_reply(struct rpc_call *c, const void *response)
{
	struct err err = { 0 };

	assert(c->state == CALL_OPEN && !call_streams_out(c));
	c->wire->send(c, response, &err);
	end(c, &err);
}

void rpc_call_fail(struct rpc_call *c, const struct err *err)
{
	assert(c->state == CALL_OPEN && err->code != 0);
	end(c, err);
}

int rpc_call_send(struct rpc_call *c, const void *response, struct err *err)
{
	assert(c->state == CALL_OPEN && call_streams_out(c));
	return c->wire->send(c, response, err);
}

int rpc_call_send_encoded(struct rpc_call *c, const void *data, size_t len, struct err *err)
{
	assert(c->state == CALL_OPEN && call_streams_out(c));
	return c->wire->send_encoded(c, data, len, err);
}

void rpc_call_set_endless(struct rpc_call *c)
{
	c->endless = true;
}

bool rpc_call_writable(const struct rpc_call *c)
{
	return c->state == CALL_OPEN && c->wire->writable(c);
}

void rpc_call_finish(struct rpc_call *c)
{
	static const struct err none;

	assert(c->state == CALL_OPEN && call_streams_out(c));
	end(c, &none);
}

void rpc_call_pause(struct rpc_call *c, bool paused)
{
	if (c->state == CALL_OVER || c->paused == paused)
		return;
	c->paused = paused;
	c->wire->pause(c, paused);
}
