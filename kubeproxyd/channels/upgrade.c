#include "kubeproxyd/channels/upgrade.h"

#include "base/list.h"
#include "base/str.h"
#include "kubeproxyd/upstream/upstream.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/http1.h"

#include <string.h>
#include <strings.h>

#define SWITCHING  101
#define BODY_MAX   (1024u * 1024) /* of an answer that refuses */
#define FIELDS_MAX (HEADERS_MAX + 8)

static int dial(struct upgrade *u, struct err *err);

/* --- ending ---------------------------------------------------------------------------------- */

static void release(struct upgrade *u)
{
	upstream_dial_cancel(u->dial);
	u->dial = NULL;
	timer_free(u->timer);
	u->timer = NULL;
	http1_free(u->http);
	u->http = NULL;
	headers_deinit(&u->headers);
}

/* The result, NULL for u->why, may lie in the answer: that stays until the callback returns. */
static void finish(struct upgrade *u, const struct upgrade_result *result)
{
	const struct err why = u->why;
	struct http1 *answer = u->http;

	u->http = NULL;
	release(u);
	u->cb(u, result, result != NULL ? NULL : &why);
	http1_free(answer);
}

static void fail(struct upgrade *u, int code, const char *reason)
{
	if (u->why.code == 0)
		err_set(&u->why, code, "the API server: %s", reason);
}

/* --- the answer ------------------------------------------------------------------------------ */

static const char *header(const struct upgrade *u, const char *name)
{
	const char *value = http1_header(http1_message(u->http), name);

	return value != NULL ? value : "";
}

static bool has_answer(const struct upgrade *u)
{
	return u->http != NULL && http1_state(u->http) == HTTP1_DONE;
}

static bool has_switched(const struct upgrade *u)
{
	return has_answer(u) && http1_message(u->http)->status == SWITCHING;
}

/* What it has switched to; NULL: nothing that we asked for. */
static const struct protocol *agreed(const struct upgrade *u)
{
	bool ws = u->carrier == CARRIER_WEBSOCKET;
	const char *name = header(u, ws ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version");
	const struct protocol *p = protocol_choose(u->request.purpose, u->carrier, name);

	if (strcasecmp(header(u, "Upgrade"), ws ? "websocket" : "SPDY/3.1") != 0)
		return NULL;
	if (ws && (strcmp(header(u, "Sec-WebSocket-Accept"), u->accept) != 0 || p == NULL ||
	           p->base64 || (u->request.must_end && !p->closes)))
		return NULL;
	return p;
}

static void on_switched(struct upgrade *u)
{
	struct upgrade_result result = {
		.stream = u->stream,
		.protocol = agreed(u),
		.websocket_refused = u->fell_back,
	};

	if (result.protocol != NULL) {
		finish(u, &result);
		return;
	}
	fail(u, ERR_UNAVAILABLE, "it switched to a protocol that was not asked for");
	u->state = UPGRADE_LEAVING;
	stream_close(u->stream);
}

/* No answer to SPDY but one that refuses. */
static void on_refused(struct upgrade *u)
{
	const struct http1_message *m = http1_message(u->http);
	struct upgrade_result result = {
		.status = m->status,
		.content_type = header(u, "Content-Type"),
		.body = m->body,
		.body_len = m->body_len,
	};

	finish(u, &result);
}

static void fall_back(struct upgrade *u)
{
	u->carrier = CARRIER_SPDY;
	u->fell_back = true;
	u->why = (struct err){ 0 };
	if (dial(u, &u->why) != 0)
		finish(u, NULL);
}

/* The connection of an attempt that failed has gone. */
static void on_left(struct upgrade *u)
{
	if (u->carrier == CARRIER_WEBSOCKET && u->why.code != ERR_TIMEOUT) {
		fall_back(u);
	} else if (u->why.code == 0 && has_answer(u)) {
		on_refused(u);
	} else {
		fail(u, ERR_UNAVAILABLE, "it ended the connection");
		finish(u, NULL);
	}
}

/* --- the stream ------------------------------------------------------------------------------ */

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct upgrade *u = owner;
	struct err err;
	size_t used = 0;

	if (u->state != UPGRADE_ASKING)
		return len;
	if (http1_feed(u->http, data, len, &used, &err) != 0) {
		fail(u, ERR_UNAVAILABLE, err.msg); /* whatever it was: no fault of the client */
	} else if (!has_answer(u)) {
		return used;
	} else if (has_switched(u)) {
		on_switched(u); /* it may be gone */
		return used;
	}
	u->state = UPGRADE_LEAVING;
	stream_close(s);
	return len;
}

static void on_end(void *owner, struct stream *s)
{
	struct upgrade *u = owner;

	if (u->state == UPGRADE_ASKING && http1_eof(u->http, &u->why) != 0)
		err_wrap(&u->why, "the API server");
	u->state = UPGRADE_LEAVING;
	stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct upgrade *u = owner;

	(void)s;
	u->stream = NULL;
	if (err != NULL && !has_answer(u))
		fail(u, err->code, err->msg);
	on_left(u);
}

static const struct stream_handler handler = {
	.on_data = on_data,
	.on_end = on_end,
	.on_close = on_close,
};

/* --- the question ---------------------------------------------------------------------------- */

/* Without the end of one channel some requests make no sense; SPDY always has it. */
static void names_to_offer(const struct upgrade *u, struct buf *out)
{
	const struct protocol *best = protocol_best(u->request.purpose, u->carrier);
	bool ws = u->carrier == CARRIER_WEBSOCKET;

	buf_append_str(out, best->name);
	if (ws && u->request.purpose == PURPOSE_COMMAND && !u->request.must_end)
		buf_append_str(out, ", v4.channel.k8s.io");
}

static int write_question(struct upgrade *u, struct buf *out, struct err *err)
{
	bool ws = u->carrier == CARRIER_WEBSOCKET;
	struct http1_header fields[FIELDS_MAX];
	char key[WEBSOCKET_KEY_SIZE];
	struct buf names = { 0 };
	size_t n = u->headers.count;
	int rc = websocket_key(key, err);

	if (rc == 0)
		rc = websocket_accept(key, u->accept, err);
	names_to_offer(u, &names);
	memcpy(fields, u->headers.items, n * sizeof(fields[0]));
	fields[n++] = (struct http1_header){ "Connection", "Upgrade" };
	fields[n++] = (struct http1_header){ "Upgrade", ws ? "websocket" : "SPDY/3.1" };
	fields[n++] =
	        (struct http1_header){ ws ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version",
		                       buf_str(&names) };
	if (ws) {
		fields[n++] = (struct http1_header){ "Sec-WebSocket-Version", "13" };
		fields[n++] = (struct http1_header){ "Sec-WebSocket-Key", key };
	}
	if (rc == 0)
		rc = http1_write_request(out, ws ? "GET" : "POST", u->request.target, fields, n,
		                         NULL, 0, err);
	buf_deinit(&names);
	return rc;
}

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	static const struct http1_limits limits = { .body_max = BODY_MAX };
	struct upgrade *u = owner;
	struct buf question = { 0 };

	u->dial = NULL;
	if (take_stream == NULL) {
		err_copy(&u->why, err);
		finish(u, NULL);
		return;
	}
	u->stream = take_stream;
	u->state = UPGRADE_ASKING;
	http1_free(u->http);
	u->http = http1_new(HTTP1_RESPONSE, &limits);
	stream_attach(take_stream, &handler, u);
	if (u->http == NULL)
		err_set_nomem(&u->why);
	if (u->http != NULL && write_question(u, &question, &u->why) == 0) {
		stream_write_buf(take_stream, &question);
		stream_resume(take_stream);
		return;
	}
	buf_deinit(&question);
	u->state = UPGRADE_LEAVING;
	stream_close(take_stream);
}

static void on_late(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "it did not answer in time" };
	struct upgrade *u = owner;

	fail(u, late.code, late.msg);
	if (u->stream != NULL) {
		stream_reset(u->stream, &late);
		return;
	}
	finish(u, NULL);
}

static int dial(struct upgrade *u, struct err *err)
{
	u->state = UPGRADE_DIALING;
	timer_once(u->timer, UPGRADE_MS);
	return upstream_dial(u->request.upstream, on_dialed, u, &u->dial, err);
}

/* --- life ------------------------------------------------------------------------------------ */

int upgrade_start(struct upgrade *u, const struct upgrade_request *request, upgrade_cb cb,
                  struct err *err)
{
	*u = (struct upgrade){
		.request = *request,
		.headers = *request->headers,
		.cb = cb,
		.carrier = request->websocket ? CARRIER_WEBSOCKET : CARRIER_SPDY,
	};
	*request->headers = (struct headers){ 0 };
	u->timer = timer_new(request->loop, on_late, u);
	if (u->timer == NULL)
		err_set_nomem(err);
	if (u->timer != NULL && dial(u, err) == 0)
		return 0;
	release(u);
	return err->code;
}

void upgrade_cancel(struct upgrade *u)
{
	if (u->stream != NULL)
		stream_refuse(u->stream, NULL);
	u->stream = NULL;
	release(u);
}
