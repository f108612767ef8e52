#include "tunnel/tunnel_inside.h"

#include "base/str.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- proxy ------------------------------------------------------------------------------------ */

static void on_deadline(void *owner)
{
	struct channel *c = owner;

	if (c->why.code == 0)
		err_set(&c->why, ERR_TIMEOUT, "no answer from behind the tunnel");
	channel_due(c);
}

static int check_may_dial(const struct tunnel *t, struct err *err)
{
	if (!tunnel_usable(t))
		return err_set(err, ERR_UNAVAILABLE, "the tunnel is %s",
		               t->ready ? "about to end" : "not ready yet");
	if (t->channel_count >= t->conf.channels_max ||
	    http2_stream_count(t->h2) >= http2_streams_allowed(t->h2))
		return err_set(err, ERR_LIMIT, "the tunnel holds %zu connections, no more may be",
		               t->channel_count);
	return 0;
}

static int send_request(struct channel *c, const char *service, const struct buf *first,
                        struct err *err)
{
	const struct http2_header headers[] = { { ":method", "CONNECT" },
		                                { ":authority", service } };

	if (http2_open(c->tunnel->h2, headers, 2, false, c, &c->h2, err) != 0)
		return err->code;
	return first != NULL && first->len > 0 ? http2_write(c->h2, first->data, first->len, err)
	                                       : 0;
}

static int ask(struct tunnel *t, const char *service, const struct buf *first, unsigned timeout_ms,
               struct channel **out, struct err *err)
{
	struct channel *c;

	if (check_may_dial(t, err) != 0)
		return err->code;
	c = channel_new(t);
	if (c == NULL)
		return err_set_nomem(err);
	c->deadline = timer_new(stream_loop(t->stream), on_deadline, c);
	if (c->deadline == NULL)
		err_set_nomem(err);
	else if (send_request(c, service, first, err) == 0) {
		timer_once(c->deadline, timeout_ms);
		*out = c;
		return 0;
	}
	c->state = CHANNEL_OVER; /* it goes on its turn */
	if (c->h2 != NULL)
		http2_reset(c->h2, HTTP2_CANCEL);
	channel_due(c);
	return err->code;
}

int tunnel_dial(struct tunnel *t, const char *service, struct buf *take_first, unsigned timeout_ms,
                tunnel_dial_cb cb, void *owner, struct channel **out, struct err *err)
{
	struct channel *c = NULL;
	int rc = ask(t, service, take_first, timeout_ms, &c, err);

	if (take_first != NULL)
		buf_deinit(take_first);
	if (rc != 0)
		return rc;
	c->cb = cb;
	c->owner = owner;
	if (out != NULL)
		*out = c;
	tunnel_soon(t);
	return 0;
}

void tunnel_dial_cancel(struct channel *c)
{
	if (c == NULL)
		return;
	if (c->why.code == 0)
		err_set(&c->why, ERR_CANCELED, "canceled");
	channel_due(c);
}

static void refused(struct channel *c, const struct http2_header *headers, size_t count, int status)
{
	const char *code = http2_header(headers, count, "grpc-status");
	const char *text = http2_header(headers, count, "grpc-message");
	struct buf message = { 0 };

	if (text != NULL)
		grpc_decode_message(&message, text);
	err_set(&c->why, code != NULL ? grpc_to_err(atoi(code)) : grpc_err_from_http(status), "%s",
	        message.len > 0 ? buf_str(&message) : "refused behind the tunnel");
	if (c->why.code == 0)
		c->why.code = ERR_INTERNAL; /* a refusal that says all is well */
	buf_deinit(&message);
	channel_due(c);
}

void ask_got_answer(struct channel *c, const struct http2_header *headers, size_t count)
{
	const char *status = http2_header(headers, count, ":status");

	if (c->state != CHANNEL_ASKED || c->why.code != 0 || status == NULL)
		return;
	if (!str_eq(status, "200")) {
		refused(c, headers, count, atoi(status));
		return;
	}
	timer_stop(c->deadline);
	if (channel_open_stream(c, &c->why) == 0) {
		c->cb(c->owner, c->stream, NULL);
	} else {
		c->state = CHANNEL_ASKED;
		channel_due(c);
	}
}

void ask_failed(struct channel *c)
{
	c->state = CHANNEL_OVER;
	if (c->deadline != NULL)
		timer_stop(c->deadline);
	if (c->h2 != NULL)
		http2_reset(c->h2, HTTP2_CANCEL);
	buf_deinit(&c->in);
	if (c->tunnel->conf.side == TUNNEL_PROXY)
		c->cb(c->owner, NULL, &c->why);
	else
		c->tunnel->conf.events->withdrawn(c->owner);
}

/* --- agent ------------------------------------------------------------------------------------ */

int channel_accept(struct channel *c, struct stream **out, struct err *err)
{
	const struct http2_header ok = { ":status", "200" };
	int rc = http2_respond(c->h2, &ok, 1, false, err);

	if (rc == 0)
		rc = channel_open_stream(c, err);
	if (rc != 0) {
		c->state = CHANNEL_OVER;
		http2_reset(c->h2, HTTP2_INTERNAL_ERROR);
	} else {
		*out = c->stream;
	}
	channel_due(c);
	return rc;
}

/* The answer that says why; RFC 9113 8.5 knows no bodies for a refused CONNECT that anybody reads.
 */
static int respond_refused(struct http2_stream *s, const struct err *why)
{
	struct buf text = { 0 };
	char status[16], code[16];
	struct err err;
	int rc;

	snprintf(status, sizeof(status), "%d", grpc_http_status(why->code));
	snprintf(code, sizeof(code), "%d", grpc_from_err(why->code));
	grpc_encode_message(&text, why->msg);
	rc = buf_check(&text, &err);
	if (rc == 0) {
		const struct http2_header headers[] = { { ":status", status },
			                                { "grpc-status", code },
			                                { "grpc-message", buf_str(&text) } };

		rc = http2_respond(s, headers, 3, true, &err);
	}
	buf_deinit(&text);
	return rc;
}

static void refuse_stream(struct http2_stream *s, const struct err *why)
{
	if (respond_refused(s, why) != 0)
		http2_reset(s, HTTP2_REFUSED_STREAM);
}

void channel_refuse(struct channel *c, const struct err *why)
{
	c->state = CHANNEL_OVER;
	buf_deinit(&c->in);
	refuse_stream(c->h2, why);
	channel_due(c);
}

static void got_connect(struct tunnel *t, struct http2_stream *s, const char *service)
{
	static const struct err unnamed = { ERR_INVALID, "no service was named" };
	struct err err;
	struct channel *c;

	if (str_empty(service) || strlen(service) >= TUNNEL_SERVICE_SIZE) {
		refuse_stream(s, &unnamed);
		return;
	}
	if (t->channel_count >= t->conf.channels_max) {
		err_set(&err, ERR_LIMIT, "the agent holds %zu connections, no more may be",
		        t->channel_count);
		refuse_stream(s, &err);
		return;
	}
	c = channel_new(t);
	if (c == NULL) {
		http2_reset(s, HTTP2_INTERNAL_ERROR);
		return;
	}
	c->h2 = s;
	http2_stream_set_data(s, c);
	c->owner = t->conf.events->request(t->conf.ctx, c, service);
}

void ask_got_request(struct tunnel *t, struct http2_stream *s, const struct http2_header *headers,
                     size_t count)
{
	static const struct err unknown = { ERR_UNSUPPORTED, "an agent knows no such request" };
	const char *method = http2_header(headers, count, ":method");
	const char *path = http2_header(headers, count, ":path");

	if (str_eq(method, "CONNECT"))
		got_connect(t, s, http2_header(headers, count, ":authority"));
	else if (str_eq(method, "POST") && str_eq(path, "/discovery") && t->news == NULL)
		news_got_request(t, s);
	else
		refuse_stream(s, &unknown);
}
