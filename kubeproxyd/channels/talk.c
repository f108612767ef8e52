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
#include "kubeproxyd/sessions/session.h"
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
	struct bridge *bridge;   /* NULL: not joined (any more) */
	struct session *session; /* the same */
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

static void end_session(struct talk *t, const struct session_outcome *o)
{
	session_end(t->session, o);
	t->session = NULL;
}

static void on_bridge_end(void *owner, const struct bridge_end *end)
{
	struct talk *t = owner;
	const struct session_outcome outcome = {
		.told = end->told,
		.success = end->told && end->status.success,
		.exit_code = !end->told            ? -1
		             : end->status.success ? 0
		                                   : end->status.exit_code,
		.reason = end->told && !end->cut ? end->status.message : end->reason,
		.cut = end->cut,
		.sent = end->sent,
		.received = end->received,
	};

	t->bridge = NULL;
	end_session(t, &outcome);
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

static void on_input(void *owner, size_t len)
{
	struct talk *t = owner;

	(void)len;
	guard_moved(&t->guard);
}

static void on_output(void *owner, enum channel_kind kind, const uint8_t *data, size_t len)
{
	struct talk *t = owner;

	guard_moved(&t->guard);
	if (t->session != NULL)
		session_output(t->session, data, len, kind == CHANNEL_STDERR);
}

static void on_resize(void *owner, unsigned columns, unsigned rows)
{
	struct talk *t = owner;

	if (t->session != NULL)
		session_resize(t->session, columns, rows);
}

static void on_port(void *owner, unsigned port, bool success)
{
	struct talk *t = owner;

	if (t->session != NULL)
		session_port(t->session, port, success);
}

static const struct bridge_events bridge_events = {
	.input = on_input,
	.output = on_output,
	.resize = on_resize,
	.port = on_port,
	.end = on_bridge_end,
};

/* A peer's keys; whom the pod keeps waiting loses them, as at any terminal. */
static void on_typed(void *owner, const void *data, size_t len)
{
	struct talk *t = owner;

	guard_moved(&t->guard);
	if (t->bridge != NULL)
		bridge_type(t->bridge, data, len);
}

static void on_print(void *owner, const char *text)
{
	struct talk *t = owner;

	if (t->bridge != NULL)
		bridge_print(t->bridge, text);
}

static const struct session_handler session_handler = { on_guard, on_typed, on_print };

static int start_session(struct talk *t, struct err *err)
{
	char container[ATTRIBUTE_SIZE] = "";
	struct buf command = { 0 };
	struct session_what what = {
		.forwards = t->ask.purpose == PURPOSE_FORWARD,
		.tty = t->ask.tty,
		.container = container,
	};
	int rc;

	attributes_query(t->target, "container", container, sizeof(container));
	ask_command(t->target, &command);
	what.command = buf_str(&command);
	rc = buf_check(&command, err);
	if (rc == 0)
		rc = session_start(t->guest, &what, &session_handler, t, &t->session, err);
	buf_deinit(&command);
	return rc;
}

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

/* Both sides, and what the client has to hear first. */
static int make_sides(struct talk *t, const struct upgrade_result *result, struct side **client,
                      struct side **server, struct buf *head, struct err *err)
{
	*client = new_side(t, t->ask.protocol, true);
	*server = new_side(t, result->protocol, false);
	if (*client == NULL || *server == NULL)
		return err_set_nomem(err);
	return ask_write_answer(&t->ask, head, err);
}

/* The API server has agreed: so do we, and then there are channels only. */
static int join(struct talk *t, const struct upgrade_result *result, struct err *err)
{
	const struct bridge_conf conf = {
		.loop = t->all->k->loop,
		.purpose = t->ask.purpose,
		.kinds = t->ask.kinds,
	};
	struct side *client = NULL, *server = NULL;
	struct buf head = { 0 };
	int rc = make_sides(t, result, &client, &server, &head, err);

	if (rc == 0)
		rc = start_session(t, err);
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
	end_session(t, &(struct session_outcome){ .exit_code = -1, .reason = why.msg });
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
	const struct session_outcome outcome = { .exit_code = -1,
		                                 .reason = stopping.msg,
		                                 .cut = true };
	struct list *next;

	if (all == NULL)
		return;
	for (struct list *at = all->list.next; at != &all->list; at = next) {
		struct talk *t = container_of(at, struct talk, link);

		next = at->next;
		on_guard(t, &stopping);
		/* What sessions need is closed before the connections are. */
		end_session(t, &outcome);
	}
	all->closing = true;
	free_if_over(all);
}
