/*
 * http2 - one HTTP/2 connection (RFC 9113), either side, as bytes in and bytes out.
 *
 *   peer's bytes --> http2_recv() --> events        http2_open(), http2_write() … --> http2_send()
 * --> bytes
 *
 * On nghttp2's memory interface. Streams are generic: gRPC calls, and a tunnel's channels.
 * Receiving is under manual flow control: who got data says http2_consume() when it has
 * dealt with them, and a stream that nobody consumes holds back only itself.
 *
 *   stream:  open --> half closed (ours: http2_end, theirs: `end`) --> closed
 *                \__________ http2_reset(), peer's reset ____________^
 *
 * Events come from http2_recv() and http2_send() only. Within them every function on streams
 * is legal, but not http2_recv(), http2_send() and http2_free(). `closed` comes exactly once
 * per stream, also from http2_free(); after it the stream is gone.
 */
#ifndef WIRE_HTTP2_H
#define WIRE_HTTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct http2;
struct http2_stream;

enum http2_kind { HTTP2_SERVER, HTTP2_CLIENT };

/* Error codes of RFC 9113 section 7 that callers use. */
enum {
	HTTP2_NO_ERROR = 0x0,
	HTTP2_PROTOCOL_ERROR = 0x1,
	HTTP2_INTERNAL_ERROR = 0x2,
	HTTP2_REFUSED_STREAM = 0x7,
	HTTP2_CANCEL = 0x8,
	HTTP2_ENHANCE_YOUR_CALM = 0xb,
};

struct http2_header {
	const char *name; /* lower case; pseudo headers (":path") first */
	const char *value;
};

/* A field that is 0 takes its default. */
struct http2_limits {
	uint32_t stream_window;     /* bytes that may come unconsumed on a stream: 1 MB */
	uint32_t connection_window; /* and on all of them: 4 MB */
	uint32_t streams_max;       /* open at once by the peer: 256 */
	uint32_t header_list_max;   /* bytes in one block of headers: 16 KB */
	uint32_t resets_max;        /* streams a peer may reset per second: 100 (CVE-2023-44487) */
	size_t write_high;          /* bytes waiting in a stream before it is not writable: 64 KB */
};

struct http2_events {
	/* Headers came: of a request or answer, or (`trailers`) those at its end. Borrowed. */
	void (*headers)(struct http2_stream *s, const struct http2_header *headers, size_t count,
	                bool trailers);
	/* Data came; they count against the windows until http2_consume(). */
	void (*data)(struct http2_stream *s, const uint8_t *data, size_t len);
	/* The peer sends nothing more on this stream. */
	void (*end)(struct http2_stream *s);
	/* A stream that was not writable is again. */
	void (*writable)(struct http2_stream *s);
	/* Over: HTTP2_NO_ERROR after a whole exchange, else why. */
	void (*closed)(struct http2_stream *s, uint32_t code);
	/* The peer takes no new streams (client) or ends (server). May be NULL. */
	void (*goaway)(struct http2 *h, uint32_t code);
};

/* The limits may be NULL; `events` and `ctx` are borrowed for good. NULL when memory runs out. */
struct http2 *http2_new(enum http2_kind kind, const struct http2_limits *limits,
                        const struct http2_events *events, void *ctx);
void http2_free(struct http2 *h); /* streams still open get `closed` with HTTP2_CANCEL */
void *http2_ctx(const struct http2 *h);

/* Takes all the bytes. A failure ends the connection, after what http2_send() still has (the
 * GOAWAY that says why): ERR_INVALID, ERR_LIMIT (flood), ERR_NOMEM. Where the peer breaks the
 * protocol or a bound, a GOAWAY is sent and http2_done() turns true. */
int http2_recv(struct http2 *h, const void *data, size_t len, struct err *err);

/* The next bytes for the peer, at most some 16 KB (one TLS record); *out_len = 0: nothing now.
 * Valid until the next call, for whatever session of this thread. ERR_NOMEM, ERR_INTERNAL. */
int http2_send(struct http2 *h, const uint8_t **out_data, size_t *out_len, struct err *err);

/* Nothing more to read or write: close the transport. */
bool http2_done(const struct http2 *h);

/* No new streams from the peer; those open go on. */
void http2_goaway(struct http2 *h, uint32_t code);
/* Client: the peer said it takes no more, or the stream ids ran out. */
bool http2_no_new_streams(const struct http2 *h);
/* Sends a PING; the answer shows as `http2_pongs()` growing. */
int http2_ping(struct http2 *h, struct err *err);
uint64_t http2_pongs(const struct http2 *h);
/* Client: how many streams the peer lets us have open; UINT32_MAX until it has said. */
uint32_t http2_streams_allowed(const struct http2 *h);
size_t http2_stream_count(const struct http2 *h); /* open now */

/* --- streams --- */

/* Client: opens one; `end`: no data follow. ERR_UNAVAILABLE: no new streams; ERR_NOMEM. */
int http2_open(struct http2 *h, const struct http2_header *headers, size_t count, bool end,
               void *data, struct http2_stream **out_stream, struct err *err);

/* Server: answers with headers; `end`: nothing follows. */
int http2_respond(struct http2_stream *s, const struct http2_header *headers, size_t count,
                  bool end, struct err *err);

/* Queues a copy of the bytes. Write while http2_writable(); more is queued too, up to 16 MB
 * (ERR_LIMIT). ERR_CANCELED: the stream is closed or our side was ended. */
int http2_write(struct http2_stream *s, const void *data, size_t len, struct err *err);
bool http2_writable(const struct http2_stream *s);
size_t http2_queued(const struct http2_stream *s); /* bytes that have not gone out */

/* Our side ends behind what is queued; theirs may go on. */
int http2_end(struct http2_stream *s, struct err *err);

/* The same with trailers. A server that has sent them, or a response that nothing follows, wants
 * no more of the request either: what has not come by then is refused by a reset (RFC 9113 8.1). */
int http2_end_with(struct http2_stream *s, const struct http2_header *trailers, size_t count,
                   struct err *err);

/* Drops the stream at once; `closed` follows from http2_send(). */
void http2_reset(struct http2_stream *s, uint32_t code);

/* `len` received bytes have been dealt with: the peer may send as many more. */
void http2_consume(struct http2_stream *s, size_t len);

/* Will the peer send nothing more? Known in `headers` already, before `end`. */
bool http2_stream_ended(const struct http2_stream *s);

struct http2 *http2_stream_session(const struct http2_stream *s);
int32_t http2_stream_id(const struct http2_stream *s);
void *http2_stream_data(const struct http2_stream *s);
void http2_stream_set_data(struct http2_stream *s, void *data);

/* The value of a header, NULL: absent. */
const char *http2_header(const struct http2_header *headers, size_t count, const char *name);

#endif
