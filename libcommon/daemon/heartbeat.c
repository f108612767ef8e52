#include "daemon/heartbeat.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "loop/timer.h"
#include "proto/auth.fields.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include <stdbool.h>
#include <stdlib.h>

#define BEATS_PER_TTL 3
#define CALL_MS       20000
#define PAUSE_MS      1000
#define PAUSE_MOST_MS 30000
#define ANNOUNCE_MS   (10 * 60 * 1000) /* also without a change: heals whatever went wrong */

/* Outlives its close until its call and its stream have ended. */
struct heartbeat {
	struct heartbeat_conf conf;
	struct timer *next; /* NULL: closed */
	struct backoff pause;
	struct rpc_stream *call;   /* an announcement under way */
	struct rpc_stream *stream; /* of keep-alives */
	bool told;                 /* the record as it is now */
	bool changed;              /* since the announcement under way began */
	bool asked;                /* a keep-alive is not answered yet */
	int64_t announce_at;       /* monotonic */
	int64_t ttl_ms;            /* as authd allows it */
	char *name;                /* in the record */
};

static void beat(struct heartbeat *h);

static bool is_closed(const struct heartbeat *h)
{
	return h->next == NULL;
}

static void free_if_idle(struct heartbeat *h)
{
	if (h->call != NULL || h->stream != NULL)
		return;
	free(h->name);
	free(h);
}

static void beat_later(struct heartbeat *h)
{
	timer_once(h->next, rand_jitter(h->ttl_ms / BEATS_PER_TTL));
}

static void pause_then_beat(struct heartbeat *h)
{
	timer_once(h->next, backoff_next(&h->pause));
}

static void set_ttl(struct heartbeat *h, int64_t ttl_ms)
{
	if (ttl_ms <= 0)
		return;
	h->ttl_ms = ttl_ms;
	h->pause.most_ms = ttl_ms / BEATS_PER_TTL;
	if (h->pause.most_ms > PAUSE_MOST_MS)
		h->pause.most_ms = PAUSE_MOST_MS;
}

/* --- announcing ------------------------------------------------------------------------------ */

static void on_announced(void *ctx, const void *response, const struct err *err)
{
	const pv_AnnounceResponse *answer = response;
	struct heartbeat *h = ctx;

	h->call = NULL;
	if (is_closed(h)) {
		free_if_idle(h);
		return;
	}
	h->told = err == NULL && !h->changed;
	if (err == NULL) {
		backoff_reset(&h->pause);
		set_ttl(h, answer->ttl);
		h->announce_at = clock_mono_ms(h->conf.clock) + rand_jitter(ANNOUNCE_MS);
	}
	h->conf.on_announced(h->conf.ctx, err);
	if (err != NULL)
		pause_then_beat(h);
	else if (!h->told)
		beat(h);
	else
		beat_later(h);
}

static int keep_name(struct heartbeat *h, const pv_Node *record, struct err *err)
{
	free(h->name);
	h->name = NULL;
	return fields_set_str(&h->name, record->metadata.name, err);
}

static int announce(struct heartbeat *h, struct err *err)
{
	pv_AnnounceRequest request = { .has_node = true, .ttl = h->conf.ttl_ms };
	int rc = h->conf.record(h->conf.ctx, &request.node, err);

	h->changed = false;
	if (rc == 0)
		rc = keep_name(h, &request.node, err);
	if (rc == 0)
		rc = rpc_unary_start(h->conf.client, AUTH_ANNOUNCE, &request, CALL_MS, on_announced,
		                     h, &h->call, err);
	fields_release(&pv_Node_table, &request.node);
	return rc;
}

/* --- keep-alives ----------------------------------------------------------------------------- */

static void on_answer(struct rpc_stream *s, const void *message)
{
	const pv_KeepAliveResponse *answer = message;
	struct heartbeat *h = rpc_stream_data(s);

	if (is_closed(h))
		return;
	h->asked = false;
	backoff_reset(&h->pause);
	set_ttl(h, answer->ttl);
	if (!answer->known)
		heartbeat_changed(h);
}

static void on_stream_closed(struct rpc_stream *s, const struct err *err)
{
	struct heartbeat *h = rpc_stream_data(s);

	(void)err; /* who keeps the connection tells why it broke */
	h->stream = NULL;
	h->asked = false;
	if (is_closed(h))
		free_if_idle(h);
	else if (h->call == NULL && !timer_active(h->next)) /* keep_alive() gave it up */
		pause_then_beat(h);
}

static int open_stream(struct heartbeat *h, struct err *err)
{
	static const struct rpc_stream_events events = { .message = on_answer,
		                                         .closed = on_stream_closed };

	return rpc_stream_start(h->conf.client, AUTH_KEEP_ALIVE, NULL, 0, &events, h, &h->stream,
	                        err);
}

static int keep_alive(struct heartbeat *h, struct err *err)
{
	const pv_KeepAliveRequest request = { .name = h->name };

	if (h->asked) { /* a third of the TTL without an answer; on_stream_closed() goes on */
		rpc_stream_cancel(h->stream);
		return 0;
	}
	if (h->stream == NULL && open_stream(h, err) != 0)
		return err->code;
	h->asked = true;
	beat_later(h);
	return rpc_stream_send(h->stream, &request, err);
}

/* --- for its owner --------------------------------------------------------------------------- */

/* Whatever is due: an announcement whose answer goes on, or a keep-alive. */
static void beat(struct heartbeat *h)
{
	bool due = !h->told || clock_mono_ms(h->conf.clock) >= h->announce_at;
	struct err err;

	if (h->call != NULL)
		return;
	timer_stop(h->next);
	if ((due ? announce(h, &err) : keep_alive(h, &err)) == 0)
		return;
	h->conf.on_announced(h->conf.ctx, &err);
	pause_then_beat(h);
}

static void on_next(void *owner)
{
	beat(owner);
}

void heartbeat_changed(struct heartbeat *h)
{
	h->told = false;
	h->changed = true;
	beat(h);
}

void heartbeat_kick(struct heartbeat *h)
{
	if (!h->told || h->stream == NULL)
		beat(h);
}

int heartbeat_open(const struct heartbeat_conf *conf, struct heartbeat **out, struct err *err)
{
	struct heartbeat *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return err_set_nomem(err);
	h->conf = *conf;
	h->pause.first_ms = PAUSE_MS;
	set_ttl(h, conf->ttl_ms);
	h->next = timer_new(conf->loop, on_next, h);
	if (h->next == NULL) {
		free(h);
		return err_set_nomem(err);
	}
	timer_once(h->next, 0);
	*out = h;
	return 0;
}

void heartbeat_close(struct heartbeat *h)
{
	if (h == NULL)
		return;
	timer_free(h->next);
	h->next = NULL;
	if (h->call != NULL)
		rpc_stream_cancel(h->call);
	if (h->stream != NULL)
		rpc_stream_cancel(h->stream);
	free_if_idle(h);
}
