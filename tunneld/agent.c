#include "tunneld/agent.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/dial_via.h"
#include "loop/stream.h"
#include "model/identity.h"
#include "tunnel/tunnel.h"
#include "tunneld/services.h"

#include <stdlib.h>
#include <string.h>

enum state { DIALLING, SECURING, TUNNEL, ENDING };

struct agent {
	struct agent_conf conf; /* addr, cluster: ours */
	enum state state;
	struct dial_via *dial;
	struct stream *stream; /* SECURING */
	struct tunnel *tunnel; /* TUNNEL */
	char proxy_id[RAND_UUID_SIZE];
	struct err why;
};

static void agent_free(struct agent *a)
{
	free((char *)(uintptr_t)a->conf.addr);
	free((char *)(uintptr_t)a->conf.cluster);
	tls_conf_unref(a->conf.tls);
	free(a);
}

static void finish(struct agent *a, const struct err *why)
{
	if (a->why.code == 0 && why != NULL)
		err_copy(&a->why, why);
	a->conf.events->gone(a->conf.owner, a->why.code != 0 ? &a->why : NULL);
	agent_free(a);
}

/* --- the tunnel ------------------------------------------------------------------------------- */

static void *on_request(void *ctx, struct channel *c, const char *service)
{
	struct agent *a = ctx;

	return services_request(a->conf.services, c, service, a->proxy_id);
}

static void on_news(void *ctx, const pv_TunnelNews *news)
{
	struct agent *a = ctx;

	if (a->state == TUNNEL)
		a->conf.events->news(a->conf.owner, news);
}

static void on_draining(void *ctx)
{
	struct agent *a = ctx;

	if (a->state == TUNNEL)
		a->conf.events->draining(a->conf.owner);
}

static void on_tunnel_closed(void *ctx, const struct err *why)
{
	finish(ctx, why);
}

static const struct tunnel_events tunnel_events = {
	.request = on_request,
	.withdrawn = services_withdrawn,
	.news = on_news,
	.draining = on_draining,
	.closed = on_tunnel_closed,
};

static void open_tunnel(struct agent *a)
{
	const struct tunnel_conf conf = {
		.side = TUNNEL_AGENT,
		.channels_max = a->conf.channels_max,
		.beat_ms = a->conf.beat_ms,
		.events = &tunnel_events,
		.ctx = a,
	};
	struct err err;

	a->state = TUNNEL;
	if (tunnel_open(a->stream, &conf, &a->tunnel, &err) != 0)
		finish(a, &err);
}

/* --- who the proxy is ------------------------------------------------------------------------- */

static int check_identity(const struct agent *a, const pv_Identity *id, struct err *err)
{
	if (!str_eq(id->system_role, "Proxy"))
		return err_set(err, ERR_DENIED, "it is no proxy");
	if (!str_eq(id->cluster, a->conf.cluster))
		return err_set(err, ERR_DENIED, "it is a proxy of cluster '%s', not of '%s'",
		               id->cluster, a->conf.cluster);
	return 0;
}

static int identify(struct agent *a, struct err *err)
{
	const struct tls_peer *peer = tls_peer(stream_tls(a->stream));
	pv_Identity id = pv_Identity_init_zero;
	int rc;

	if (!str_eq(peer->alpn, TUNNEL_ALPN))
		return err_set(err, ERR_UNSUPPORTED, "it takes no tunnels");
	if (peer->cert == NULL)
		return err_set(err, ERR_UNAUTHENTICATED, "it shows no certificate");
	rc = identity_decode(&id, peer->cert->identity, peer->cert->identity_len, err);
	if (rc == 0)
		rc = check_identity(a, &id, err);
	if (rc == 0)
		rc = str_copy(a->proxy_id, sizeof(a->proxy_id), id.host_id) == 0
		             ? 0
		             : err_set(err, ERR_INVALID, "its id is no UUID");
	identity_deinit(&id);
	return rc;
}

static void keep_session(struct agent *a)
{
	struct buf fresh = { 0 };
	struct err ignored;

	if (tls_save_session(stream_tls(a->stream), &fresh, &ignored) == 0) {
		buf_wipe(a->conf.session);
		*a->conf.session = fresh;
	} else {
		buf_wipe(&fresh);
	}
}

static void on_secure(void *owner, struct stream *s)
{
	struct agent *a = owner;
	struct err err = { 0 };

	if (a->state != SECURING)
		return;
	if (identify(a, &err) != 0) {
		err_wrap(&err, "proxy at '%s'", a->conf.addr);
		stream_reset(s, &err);
		return;
	}
	keep_session(a);
	if (a->conf.events->proven(a->conf.owner, a->proxy_id)) {
		open_tunnel(a);
	} else {
		a->state = ENDING;
		stream_close(s);
	}
}

static void on_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct agent *a = owner;
	struct err cut;

	(void)s;
	if (err == NULL && a->state == SECURING) {
		err_set(&cut, ERR_UNAVAILABLE, "proxy at '%s' hung up", a->conf.addr);
		err = &cut;
	}
	finish(a, err);
}

/* --- connecting ------------------------------------------------------------------------------- */

static int start_tls(struct agent *a, struct err *err)
{
	struct tls *tls = NULL;
	char *host = strndup(a->conf.addr, str_host_len(a->conf.addr));
	char *bare = host;
	int rc;

	if (host == NULL)
		return err_set_nomem(err);
	if (host[0] == '[') { /* "[2001:db8::1]:3080" */
		bare = host + 1;
		bare[strcspn(bare, "]")] = 0;
	}
	rc = tls_new(a->conf.tls, bare, &tls, err);
	free(host);
	if (rc != 0)
		return rc;
	if (a->conf.session->len > 0)
		tls_load_session(tls, a->conf.session->data, a->conf.session->len);
	stream_start_tls(a->stream, tls, a->conf.handshakes, a->conf.timeout_ms);
	return 0;
}

static void on_dialled(void *owner, struct stream *take_stream, const struct err *why)
{
	static const struct stream_handler handler = { .on_end = on_end,
		                                       .on_secure = on_secure,
		                                       .on_close = on_close };
	struct agent *a = owner;
	struct err err = { 0 };

	a->dial = NULL;
	if (why != NULL) {
		finish(a, why);
		return;
	}
	a->stream = take_stream;
	a->state = SECURING;
	stream_attach(take_stream, &handler, a);
	if (start_tls(a, &err) != 0)
		stream_reset(take_stream, &err);
}

int agent_start(const struct agent_conf *conf, struct agent **out, struct err *err)
{
	struct agent *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return err_set_nomem(err);
	a->conf = *conf;
	a->conf.addr = strdup(conf->addr);
	a->conf.cluster = strdup(conf->cluster);
	a->conf.tls = tls_conf_ref(conf->tls);
	rc = a->conf.addr != NULL && a->conf.cluster != NULL ? 0 : err_set_nomem(err);
	if (rc == 0)
		rc = dial_via_start(conf->loop, conf->http_proxy, conf->addr, conf->timeout_ms,
		                    on_dialled, a, &a->dial, err);
	if (rc != 0) {
		agent_free(a);
		return rc;
	}
	*out = a;
	return 0;
}

void agent_stop(struct agent *a)
{
	static const struct err stopped = { ERR_CANCELED, "stopped" };

	if (a->state == DIALLING)
		dial_via_cancel(a->dial);
	else if (a->state == SECURING)
		stream_reset(a->stream, &stopped);
	else if (a->state == TUNNEL)
		tunnel_close(a->tunnel, &stopped);
}

void agent_drain(struct agent *a)
{
	if (a->state == TUNNEL)
		tunnel_drain(a->tunnel);
	else
		agent_stop(a);
}

size_t agent_channels(const struct agent *a)
{
	return a->state == TUNNEL ? tunnel_channels(a->tunnel) : 0;
}

int64_t agent_latency_us(const struct agent *a)
{
	return a->state == TUNNEL ? tunnel_latency_us(a->tunnel) : -1;
}
