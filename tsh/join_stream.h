/*
 * join_stream - a TLS stream to the node of a live session, within a stream through the proxy.
 *
 *   node_dial (kind JOIN) --> TLS with the node --> SessionJoin --> DialResponse --> callback
 *        |______________________|_____________________|________________^  failure, refusal
 *
 * The proxy carries ciphertext: the node sees the user's certificate itself and decides.
 */
#ifndef TSH_JOIN_STREAM_H
#define TSH_JOIN_STREAM_H

#include "tsh/profile.h"

#include <uv.h>

struct clock;
struct err;
struct stream;

struct join_request {
	const char *session_id;
	const char *node_id; /* UUID: what the node must prove to be */
	const char *mode;    /* observer | peer */
	uint32_t columns;
	uint32_t rows;
};

/* On success the stream is the caller's to attach; JoinFrames follow (proto/dial.proto). */
typedef void (*join_stream_cb)(void *owner, struct stream *take_stream, const struct err *err);

/* Borrows `p` until the callback, the rest for the call. Fails and never calls back, or calls
 * back exactly once, later. */
int join_stream_start(uv_loop_t *loop, const struct profile *p, const struct clock *clock,
                      const struct join_request *request, join_stream_cb cb, void *owner,
                      struct err *err);

#endif
