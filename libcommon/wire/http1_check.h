/*
 * http1_check - the strict look at HTTP/1.1 bytes before http-parser sees them.
 *
 * Two parsers that read one message differently are how requests get smuggled past a proxy
 * (RFC 9112 11.2). So the head must be of the one plain form that nobody reads in two ways,
 * and the framing of chunks too: no extensions, no trailers.
 */
#ifndef WIRE_HTTP1_CHECK_H
#define WIRE_HTTP1_CHECK_H

#include "wire/http1.h"

#include <stddef.h>
#include <stdint.h>

struct err;

/* `head` is everything up to and with the empty line. ERR_INVALID, ERR_LIMIT. */
int http1_check_head(enum http1_kind kind, const char *head, size_t len,
                     const struct http1_limits *limits, struct err *err);

/* Follows the chunks of a body; { 0 } to begin. */
struct http1_chunks {
	enum {
		CHUNK_SIZE, /* first digit */
		CHUNK_DIGITS,
		CHUNK_SIZE_LF,
		CHUNK_DATA,
		CHUNK_DATA_CR,
		CHUNK_DATA_LF,
		CHUNK_LAST_CR,
		CHUNK_LAST_LF,
		CHUNK_OVER,
	} state;
	uint64_t left; /* of this chunk's data */
};

/* Checks bytes up to the end of the body; the rest is not looked at. ERR_INVALID. */
int http1_check_chunks(struct http1_chunks *c, const uint8_t *data, size_t len, struct err *err);

/* What the writers share with it. */
int http1_check_name(const char *name, size_t len, struct err *err);
int http1_check_value(const char *value, size_t len, struct err *err);
int http1_check_target(const char *target, size_t len, struct err *err);

#endif
