/*
 * websocket - messages over a connection that was upgraded to RFC 6455, either side; pure.
 *
 *   server: websocket_accept() for the answer to an upgrade
 *   client: websocket_key() for the request, websocket_accept() of it to check the answer
 *
 *   while (len > 0 && websocket_read(w, data, len, &used, &event, &err) == 0)
 *           … event.kind 0: nothing whole yet …  data += used, len -= used
 *
 * Fragments are put together, control frames between them come out at once. Strict: reserved bits,
 * unknown kinds, lengths that are not the shortest, masks from a server or none from a client, and
 * more than the bounds are errors, with a code to close by. Extensions are never agreed to. Text is
 * not checked to be UTF-8: who wants text decides.
 */
#ifndef WIRE_WEBSOCKET_H
#define WIRE_WEBSOCKET_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define WEBSOCKET_KEY_SIZE    25 /* with its 0 */
#define WEBSOCKET_ACCEPT_SIZE 29
#define WEBSOCKET_CONTROL_MAX 125

enum websocket_side { WEBSOCKET_SERVER, WEBSOCKET_CLIENT };

/* The numbers are RFC 6455's opcodes. */
enum websocket_kind {
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* Codes to close by (7.4.1). */
enum {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL_ERROR = 1002,
	WEBSOCKET_NO_CODE = 1005, /* none was given; never sent */
	WEBSOCKET_REFUSED = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_OUR_ERROR = 1011,
};

/* A field that is 0 takes its default. */
struct websocket_limits {
	size_t message_max;     /* bytes: 1 MB */
	unsigned fragments_max; /* of one message: 1024 */
};

struct websocket {
	enum websocket_side side;
	struct websocket_limits limits;
	uint8_t head[14]; /* of the frame being read */
	size_t head_len;
	bool in_payload;
	uint64_t left; /* of its payload */
	uint8_t mask[4];
	unsigned mask_at;
	uint8_t kind;       /* of the message being put together; 0: none */
	unsigned fragments; /* of it so far */
	struct buf message;
	struct buf control; /* payload of a control frame */
	bool given;         /* `message` was handed out and may be forgotten */
	bool closed;        /* the peer's close has come: what follows is ignored */
};

struct websocket_event {
	enum websocket_kind kind; /* 0: nothing whole yet */
	const uint8_t *data;      /* borrowed until the next read; of a close: the reason */
	size_t len;
	unsigned code; /* of a close */
};

/* `limits` may be NULL. */
void websocket_init(struct websocket *w, enum websocket_side side,
                    const struct websocket_limits *limits);
void websocket_deinit(struct websocket *w);

/*
 * Reads up to the end of one frame: *out_used of the bytes, all of them unless an event came out.
 * ERR_INVALID, ERR_LIMIT, ERR_NOMEM are final; websocket_code_of() says what to close by.
 */
int websocket_read(struct websocket *w, const void *data, size_t len, size_t *out_used,
                   struct websocket_event *out, struct err *err);

unsigned websocket_code_of(const struct err *err);

/* Appends one frame. A control frame has at most WEBSOCKET_CONTROL_MAX bytes. */
void websocket_write(const struct websocket *w, enum websocket_kind kind, const void *data,
                     size_t len, struct buf *out);

/* A reason that is too long is cut. */
void websocket_write_close(const struct websocket *w, unsigned code, const char *reason,
                           struct buf *out);

/* A new random key for Sec-WebSocket-Key, and what Sec-WebSocket-Accept has to answer.
 * ERR_INVALID: no such key; ERR_NOMEM. */
int websocket_key(char out[WEBSOCKET_KEY_SIZE], struct err *err);
int websocket_accept(const char *key, char out[WEBSOCKET_ACCEPT_SIZE], struct err *err);

#endif
