/*
 * http1 - HTTP/1.1 messages (RFC 9112): a parser for requests or responses, and writers.
 *
 *   HTTP1_HEAD --> HTTP1_BODY --> HTTP1_DONE -- http1_next() --> HTTP1_HEAD
 *
 * http1_feed() takes bytes until one message is complete. Every line is checked here,
 * strictly, before Debian's lenient http-parser sees it: refused are a space before a
 * colon, folded headers, a bare CR, LF or NUL, duplicate or conflicting lengths, a length
 * beside a transfer encoding, any encoding but "chunked", and whatever is too long.
 * A failed parser stays failed; close the connection then.
 */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct http1;

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };
enum http1_state { HTTP1_HEAD, HTTP1_BODY, HTTP1_DONE };

/* A field that is 0 takes its default. */
struct http1_limits {
	size_t line_max;    /* bytes in one line of the head: 8 KB */
	size_t head_max;    /* bytes in the head: 32 KB */
	size_t headers_max; /* headers: 64 */
	size_t body_max;    /* bytes in the body: 4 MB */
};

struct http1_header {
	const char *name;
	const char *value;
};

/* Valid from HTTP1_BODY (the body from HTTP1_DONE) until http1_next(). */
struct http1_message {
	const char *method; /* "POST"; of a request */
	const char *target; /* "/v1/Ping?x=y", as sent; of a request */
	int status;         /* 200; of a response */
	int minor;          /* HTTP/1.minor */
	const struct http1_header *headers;
	size_t header_count;
	bool keep_alive; /* another message may follow */
	bool upgrade;    /* the peer goes on in another protocol after this message */
	const uint8_t *body;
	size_t body_len;
};

/* The limits may be NULL. NULL when memory runs out. */
struct http1 *http1_new(enum http1_kind kind, const struct http1_limits *limits);
void http1_free(struct http1 *h);

/* Hands body bytes to `on_body` as they come, instead of collecting them (body_max then
 * bounds nothing). Set before the first byte of a body. */
void http1_stream_body(struct http1 *h, void (*on_body)(void *ctx, const void *data, size_t len),
                       void *ctx);

/*
 * Reads up to the end of one message; *out_used bytes were taken, fewer than `len` only in
 * HTTP1_DONE. ERR_INVALID: not HTTP as we accept it; ERR_LIMIT: too long; ERR_NOMEM.
 */
int http1_feed(struct http1 *h, const void *data, size_t len, size_t *out_used, struct err *err);

/* The peer closed. Completes a response whose end is the end of the connection;
 * ERR_UNAVAILABLE in the middle of a message. */
int http1_eof(struct http1 *h, struct err *err);

enum http1_state http1_state(const struct http1 *h);
bool http1_idle(const struct http1 *h); /* no byte of a message has come yet */
const struct http1_message *http1_message(const struct http1 *h);
void http1_next(struct http1 *h);

/* The response to be parsed answers HEAD: it has no body whatever its headers say. */
void http1_expect_no_body(struct http1 *h);

/* The value of the first header of that name (any case), NULL: absent. */
const char *http1_header(const struct http1_message *m, const char *name);

/*
 * Writers. Names must be tokens, values free of control characters: ERR_INVALID otherwise.
 * Content-Length or Transfer-Encoding is added here and refused in `headers`.
 */
int http1_write_request(struct buf *out, const char *method, const char *target,
                        const struct http1_header *headers, size_t count, const void *body,
                        size_t body_len, struct err *err);
int http1_write_response(struct buf *out, int status, const struct http1_header *headers,
                         size_t count, const void *body, size_t body_len, struct err *err);

/* A response in chunks: the head, then chunks; one of no bytes ends it. */
int http1_write_chunked_head(struct buf *out, int status, const struct http1_header *headers,
                             size_t count, struct err *err);
void http1_write_chunk(struct buf *out, const void *data, size_t len);

/* A head whose body the end of the connection ends, for HTTP/1.0 clients. */
int http1_write_unframed_head(struct buf *out, int status, const struct http1_header *headers,
                              size_t count, struct err *err);

/* Heads alone, for those who stream the body themselves: `length` bytes of it, or one of these. */
#define HTTP1_CHUNKED  (-1) /* http1_write_chunk() */
#define HTTP1_NO_BODY  (-2) /* and no length is told: a GET, an answer of status 204 */
#define HTTP1_UNFRAMED (-3) /* an answer: the end of the connection ends it */
int http1_write_request_head(struct buf *out, const char *method, const char *target,
                             const struct http1_header *headers, size_t count, int64_t length,
                             struct err *err);
int http1_write_response_head(struct buf *out, int status, const struct http1_header *headers,
                              size_t count, int64_t length, struct err *err);

/* "Not Found" for 404. */
const char *http1_reason(int status);

#endif
