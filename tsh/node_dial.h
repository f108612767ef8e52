/*
 * node_dial - a raw stream to a node, by way of the proxy (proto/dial.proto).
 *
 *   proxy_link --> DialRequest --> DialResponse --> callback
 *        |______________|________________^   failure, refusal
 */
#ifndef TSH_NODE_DIAL_H
#define TSH_NODE_DIAL_H

#include "tsh/profile.h"

#include <uv.h>

#include "proto/dial.pb.h"

struct buf;
struct clock;
struct err;
struct stream;

#define NODE_DIAL_MESSAGE_MAX 65536u
#define NODE_DIAL_ANSWER_MS   20000

/* The stream is the caller's to attach, with the bytes that came behind the answer. On failure
 * it is NULL; `answer` (may be NULL) is borrowed and names candidates of an ambiguous name. */
typedef void (*node_dial_cb)(void *owner, struct stream *take_stream, const pv_DialResponse *answer,
                             const struct err *err);

/* Borrows all for the call. Fails and never calls back, or calls back exactly once, later. */
int node_dial_start(uv_loop_t *loop, const struct profile *p, const struct clock *clock,
                    const pv_DialRequest *request, node_dial_cb cb, void *owner, struct err *err);

/* Prints the candidates of an ambiguous name, one a line, to standard error. */
void node_dial_print_candidates(const pv_DialResponse *answer);

#endif
