#include "base/clock.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/dial_via.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "rpc/client_inside.h"
#include "rpc/h2_pump.h"
#include "wire/http2.h"

#include <stdlib.h>
#include <string.h>

/* --- its end -------------------------------------------------------------------------------------
 */

static void explain(struct client_link *l, const struct err *err)
{
	bool lost = l->state == LINK_READY;

	if (l->failure.code != 0)
		return;
	if (err == NULL)
		err_set(&l->failure, ERR_UNAVAILABLE, "the peer closed the connection");
	else
		err_copy(&l->failure, err);
	if (lost) {
		l->failure.code = ERR_UNAVAILABLE;
		err_wrap(&l->failure, "connection to '%s'", l->addr);
	} else if (l->state == LINK_SECURING) {
		err_wrap(&l->failure, "connect to '%s'", l->addr);
	}
}

void client_link_free(struct client_link *l)
{
	if (l == NULL)
		return;
	timer_free(l->ping);
	timer_free(l->soon);
	timer_free(l->last);
	http2_free(l->h2);
	tls_conf_unref(l->tls);
	free(l->addr);
	free(l);
}

void client_link_end(struct client_link *l, const struct err *why)
{
	if (l->state == LINK_ENDING)
		return;
	if (why != NULL)
		explain(l, why);
	if (l->state == LINK_DIALING)
		dial_via_cancel(l->dial);
	else if (l->state == LINK_SECURING || why != NULL)
		stream_reset(l->stream, why);
	else
		stream_close(l->stream);
	l->state = LINK_ENDING;
}

void client_link_soon(struct client_link *l)
{
	timer_once(l->soon, 0);
}

void client_link_retire(struct client_link *l)
{
	if (l->old)
		return;
	l->old = true;
	list_append(&l->client->old_links, &l->old_link);
	l->client->link = NULL;
	if (l->client->conf.retire_ms > 0)
		timer_once(l->last, rand_jitter(l->client->conf.retire_ms));
	client_link_soon(l);
}

/* A watch would stay on it for ever, under a certificate that was renewed since. */
static void on_last(void *owner)
{
	struct client_link *l = owner;
	struct err err;

	err_set(&err, ERR_UNAVAILABLE, "it goes on over a new connection");
	client_link_end(l, &err);
	client_tell_finished(l->client);
}

/* --- working -------------------------------------------------------------------------------------
 */

static void flush(struct client_link *l)
{
	struct err err;

	if (l->state != LINK_READY)
		return;
	if (h2_pump(l->h2, l->stream, &err) != 0)
		client_link_end(l, &err);
	else if (l->old && list_empty(&l->streams))
		client_link_end(l, NULL);
	else if (!l->old && http2_no_new_streams(l->h2))
		client_link_retire(l);
}

/* A callback can finish its own stream and others, so each is looked for anew. */
static void catch_up(struct client_link *l)
{
	struct list *at = l->streams.next;

	while (at != &l->streams) {
		struct rpc_stream *s = container_of(at, struct rpc_stream, link);

		at = client_stream_catch_up(s) ? l->streams.next : at->next;
	}
}

static void on_soon(void *owner)
{
	struct client_link *l = owner;

	if (l->state != LINK_READY && l->old)
		client_link_end(l, NULL);
	catch_up(l);
	flush(l);
	client_tell_finished(l->client);
}

static void on_ping(void *owner)
{
	struct client_link *l = owner;
	struct err err;

	if (!l->heard) {
		err_set(&err, ERR_TIMEOUT, "the peer is silent");
		client_link_end(l, &err);
	} else {
		l->heard = false;
		http2_ping(l->h2, &err);
		flush(l);
	}
}

static void ready(struct client_link *l)
{
	l->h2 = http2_new(HTTP2_CLIENT, NULL, client_stream_events(), l);
	if (l->h2 == NULL) {
		struct err err;

		err_set_nomem(&err);
		client_link_end(l, &err);
		return;
	}
	l->state = LINK_READY;
	l->heard = true;
	timer_every(l->ping, l->client->conf.ping_ms);
	if (!l->old)
		client_link_ready(l->client);
	client_link_soon(l);
}

/* --- the stream's events -------------------------------------------------------------------------
 */

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct client_link *l = owner;
	struct err err = { 0 };

	(void)s;
	if (l->state != LINK_READY)
		return len;
	l->heard = true;
	if (!l->proven)
		client_link_proven(l->client);
	l->proven = true;
	if (http2_recv(l->h2, data, len, &err) != 0)
		client_link_end(l, &err);
	flush(l);
	client_tell_finished(l->client);
	return len;
}

static void on_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_drain(void *owner, struct stream *s)
{
	struct client_link *l = owner;

	(void)s;
	flush(l);
	client_tell_finished(l->client);
}

static void keep_session(struct client_link *l)
{
	struct rpc_client *c = l->client;
	struct buf fresh = { 0 };
	struct err err;

	if (tls_save_session(stream_tls(l->stream), &fresh, &err) != 0) {
		buf_wipe(&fresh);
		return;
	}
	buf_wipe(&c->session);
	c->session = fresh;
	if (c->conf.on_session != NULL)
		c->conf.on_session(c->conf.ctx, c->session.data, c->session.len);
}

static void on_secure(void *owner, struct stream *s)
{
	struct client_link *l = owner;
	const struct tls_peer *peer = tls_peer(stream_tls(s));
	struct err err;

	if (l->state != LINK_SECURING)
		return;
	if (!str_eq(peer->alpn, "h2")) {
		err_set(&err, ERR_UNSUPPORTED, "it does not speak gRPC");
		client_link_end(l, &err);
		return;
	}
	keep_session(l);
	ready(l);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct client_link *l = owner;

	(void)s;
	explain(l, err);
	client_link_gone(l);
}

static const struct stream_handler handler = { .on_data = on_data,
	                                       .on_end = on_end,
	                                       .on_drain = on_drain,
	                                       .on_secure = on_secure,
	                                       .on_close = on_close };

/* --- connecting ----------------------------------------------------------------------------------
 */

/* The host of "host:port" or "[v6]:port"; free() it. NULL when memory runs out. */
static char *host_of(const char *addr)
{
	const char *colon = strrchr(addr, ':');
	size_t len = colon != NULL ? (size_t)(colon - addr) : strlen(addr);

	if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']')
		return strndup(addr + 1, len - 2);
	return strndup(addr, len);
}

static int start_tls(struct client_link *l, struct err *err)
{
	struct rpc_client *c = l->client;
	struct tls *tls = NULL;
	char *host;
	int rc;

	if (l->tls == NULL)
		return err_set(err, ERR_INVALID, "no TLS configuration");
	host = c->server_name != NULL ? strdup(c->server_name) : host_of(l->addr);
	rc = host != NULL ? tls_new(l->tls, host, &tls, err) : err_set_nomem(err);
	free(host);
	if (rc != 0)
		return rc;
	if (c->session.len > 0)
		tls_load_session(tls, c->session.data, c->session.len);
	l->state = LINK_SECURING;
	stream_start_tls(l->stream, tls, c->pool, c->conf.handshake_ms);
	return 0;
}

static int send_first_bytes(struct client_link *l, struct err *err)
{
	const struct rpc_client_conf *conf = &l->client->conf;
	struct buf b = { 0 };
	int rc;

	if (conf->first_bytes == NULL)
		return 0;
	rc = conf->first_bytes(conf->ctx, &b, err);
	if (rc == 0)
		rc = buf_check(&b, err);
	if (rc == 0)
		stream_write(l->stream, b.data, b.len);
	buf_wipe(&b);
	return rc;
}

static void on_dialed(void *owner, struct stream *take_stream, const struct err *dial_err)
{
	struct client_link *l = owner;
	struct err err = { 0 };

	l->dial = NULL;
	if (take_stream == NULL) {
		explain(l, dial_err);
		client_link_gone(l);
		return;
	}
	l->stream = take_stream;
	l->state = LINK_SECURING;
	stream_attach(take_stream, &handler, l);
	if (send_first_bytes(l, &err) != 0)
		client_link_end(l, &err);
	else if (str_starts(l->addr, "unix:"))
		ready(l);
	else if (start_tls(l, &err) != 0)
		client_link_end(l, &err);
}

int client_link_start(struct rpc_client *c, const char *addr, struct client_link **out,
                      struct err *err)
{
	struct client_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set_nomem(err);
	l->client = c;
	l->tls = c->conf.tls != NULL ? tls_conf_ref(c->conf.tls) : NULL;
	list_init(&l->old_link);
	list_init(&l->streams);
	l->addr = strdup(addr);
	l->ping = timer_new(c->conf.loop, on_ping, l);
	l->soon = timer_new(c->conf.loop, on_soon, l);
	l->last = timer_new(c->conf.loop, on_last, l);
	if (l->addr == NULL || l->ping == NULL || l->soon == NULL || l->last == NULL)
		err_set_nomem(err);
	else if (dial_via_start(c->conf.loop, c->conf.http_proxy, addr, c->conf.connect_ms,
	                        on_dialed, l, &l->dial, err) == 0) {
		*out = l;
		return 0;
	}
	client_link_free(l);
	return err->code;
}
