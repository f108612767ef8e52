#include "kubeproxyd/channels/talk.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "kubeproxyd/access/guards.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/channels/ask.h"
#include "kubeproxyd/channels/bridge.h"
#include "kubeproxyd/channels/side.h"
#include "kubeproxyd/channels/upgrade.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/upstream/upstream.h"
#include "loop/stream.h"
#include "wire/http1.h"

#include <stdlib.h>

#define REMEMBER_MS (60 * 60 * 1000) /* how long a server that refused WebSocket is not asked */

struct talks {
	struct kubeproxyd *k;
	struct list list; /* struct talk */
	bool closing;
	uint64_t no_websocket_until[PURPOSE_FORWARD + 1]; /* loop time */
};

struct talk {
	struct list link;
	struct talks *all;
	struct guest *guest;
	struct guard guard;
	struct ask ask;
	char *target;          /* at the API server */
	struct stream *client; /* until a bridge has it */
	struct upgrade upgrade;
	bool asking;
	struct bridge *bridge; /* NULL: not joined (any more) */
};

/* --- the end --------------------------------------------------------------------------------- */

static void free_if_over(struct talks *all)
{
	if (all->closing && list_empty(&all->list))
		free(all);
}

static void talk_free(struct talk *t)
{
	struct talks *all = t->all;

	guard_stop(&t->guard);
	list_remove(&t->link);
	guest_unref(t->guest);
	free(t->target);
	free(t);
	free_if_over(all);
}

static void on_bridge_end(void *owner, const struct bridge_end *end)
{
	struct talk *t = owner;

	log_info("kubernetes session ended", kv("user", t->guest->visit->peer.identity.user),
	         kv("reason", end->reason), kv("sent", end->sent), kv("received", end->received));
	talk_free(t);
}

/* An answer instead of an upgrade; the client's on_close is next. */
static void answer(struct talk *t, int status, const char *content_type, const void *body,
                   size_t len)
{
	const struct http1_header headers[] = { { "Connection", "close" },
		                                { "Content-Type", content_type } };
	struct buf out = { 0 };
	struct err err;

	if (http1_write_response(&out, status, headers, str_empty(content_type) ? 1 : 2, body, len,
	                         &err) == 0)
		stream_write_buf(t->client, &out);
	buf_deinit(&out);
	guard_stop(&t->guard);
	stream_close(t->client);
}

static void answer_error(struct talk *t, const struct err *err)
{
	struct buf body = { 0 };

	status_append(&body, status_of_err(err), err->msg);
	answer(t, status_of_err(err), "application/json", body.data, body.len);
	buf_deinit(&body);
}

static void on_guard(void *owner, const struct err *why)
{
	struct talk *t = owner;

	if (t->bridge != NULL) {
		bridge_end(t->bridge, why);
		return;
	}
	if (t->asking)
		upgrade_cancel(&t->upgrade);
	t->asking = false;
	answer_error(t, why);
}

/* --- joined ---------------------------------------------------------------------------------- */

static void on_moved(void *owner, size_t len)
{
	struct talk *t = owner;

	(void)len;
	guard_moved(&t->guard);
}

static void on_output(void *owner, enum channel_kind kind, const uint8_t *data, size_t len)
{
	struct talk *t = owner;

	(void)kind;
	(void)data;
	(void)len;
	guard_moved(&t->guard);
}

static const struct bridge_events bridge_events = {
	.input = on_moved,
	.output = on_output,
	.end = on_bridge_end,
};

static struct side *new_side(const struct talk *t, const struct protocol *p, bool client)
{
	const struct side_conf conf = {
		.protocol = p,
		.client = client,
		.open_kinds = t->ask.kinds,
		.ports = t->ask.ports,
		.port_count = t->ask.port_count,
	};

	return side_new(&conf);
}

/* The API server has agreed: so do we, and then there are channels only. */
static int join(struct talk *t, const struct upgrade_result *result, struct err *err)
{
	const struct bridge_conf conf = {
		.loop = t->all->k->loop,
		.purpose = t->ask.purpose,
		.kinds = t->ask.kinds,
	};
	struct side *client = new_side(t, t->ask.protocol, true);
	struct side *server = new_side(t, result->protocol, false);
	struct buf head = { 0 };
	int rc = client == NULL || server == NULL ? err_set_nomem(err)
	                                          : ask_write_answer(&t->ask, &head, err);

	if (rc == 0) {
		stream_write_buf(t->client, &head);
		rc = bridge_start(&conf, client, t->client, server, result->stream, &bridge_events,
		                  t, &t->bridge, err);
	}
	buf_deinit(&head);
	if (rc == 0)
		return 0;
	side_free(client);
	side_free(server);
	return rc;
}

static void on_upgraded(struct upgrade *u, const struct upgrade_result *result,
                        const struct err *err)
{
	struct talk *t = container_of(u, struct talk, upgrade);
	struct talks *all = t->all;
	struct err why = { 0 };

	t->asking = false;
	if (result == NULL) {
		answer_error(t, err);
		return;
	}
	if (result->stream == NULL) {
		answer(t, result->status, result->content_type, result->body, result->body_len);
		return;
	}
	if (result->websocket_refused)
		all->no_websocket_until[t->ask.purpose] = uv_now(all->k->loop) + REMEMBER_MS;
	if (join(t, result, &why) == 0)
		return;
	stream_refuse(result->stream, NULL);
	answer_error(t, &why);
}

/* --- asking ---------------------------------------------------------------------------------- */

static size_t on_waiting_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	(void)owner;
	(void)s;
	(void)data;
	(void)len;
	return 0; /* it waits for the bridge; reading is paused */
}

static void on_client_close(void *owner, struct stream *s, const struct err *err)
{
	struct talk *t = owner;

	(void)s;
	(void)err;
	if (t->asking)
		upgrade_cancel(&t->upgrade);
	talk_free(t);
}

static const struct stream_handler waiting = {
	.on_data = on_waiting_data,
	.on_close = on_client_close,
};

static int start_upgrade(struct talk *t, const struct http1_message *head, struct err *err)
{
	struct talks *all = t->all;
	struct headers headers = { 0 };
	struct upgrade_request request = {
		.loop = all->k->loop,
		.upstream = all->k->upstream,
		.target = t->target,
		.headers = &headers,
		.purpose = t->ask.purpose,
		.websocket = uv_now(all->k->loop) >= all->no_websocket_until[t->ask.purpose],
		.must_end = ask_must_end(&t->ask),
	};
	int rc = guest_headers(t->guest, head->headers, head->header_count, &headers, err);

	if (rc == 0)
		rc = upgrade_start(&t->upgrade, &request, on_upgraded, err);
	headers_deinit(&headers);
	t->asking = rc == 0;
	return rc;
}

int talk_start(struct guest *guest, const struct http1_message *head, struct stream *take_client,
               struct err *err)
{
	struct talk *t = calloc(1, sizeof(*t));
	struct kubeproxyd *k = guest->visit->k;
	int rc;

	if (t == NULL)
		return err_set_nomem(err);
	t->all = k->talks;
	t->guest = guest_ref(guest);
	t->client = take_client;
	list_append(&t->all->list, &t->link);
	t->target = upstream_target(k->upstream, head->target);
	rc = t->target == NULL ? err_set_nomem(err)
	                       : ask_read(&t->ask, &guest->attributes, head, err);
	if (rc == 0)
		rc = guard_start(&t->guard, guest, on_guard, t, err);
	if (rc == 0)
		rc = start_upgrade(t, head, err);
	if (rc != 0) {
		talk_free(t);
		return rc;
	}
	stream_attach(take_client, &waiting, t);
	stream_pause(take_client);
	return 0;
}

/* --- all of them ----------------------------------------------------------------------------- */

int talks_open(struct kubeproxyd *k, struct talks **out, struct err *err)
{
	struct talks *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return err_set_nomem(err);
	all->k = k;
	list_init(&all->list);
	*out = all;
	return 0;
}

void talks_close(struct talks *all)
{
	static const struct err stopping = { ERR_UNAVAILABLE, "kubeproxyd is stopping" };
	struct list *next;

	if (all == NULL)
		return;
	for (struct list *at = all->list.next; at != &all->list; at = next) {
		next = at->next;
		on_guard(container_of(at, struct talk, link), &stopping);
	}
	all->closing = true;
	free_if_over(all);
}
