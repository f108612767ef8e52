#include "rpc/http_conn.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "loop/stream.h"
#include "loop/timer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REQUEST_MS 20000
#define IDLE_MS    60000

enum state {
	READING,   /* a request, or waiting for one */
	ANSWERING, /* request() was called */
	STREAMING, /* so was http_conn_begin() */
	ENDING,    /* only `closed` is left */
};

struct http_conn {
	struct http_conn_conf conf;
	struct stream *stream;
	struct http1 *parser;
	struct timer *timer;
	enum state state;
	bool timing;     /* the timer runs for the request, not for idling */
	bool continued;  /* 100 Continue was sent */
	bool keep_alive; /* another request may follow */
	bool chunked;    /* how the streamed answer is framed */
	bool finishing;  /* close after this answer */
};

static void end(struct http_conn *c)
{
	c->state = ENDING;
	timer_stop(c->timer);
	stream_close(c->stream);
}

static void wait_for_request(struct http_conn *c)
{
	c->state = READING;
	c->timing = false;
	c->continued = false;
	timer_once(c->timer, c->conf.idle_ms);
}

/* --- reading --- */

/* An answer of ours to what is no request; the connection cannot be trusted to go on. */
static void refuse(struct http_conn *c, int status, const struct err *err)
{
	static const struct http1_header type[] = { { "Content-Type", "text/plain" } };

	c->state = ANSWERING;
	c->keep_alive = false;
	http_conn_respond(c, status, type, 1, err->msg, strlen(err->msg));
}

static void refuse_bytes(struct http_conn *c, const struct err *err)
{
	int status = 400;

	if (err->code == ERR_LIMIT)
		status = http1_state(c->parser) == HTTP1_HEAD ? 431 : 413;
	if (err->code == ERR_NOMEM)
		status = 503;
	refuse(c, status, err);
}

static void send_continue(struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *expect = http1_header(http1_message(c->parser), "expect");

	if (c->continued || expect == NULL || strcasecmp(expect, "100-continue") != 0)
		return;
	c->continued = true;
	stream_write(c->stream, text, sizeof(text) - 1);
}

static void begin_request(struct http_conn *c)
{
	const struct http1_message *m = http1_message(c->parser);

	timer_stop(c->timer);
	c->state = ANSWERING;
	c->keep_alive = m->keep_alive && !m->upgrade && !c->finishing;
	c->conf.request(c, m);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct http_conn *c = owner;
	struct err err = { 0 };
	size_t used = 0;

	(void)s;
	if (c->state == ENDING)
		return len;
	if (c->state != READING)
		return 0; /* the next request waits; STREAM_KEPT_MAX bounds it */
	if (!c->timing) {
		c->timing = true;
		timer_once(c->timer, c->conf.request_ms);
	}
	if (http1_feed(c->parser, data, len, &used, &err) != 0) {
		refuse_bytes(c, &err);
		return len;
	}
	if (http1_state(c->parser) == HTTP1_BODY)
		send_continue(c);
	if (http1_state(c->parser) == HTTP1_DONE)
		begin_request(c); /* c may be ending after this, never gone */
	return used;
}

/* The client sends no more, but may still wait for one answer. */
static void on_end(void *owner, struct stream *s)
{
	struct http_conn *c = owner;

	(void)s;
	c->keep_alive = false;
	c->finishing = true;
	if (c->state == READING || c->state == STREAMING)
		stream_close(c->stream);
}

static void on_drain(void *owner, struct stream *s)
{
	struct http_conn *c = owner;

	(void)s;
	if (c->state == STREAMING && c->conf.writable != NULL)
		c->conf.writable(c);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct http_conn *c = owner;

	(void)s;
	(void)err;
	if ((c->state == ANSWERING || c->state == STREAMING) && c->conf.canceled != NULL)
		c->conf.canceled(c);
	c->conf.closed(c);
	timer_free(c->timer);
	http1_free(c->parser);
	free(c);
}

static void on_timer(void *owner)
{
	struct http_conn *c = owner;
	struct err err;

	if (!c->timing) {
		end(c);
		return;
	}
	err_set(&err, ERR_TIMEOUT, "the request did not come in time");
	refuse(c, 408, &err);
}

static const struct stream_handler handler = {
	.on_data = on_data, .on_end = on_end, .on_drain = on_drain, .on_close = on_close
};

struct http_conn *http_conn_new(const struct http_conn_conf *conf, struct stream *take_stream,
                                struct err *err)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		goto fail;
	c->conf = *conf;
	if (c->conf.request_ms == 0)
		c->conf.request_ms = REQUEST_MS;
	if (c->conf.idle_ms == 0)
		c->conf.idle_ms = IDLE_MS;
	c->stream = take_stream;
	c->parser = http1_new(HTTP1_REQUEST, &conf->limits);
	c->timer = timer_new(conf->loop, on_timer, c);
	if (c->parser == NULL || c->timer == NULL)
		goto fail;
	wait_for_request(c);
	stream_attach(take_stream, &handler, c);
	return c;
fail:
	if (c != NULL) {
		http1_free(c->parser);
		timer_free(c->timer);
	}
	free(c);
	stream_reset(take_stream, NULL);
	err_set_nomem(err);
	return NULL;
}

void *http_conn_ctx(const struct http_conn *c)
{
	return c->conf.ctx;
}

struct stream *http_conn_stream(const struct http_conn *c)
{
	return c->stream;
}

/* --- answering --- */

/* The answer is complete. */
static void next(struct http_conn *c)
{
	if (!c->keep_alive || c->finishing) {
		end(c);
		return;
	}
	http1_next(c->parser);
	wait_for_request(c);
	stream_pause(c->stream); /* what waited is offered again after a pause */
	stream_resume(c->stream);
}

/* `headers` and what this connection adds to them; free() it. */
static struct http1_header *with_own_headers(const struct http_conn *c,
                                             const struct http1_header *headers, size_t count,
                                             size_t *out_count)
{
	struct http1_header *all = calloc(count + 1, sizeof(*all));

	if (all == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		all[i] = headers[i];
	*out_count = count;
	if (!c->keep_alive)
		all[(*out_count)++] = (struct http1_header){ "Connection", "close" };
	return all;
}

/* A header that cannot be written is a bug or no memory: the client gets no half answer. */
static void write_or_end(struct http_conn *c, struct buf *b, int rc)
{
	if (rc == 0)
		stream_write_buf(c->stream, b);
	else
		c->keep_alive = false;
	buf_wipe(b);
}

void http_conn_respond(struct http_conn *c, int status, const struct http1_header *headers,
                       size_t count, const void *body, size_t len)
{
	const struct http1_message *m = http1_message(c->parser);
	bool is_head = m->method != NULL && strcmp(m->method, "HEAD") == 0;
	struct http1_header *all = with_own_headers(c, headers, count, &count);
	struct buf b = { 0 };
	struct err err;

	assert(c->state == ANSWERING);
	write_or_end(c, &b,
	             all == NULL ? ERR_NOMEM
	                         : http1_write_response(&b, status, all, count,
	                                                is_head ? NULL : body, len, &err));
	free(all);
	next(c);
}

void http_conn_begin(struct http_conn *c, int status, const struct http1_header *headers,
                     size_t count)
{
	struct http1_header *all;
	struct buf b = { 0 };
	struct err err;

	assert(c->state == ANSWERING);
	c->state = STREAMING;
	c->chunked = http1_message(c->parser)->minor == 1;
	if (!c->chunked)
		c->keep_alive = false; /* HTTP/1.0: the end of the connection ends the body */
	all = with_own_headers(c, headers, count, &count);
	write_or_end(c, &b,
	             all == NULL  ? ERR_NOMEM
	             : c->chunked ? http1_write_chunked_head(&b, status, all, count, &err)
	                          : http1_write_unframed_head(&b, status, all, count, &err));
	free(all);
}

void http_conn_send(struct http_conn *c, const void *data, size_t len)
{
	struct buf b = { 0 };

	assert(c->state == STREAMING);
	if (len == 0)
		return;
	if (c->chunked)
		http1_write_chunk(&b, data, len);
	else
		buf_append(&b, data, len);
	write_or_end(c, &b, b.failed);
}

bool http_conn_writable(const struct http_conn *c)
{
	return c->state == STREAMING && !stream_full(c->stream);
}

void http_conn_end(struct http_conn *c)
{
	struct buf b = { 0 };

	assert(c->state == STREAMING);
	if (c->chunked)
		http1_write_chunk(&b, NULL, 0);
	write_or_end(c, &b, b.failed);
	next(c);
}

void http_conn_finish(struct http_conn *c)
{
	c->finishing = true;
	if (c->state == READING)
		end(c);
}

void http_conn_close(struct http_conn *c)
{
	stream_reset(c->stream, NULL);
}
