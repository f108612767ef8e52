#include "proxyd/forward.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/host.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/detour.h"
#include "proxyd/tunnel/peering.h"
#include "proxyd/tunnel/table.h"
#include "tunnel/tunnel.h"
#include "wire/preface.h"

#include <stdlib.h>
#include <string.h>

#define MOMENT_MS 100

struct forward {
	struct proxyd *p;
	struct dial *dial;       /* NULL: not by TCP, or REFUSED */
	struct channel *channel; /* NULL: not by a tunnel, or REFUSED */
	struct detour *detour;   /* NULL: not by another proxy, or REFUSED */
	struct timer *again;     /* runs while REFUSED */
	char *addr;
	char *agent; /* NULL: by TCP */
	char *service;
	unsigned turn;       /* of the proxies that lead to the agent */
	uint64_t give_up_at; /* of the loop's clock */
	bool canceled;
	struct buf preface;
	forward_cb cb;
	void *owner;
};

static void forward_free(struct forward *f)
{
	timer_free(f->again);
	buf_deinit(&f->preface);
	free(f->addr);
	free(f->agent);
	free(f->service);
	free(f);
}

static void finish(struct forward *f, struct stream *take_stream, const struct err *err)
{
	f->cb(f->owner, take_stream, err);
	forward_free(f);
}

static void answered(struct forward *f, struct stream *take_stream, const struct err *err)
{
	if (err != NULL && err->code == ERR_UNAVAILABLE && uv_now(f->p->loop) < f->give_up_at) {
		log_debug("forward", "not reached, tried again", kv("reason", err->msg));
		timer_once(f->again, MOMENT_MS);
		return;
	}
	finish(f, take_stream, err);
}

static void on_dialled(void *owner, struct stream *take_stream, const struct err *err)
{
	struct forward *f = owner;

	f->dial = NULL;
	if (take_stream != NULL)
		stream_write_buf(take_stream, &f->preface);
	answered(f, take_stream, err);
}

/* The preface went out with the request. */
static void on_channel(void *owner, struct stream *take_stream, const struct err *err)
{
	struct forward *f = owner;

	f->channel = NULL;
	answered(f, take_stream, err);
}

static void on_detour(void *owner, struct stream *take_stream, const struct err *err)
{
	struct forward *f = owner;

	f->detour = NULL;
	answered(f, take_stream, err);
}

/* That the tunnel is not there is told like a failed dial: the agent is perhaps on its way back. */
static int dial_another_proxy(struct forward *f, struct err *err)
{
	struct peering_way way;

	if (peering_connections(f->p->cache) == 0)
		return err_set(err, ERR_UNAVAILABLE, "no tunnel of its agent '%s' is here",
		               f->agent);
	if (peering_find(f->p->cache, host_id(f->p->host), f->agent, f->turn++, &way, err) != 0)
		return err->code;
	return detour_start(f->p, &way, f->agent, f->service, &f->preface, on_detour, f, &f->detour,
	                    err);
}

static int dial_tunnel(struct forward *f, struct err *err)
{
	struct tunnel *t = tunnels_find(f->p->tunnels, f->agent);
	struct buf first = { 0 };

	if (t == NULL)
		return dial_another_proxy(f, err);
	buf_append(&first, f->preface.data, f->preface.len);
	return tunnel_dial(t, f->service, &first, (unsigned)f->p->conf.dial_timeout, on_channel, f,
	                   &f->channel, err);
}

static int dial(struct forward *f, struct err *err)
{
	if (f->agent != NULL)
		return dial_tunnel(f, err);
	return dial_start(f->p->loop, f->addr, (unsigned)f->p->conf.dial_timeout, on_dialled, f,
	                  &f->dial, err);
}

static void on_again(void *owner)
{
	static const struct err canceled = { ERR_CANCELED, "canceled" };
	struct forward *f = owner;
	struct err err = { 0 };

	if (f->canceled)
		finish(f, NULL, &canceled);
	else if (dial(f, &err) != 0)
		answered(f, NULL, &err);
}

static int sign(struct proxyd *p, const pv_PrefacePayload *payload, struct buf *out,
                struct err *err)
{
	const struct credentials *c = host_credentials(p->host);
	pv_PrefacePayload full = *payload;

	full.time = clock_wall_ms(p->clock);
	return preface_append(&full, c->tls_key, (const struct x509 *const *)c->parts.chain,
	                      c->parts.chain_len, out, err);
}

static int copy_to(struct forward *f, const struct forward_to *to, struct err *err)
{
	if (str_empty(to->agent)) {
		f->addr = strdup(to->addr);
		return f->addr != NULL ? 0 : err_set_nomem(err);
	}
	f->agent = strdup(to->agent);
	f->service = strdup(to->service);
	return f->agent != NULL && f->service != NULL ? 0 : err_set_nomem(err);
}

/* Where there is no tunnel now, there may be one in a moment. */
static int begin(struct forward *f, struct err *err)
{
	int rc = dial(f, err);

	if (rc != ERR_UNAVAILABLE || f->agent == NULL)
		return rc;
	timer_once(f->again, MOMENT_MS);
	return 0;
}

static uint64_t patience(const struct proxyd *p)
{
	int64_t limit = p->conf.dial_timeout;

	return (uint64_t)(limit < FORWARD_PATIENCE_MS ? limit : FORWARD_PATIENCE_MS);
}

int forward_start(struct proxyd *p, const struct forward_to *to, const pv_PrefacePayload *payload,
                  forward_cb cb, void *owner, struct forward **out, struct err *err)
{
	struct forward *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return err_set_nomem(err);
	f->p = p;
	f->cb = cb;
	f->owner = owner;
	f->give_up_at = uv_now(p->loop) + patience(p);
	f->again = timer_new(p->loop, on_again, f);
	rc = f->again != NULL ? copy_to(f, to, err) : err_set_nomem(err);
	if (rc == 0)
		rc = sign(p, payload, &f->preface, err);
	if (rc == 0)
		rc = begin(f, err);
	if (rc != 0) {
		forward_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

void forward_hurry(struct forward *f)
{
	f->give_up_at = 0;
}

void forward_cancel(struct forward *f)
{
	if (f == NULL)
		return;
	f->canceled = true;
	if (f->dial != NULL)
		dial_cancel(f->dial);
	else if (f->channel != NULL)
		tunnel_dial_cancel(f->channel);
	else if (f->detour != NULL)
		detour_cancel(f->detour);
	else
		timer_once(f->again, 0);
}
