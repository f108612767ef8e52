#include "rpc/server.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/http_conn.h"
#include "rpc/server_inside.h"
#include "wire/sniff.h"

#include <stdlib.h>
#include <string.h>

#define SHUTTING_DOWN         "the server is shutting down"
#define ANONYMOUS_MESSAGE_MAX (64u * 1024) /* what may be asked without a name is short */

/* --- who and what ------------------------------------------------------------------------------
 */

static void look_at_peer(struct rpc_conn *c)
{
	struct tls *tls = stream_tls(c->stream);
	struct err err;

	c->peer = RPC_PEER_ANONYMOUS;
	if (tls != NULL) {
		if (tls_peer(tls)->cert != NULL)
			c->peer = RPC_PEER_TLS;
	} else if (stream_peer_cred(c->stream, &c->uid, &c->gid, &c->pid, &err) == 0) {
		c->peer = RPC_PEER_LOCAL;
	}
}

/* The protocol that TLS agreed on; SNIFF_MORE when it did not, or there is none. */
static enum sniff_kind agreed_protocol(const struct rpc_conn *c)
{
	struct tls *tls = stream_tls(c->stream);

	if (tls == NULL)
		return SNIFF_MORE;
	if (str_eq(tls_peer(tls)->alpn, "h2"))
		return SNIFF_HTTP2;
	return str_eq(tls_peer(tls)->alpn, "http/1.1") ? SNIFF_HTTP1 : SNIFF_MORE;
}

static void start_protocol(struct rpc_conn *c, enum sniff_kind kind)
{
	struct err err = { 0 };
	int rc = ERR_UNSUPPORTED;

	c->state = CONN_SERVING;
	c->quiet_since = clock_mono_ms(clock_system());
	if (kind == SNIFF_HTTP2)
		rc = grpc_conn_start(c, &err);
	else if (kind == SNIFF_HTTP1)
		rc = json_conn_start(c, &err);
	if (rc != 0)
		stream_reset(c->stream, NULL);
	else if (c->server->stopping)
		conn_drain(c);
}

/* TLS is done, if there is any. */
static void ready(struct rpc_conn *c)
{
	const struct rpc_server_conf *conf = &c->server->conf;
	enum sniff_kind kind;
	struct err err = { 0 };

	look_at_peer(c);
	if (conf->opened != NULL && conf->opened(c, &err) != 0) {
		stream_reset(c->stream, &err);
		return;
	}
	c->opened = true;
	if (c->peer == RPC_PEER_TLS)
		tls_forget_cert(stream_tls(c->stream));
	kind = agreed_protocol(c);
	if (kind != SNIFF_MORE)
		start_protocol(c, kind);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct rpc_conn *c = owner;
	struct sniff first;

	(void)s;
	if (c->state == CONN_ENDING)
		return len;
	if (c->opened && sniff(&first, data, len) != SNIFF_MORE)
		start_protocol(c, first.kind);
	return 0; /* they go to whom the protocol belongs */
}

static void on_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_secure(void *owner, struct stream *s)
{
	(void)s;
	ready(owner);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	(void)err;
	conn_gone(owner);
}

static const struct stream_handler handler = {
	.on_data = on_data, .on_end = on_end, .on_secure = on_secure, .on_close = on_close
};

/* --- its life ----------------------------------------------------------------------------------
 */

static void cancel_calls(struct rpc_conn *c, const struct err *why)
{
	while (!list_empty(&c->calls))
		call_cancel(container_of(c->calls.next, struct rpc_call, link), why);
}

/* Calls hear why, then what they have to say goes out. */
static void end_now(struct rpc_conn *c)
{
	struct err why;

	err_set(&why, c->doom, "%s", c->doom_why);
	if (c->state == CONN_OPENING) {
		c->state = CONN_ENDING;
		stream_reset(c->stream, &why);
		return;
	}
	c->state = CONN_ENDING;
	cancel_calls(c, &why);
	if (c->json != NULL)
		http_conn_finish(c->json);
	if (c->grpc == NULL)
		return;
	grpc_conn_goaway(c);
	grpc_conn_flush(c);
	stream_close(c->stream);
}

static struct rpc_call *next_endless(const struct rpc_conn *c)
{
	for (struct list *at = c->calls.next; at != &c->calls; at = at->next)
		if (container_of(at, struct rpc_call, link)->endless)
			return container_of(at, struct rpc_call, link);
	return NULL;
}

/* Any of them may end others. */
static void cancel_endless(struct rpc_conn *c)
{
	struct rpc_call *call;
	struct err why;

	err_set(&why, ERR_UNAVAILABLE, "%s", SHUTTING_DOWN);
	while ((call = next_endless(c)) != NULL)
		call_cancel(call, &why);
}

void conn_catch_up(struct rpc_conn *c)
{
	if (c->state == CONN_ENDING)
		return;
	if (c->doom != 0) {
		end_now(c);
		return;
	}
	if (c->server->stopping)
		cancel_endless(c);
	if (c->grpc != NULL)
		grpc_conn_flush(c);
}

int rpc_conn_new(struct rpc_server *s, struct stream *take_stream, const char *client_addr,
                 struct err *err)
{
	struct rpc_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		stream_refuse(take_stream, NULL);
		return err_set_nomem(err);
	}
	c->server = s;
	c->stream = take_stream;
	str_copy(c->client_addr, sizeof(c->client_addr),
	         client_addr != NULL ? client_addr : stream_peer(take_stream));
	c->quiet_since = clock_mono_ms(clock_system());
	list_init(&c->calls);
	list_init(&c->soon);
	list_append(&s->conns, &c->link);
	s->conn_count++;
	stream_attach(take_stream, &handler, c);
	if (stream_tls(take_stream) == NULL || stream_secure(take_stream))
		ready(c);
	return 0;
}

void conn_gone(struct rpc_conn *c)
{
	const struct rpc_server_conf *conf = &c->server->conf;
	struct err why;

	c->state = CONN_ENDING;
	err_set(&why, ERR_CANCELED, "the client has gone");
	cancel_calls(c, &why);
	if (c->opened && conf->closed != NULL)
		conf->closed(c);
	list_remove(&c->link);
	server_conn_gone(c->server);
	grpc_conn_free(c->grpc);
	list_remove(&c->soon);
	free(c);
}

void conn_doom(struct rpc_conn *c, int code, const char *why)
{
	if (c->doom != 0 || c->state == CONN_ENDING)
		return;
	c->doom = code;
	c->doom_why = why;
	conn_soon(c);
}

void conn_drain(struct rpc_conn *c)
{
	if (c->state == CONN_OPENING) {
		conn_doom(c, ERR_UNAVAILABLE, SHUTTING_DOWN);
	} else if (c->json != NULL) {
		http_conn_finish(c->json);
		conn_soon(c);
	} else if (c->grpc != NULL) {
		grpc_conn_goaway(c);
		conn_soon(c);
	}
}

void conn_check(struct rpc_conn *c, int64_t mono_ms, int64_t wall_ms)
{
	const struct rpc_server_conf *conf = &c->server->conf;
	int64_t quiet_ms = mono_ms - c->quiet_since;

	if (c->state == CONN_OPENING && quiet_ms > conf->head_ms)
		conn_doom(c, ERR_TIMEOUT, "the first bytes did not come in time");
	if (c->end_wall != 0 && wall_ms >= c->end_wall)
		conn_doom(c, ERR_UNAUTHENTICATED, "the certificate has expired");
	if (c->grpc != NULL && c->peer == RPC_PEER_ANONYMOUS && c->call_count == 0 &&
	    quiet_ms > conf->idle_ms)
		conn_doom(c, ERR_TIMEOUT, "nothing was asked for long");
}

size_t conn_message_max(const struct rpc_conn *c)
{
	size_t max = c->server->conf.message_max;

	if (c->peer == RPC_PEER_ANONYMOUS && max > ANONYMOUS_MESSAGE_MAX)
		return ANONYMOUS_MESSAGE_MAX;
	return max;
}

/* --- what programs ask -------------------------------------------------------------------------
 */

enum rpc_peer_kind rpc_conn_peer(const struct rpc_conn *c)
{
	return c->peer;
}

const struct tls_peer *rpc_conn_tls_peer(const struct rpc_conn *c)
{
	return c->peer == RPC_PEER_TLS ? tls_peer(stream_tls(c->stream)) : NULL;
}

uid_t rpc_conn_uid(const struct rpc_conn *c)
{
	return c->uid;
}

gid_t rpc_conn_gid(const struct rpc_conn *c)
{
	return c->gid;
}

pid_t rpc_conn_pid(const struct rpc_conn *c)
{
	return c->pid;
}

const char *rpc_conn_client_addr(const struct rpc_conn *c)
{
	return c->client_addr;
}

struct rpc_server *rpc_conn_server(const struct rpc_conn *c)
{
	return c->server;
}

void *rpc_conn_data(const struct rpc_conn *c)
{
	return c->data;
}

void rpc_conn_set_data(struct rpc_conn *c, void *data)
{
	c->data = data;
}

void rpc_conn_set_end(struct rpc_conn *c, int64_t wall_ms)
{
	c->end_wall = wall_ms;
}
