/*
 * protocol - the channel protocols of Kubernetes' exec, attach and port forwarding: their names,
 * what each can, and which one two sides take. Pure.
 *
 * Over SPDY each channel is a stream, named by its header streamType. Over WebSocket each message
 * begins with the number of its channel: a byte, or a digit where what follows is base64. Only v5
 * can end one channel (the half-close of stdin); before v4 the error channel carries a sentence,
 * then a Status. Port forwarding over WebSocket is SPDY again, tunnelled, or two channels for each
 * port of the request.
 */
#ifndef KUBEPROXYD_CHANNELS_PROTOCOL_H
#define KUBEPROXYD_CHANNELS_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum channel_kind {
	CHANNEL_STDIN,
	CHANNEL_STDOUT,
	CHANNEL_STDERR,
	CHANNEL_ERROR,
	CHANNEL_RESIZE,
	CHANNEL_DATA, /* of a forwarded port; it has an error channel beside it */
	CHANNEL_KINDS
};

/* "stdin", as streamType has it. */
const char *channel_name(enum channel_kind kind);

/* ERR_INVALID: no such type. */
int channel_kind_of(const char *name, enum channel_kind *out, struct err *err);

/* What a request is for. */
enum purpose { PURPOSE_COMMAND, PURPOSE_FORWARD };

/* Over what it is carried. */
enum carrier { CARRIER_SPDY, CARRIER_WEBSOCKET };

struct protocol {
	const char *name; /* "" is what a client takes that names none */
	enum purpose purpose;
	enum carrier carrier;
	bool base64; /* WebSocket: digits and text */
	bool status; /* the error channel carries a Status */
	bool closes; /* a channel can be ended while the others go on */
	bool resizes;
	bool tunnel; /* WebSocket: SPDY within */
};

/*
 * The best one of those offered: a list in order of preference, parted by commas; NULL or "": the
 * oldest. NULL: none in common.
 */
const struct protocol *protocol_choose(enum purpose purpose, enum carrier carrier,
                                       const char *offered);

/* The best of all. */
const struct protocol *protocol_best(enum purpose purpose, enum carrier carrier);

/* Appends the names that can be offered, parted by commas. */
void protocol_names(enum purpose purpose, enum carrier carrier, struct buf *out);

/* --- channels of a WebSocket ----------------------------------------------------------------- */

#define PROTOCOL_CLOSE 255 /* v5: the byte behind it is the number of a channel that ends */

struct protocol_message {
	unsigned number;
	bool closes; /* the peer ends the channel; there is no data */
	const uint8_t *data;
	size_t len;
};

/* Reads a message; base64 is decoded into `scratch`. ERR_INVALID: not of this protocol. */
int protocol_read(const struct protocol *p, const uint8_t *message, size_t len, struct buf *scratch,
                  struct protocol_message *out, struct err *err);

/* Appends a message's bytes, without the frame around them. */
void protocol_write(const struct protocol *p, unsigned number, const void *data, size_t len,
                    struct buf *out);

#endif
