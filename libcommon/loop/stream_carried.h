/*
 * stream_carried - a stream without a descriptor: something else carries its bytes, as a tunnel
 * does with its channels. To its owner it is a stream like any other.
 *
 *   owner <-- stream <-- stream_carried_*()  -- carrier
 *   owner --> stream --> struct stream_carrier --> carrier
 *
 * The carrier's functions are called from within calls into the stream, so they call nothing back
 * from there: what they cause comes on a later turn. After `shut` the stream knows the carrier no
 * more, and the carrier may not touch the stream.
 */
#ifndef LOOP_STREAM_CARRIED_H
#define LOOP_STREAM_CARRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct err;
struct stream;

struct stream_carrier {
	/* Queues a copy; a failure comes as stream_carried_failed(). */
	void (*write)(void *carried, const uint8_t *data, size_t len);
	size_t (*queued)(const void *carried); /* bytes that have not gone out */
	/* We send no more, behind what is queued; stream_carried_out_ended() when that is out. */
	void (*end)(void *carried);
	/* Whether input is welcome from now on. At first it is not. */
	void (*read)(void *carried, bool wanted);
	/* The last call. `torn`: the peer is to see a reset, not an end. */
	void (*shut)(void *carried, bool torn);
};

/* `carrier` (borrowed for good) is called with `carried`; `peer` is what stream_peer() says.
 * ERR_NOMEM. */
int stream_open_carried(uv_loop_t *loop, const struct stream_carrier *carrier, void *carried,
                        const char *peer, struct stream **out, struct err *err);

/* Bytes from the peer; only while `read` wants them. Within it, it may cease to. */
void stream_carried_data(struct stream *s, const uint8_t *data, size_t len);
/* The peer sends no more; behind all its bytes. */
void stream_carried_end(struct stream *s);
/* Our end is out. */
void stream_carried_out_ended(struct stream *s);
/* No longer as much is queued. */
void stream_carried_drained(struct stream *s);
/* It broke: `shut` comes from within. */
void stream_carried_failed(struct stream *s, const struct err *why);

#endif
