/*
 * http2_inside - what http2.c (the session), http2_stream.c (its streams) and http2_memory.c share.
 */
#ifndef WIRE_HTTP2_INSIDE_H
#define WIRE_HTTP2_INSIDE_H

#include "wire/http2.h"

#include "base/buf.h"
#include "base/fifo.h"
#include "base/list.h"

#include <nghttp2/nghttp2.h>

struct http2 {
	enum http2_kind kind;
	struct http2_limits limits;
	const struct http2_events *events;
	void *ctx;
	nghttp2_session *session;
	struct list streams;
	size_t stream_count;
	struct list due;    /* streams that have something to be told */
	struct buf block;   /* the headers that are coming in: name 0 value 0 … */
	size_t block_count; /* how many */
	size_t block_size;  /* their size as RFC 9113 counts it */
	uint64_t pongs;
	void *frame;     /* what http2_memory.c gave for the room of a frame */
	bool being_made; /* nghttp2 takes what it needs for its whole life */
	bool goaway_received;
	bool dying; /* http2_free() has begun */
};

struct http2_stream {
	struct http2 *session;
	int32_t id;
	void *data;
	struct list link;     /* in streams */
	struct list due_link; /* in due */
	struct fifo out;      /* queued bytes */
	size_t unconsumed;    /* received and not yet consumed */
	nghttp2_nv *trailers; /* copies; NULL: none */
	size_t trailer_count;
	bool full;         /* was not writable since the last `writable` */
	bool ended;        /* our side: nothing more will be queued */
	bool remote_ended; /* their side */
	bool reset;        /* by us; `closed` is still due */
	bool unborn;       /* reset before it was sent: nghttp2 forgot it, `closed` is due */
	uint32_t reset_code;
	bool hang_up; /* reset what is left of the request when our side has ended */
};

/* In the session's list from here on; NULL when memory runs out. */
struct http2_stream *http2_stream_add(struct http2 *h, int32_t id, void *data);
void http2_stream_remove(struct http2_stream *s);

/* How nghttp2 gets its memory for this session. */
nghttp2_mem http2_memory(struct http2 *h);

/* Sets err from a code of nghttp2; returns our code. */
int http2_fail(struct err *err, int rc);

#endif
