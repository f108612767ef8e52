/*
 * spdy - one side of a SPDY/3.1 session (draft-mbelshe-httpbis-spdy-00 and its session windows):
 * streams of bytes and headers over one connection; pure.
 *
 *   stream:  spdy_open() or SPDY_OPENED --> open --our fin--> half closed --their fin--> gone
 *                                            \--reset by either------------------------> gone
 *
 * spdy_read() takes what came and gives one event at a time; what there is to send is gathered in
 * spdy_output(), also from within spdy_read(): answers to pings, refusals. Data comes in pieces as
 * they arrive, so a frame of any length costs no memory.
 *
 * Windows. The one peer there is in practice, Kubernetes' own library, keeps none: it never opens
 * ours and overruns theirs. So a peer's window binds us from the moment it first opens one of that
 * kind (stream or session), counted from the beginning. Ours are as wide as can be from the first
 * frame on: what a peer sends is bounded by who feeds spdy_read(), which stops while nobody takes
 * it. For opening windows bit by bit is not only useless with that library but costs data: it
 * closes when it has sent all, and a frame that arrives then resets the connection, with whatever
 * of it is still on its way to a slow reader.
 */
#ifndef WIRE_SPDY_H
#define WIRE_SPDY_H

#include "wire/spdy_block.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct spdy;

#define SPDY_STREAMS_MAX 256            /* open at once, by either side; more are refused */
#define SPDY_OUTPUT_MAX  (1024u * 1024) /* that nobody took from spdy_output() */
#define SPDY_WINDOW      (64u * 1024)   /* a peer's window at the beginning */
#define SPDY_OUR_WINDOW  0x7fffffffu    /* of each stream and the session */
#define SPDY_ROOM_MAX    (256u * 1024)  /* spdy_room() of a peer without windows */

enum spdy_side { SPDY_SERVER, SPDY_CLIENT };

/* Why a stream was reset, and why a session ends (2.6.3, 2.6.6); the numbers on the wire. */
enum spdy_status {
	SPDY_OK = 0, /* of a session */
	SPDY_PROTOCOL_ERROR = 1,
	SPDY_INVALID_STREAM = 2,
	SPDY_REFUSED_STREAM = 3,
	SPDY_CANCEL = 5,
	SPDY_INTERNAL_ERROR = 6,
	SPDY_STREAM_IN_USE = 8,
	SPDY_STREAM_CLOSED = 9,
};

enum spdy_event_kind {
	SPDY_NOTHING, /* more bytes are needed */
	SPDY_OPENED,  /* the peer opened a stream: headers, fin (and none from us: it is gone) */
	SPDY_REPLIED, /* to ours: headers, fin */
	SPDY_HEADERS, /* further ones: headers, fin */
	SPDY_DATA,    /* data, which may be none; fin */
	SPDY_RESET,   /* the stream is gone; status; by the peer, or by us for what the peer did */
	SPDY_WINDOWS, /* windows have opened: spdy_room() may have grown, for any stream */
	SPDY_AWAY,    /* the peer opens no more streams and wants none; status */
};

struct spdy_event {
	enum spdy_event_kind kind;
	uint32_t stream;
	bool fin;                           /* the peer sends no more on it */
	const struct spdy_headers *headers; /* valid until the next read */
	const uint8_t *data;                /* into what was read */
	size_t len;
	uint32_t status;
};

/* What opens our windows is in spdy_output() already. NULL when memory runs out. */
struct spdy *spdy_new(enum spdy_side side);
void spdy_free(struct spdy *s);

/*
 * Reads up to the next event: *out_used of the bytes, all of them if none came out. ERR_INVALID,
 * ERR_LIMIT, ERR_NOMEM end the session: send spdy_goaway() and close.
 */
int spdy_read(struct spdy *s, const void *data, size_t len, size_t *out_used,
              struct spdy_event *out, struct err *err);

/* Bytes for the peer; the owner sends and takes them away (buf_consume(), buf_clear(), or
 * stream_write_buf()). */
struct buf *spdy_output(struct spdy *s);

/* Opens a stream of ours. ERR_LIMIT: too many, or the peer wants none; ERR_INVALID, ERR_NOMEM. */
int spdy_open(struct spdy *s, const struct spdy_header *headers, size_t count, uint32_t *out_stream,
              struct err *err);

/* Accepts one of the peer's. */
int spdy_reply(struct spdy *s, uint32_t stream, const struct spdy_header *headers, size_t count,
               struct err *err);

/* How many bytes may be sent on the stream now; 0 for one that is gone or that we have ended. */
size_t spdy_room(const struct spdy *s, uint32_t stream);

/* At most spdy_room() bytes, which may be none; with fin nothing more comes from us. On a stream
 * that is gone it does nothing. */
void spdy_send(struct spdy *s, uint32_t stream, const void *data, size_t len, bool fin);

/* So many bytes of SPDY_DATA are used up: at long last the peer may have to hear of it. */
void spdy_consumed(struct spdy *s, uint32_t stream, size_t len);

/* Ends the stream both ways; no event follows. */
void spdy_reset(struct spdy *s, uint32_t stream, enum spdy_status status);

void spdy_ping(struct spdy *s);
void spdy_goaway(struct spdy *s, enum spdy_status status);

bool spdy_has(const struct spdy *s, uint32_t stream); /* it is open, at least one way */

#endif
