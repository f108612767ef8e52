/*
 * grpc - what gRPC adds to HTTP/2: message frames, headers, status codes, deadlines
 * (the "gRPC over HTTP/2" protocol document; docs/PROTOCOL.md).
 *
 * A message on the wire is one byte (1 = compressed, which we refuse), its length in four
 * bytes big-endian, and its bytes. The result of a call travels in the trailers
 * grpc-status and grpc-message.
 */
#ifndef WIRE_GRPC_H
#define WIRE_GRPC_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define GRPC_HEADER_SIZE  5
#define GRPC_MESSAGE_MAX  (4u * 1024 * 1024) /* the default bound */
#define GRPC_TIMEOUT_SIZE 16

/* --- frames --- */

struct grpc_reader {
	struct buf buf; /* what has come */
	size_t used;    /* bytes of it that were handed out */
	size_t max;     /* of one message */
};

/* `max` bounds one message; 0 = GRPC_MESSAGE_MAX. */
void grpc_reader_init(struct grpc_reader *r, size_t max);
void grpc_reader_deinit(struct grpc_reader *r); /* overwrites the bytes */

/* Keeps the bytes. ERR_LIMIT or ERR_NOMEM. */
int grpc_reader_feed(struct grpc_reader *r, const void *data, size_t len, struct err *err);

/* 0 and *out_some tells if a message was complete; it stays valid until the next call.
 * ERR_LIMIT: longer than max; ERR_UNSUPPORTED: compressed; ERR_INVALID. */
int grpc_reader_next(struct grpc_reader *r, bool *out_some, const uint8_t **out_data,
                     size_t *out_len, struct err *err);

/* Bytes that have come and were not handed out. */
size_t grpc_reader_waiting(const struct grpc_reader *r);

/* Appends one frame. */
void grpc_write_frame(struct buf *out, const void *data, size_t len);

/* --- results --- */

/* The gRPC code and HTTP status for an ERR_ code, and back; unknown ones are internal errors. */
int grpc_from_err(int err_code);
int grpc_to_err(int grpc_code);
int grpc_http_status(int err_code);
int grpc_err_from_http(int status);
const char *grpc_code_name(int err_code); /* "NOT_FOUND", as JSON errors show it */

/* The text of grpc-message: bytes outside 0x20-0x7e and '%' as %XX, and back. Decoding is
 * lenient, as the protocol asks, and never yields control characters. */
void grpc_encode_message(struct buf *out, const char *text);
void grpc_decode_message(struct buf *out, const char *text);

/* --- headers --- */

/* "/package.Service/Method" -> the method behind `service`; NULL: another service. */
const char *grpc_method_of(const char *path, const char *service);

/* Whether a content-type is gRPC with protobuf ("application/grpc", "…+proto"). */
bool grpc_content_type(const char *value);

/* grpc-timeout: "5S", "100m"; milliseconds, rounded up, at most about 30 days. */
int grpc_parse_timeout(const char *value, int64_t *out_ms, struct err *err);
char *grpc_format_timeout(char out[GRPC_TIMEOUT_SIZE], int64_t ms);

#endif
