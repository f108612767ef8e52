/*
 * ask - what a client asks for when it upgrades to channels, and the answer that agrees. Pure.
 */
#ifndef KUBEPROXYD_CHANNELS_ASK_H
#define KUBEPROXYD_CHANNELS_ASK_H

#include "kubeproxyd/channels/protocol.h"
#include "kubeproxyd/channels/side.h"
#include "wire/websocket.h"

#include <stdbool.h>
#include <stddef.h>

struct attributes;
struct buf;
struct err;
struct http1_message;

#define ASK_PORTS_MAX 16

struct ask {
	enum purpose purpose;
	const struct protocol *protocol; /* the client's */
	unsigned kinds;                  /* of a command: channels, as bits */
	bool tty;
	unsigned ports[ASK_PORTS_MAX]; /* WebSocket without tunnel */
	size_t port_count;
	char accept[WEBSOCKET_ACCEPT_SIZE];
};

/* ERR_INVALID: no upgrade that we know, or not as its protocol has it; ERR_UNSUPPORTED: none of
 * the protocols offered is known. */
int ask_read(struct ask *out, const struct attributes *a, const struct http1_message *head,
             struct err *err);

/* It makes sense only where one channel can be ended alone: a pipe into a command. */
bool ask_must_end(const struct ask *a);

/* Appends a command's words, with blanks between them. */
void ask_command(const char *target, struct buf *out);

/* Appends the head that switches protocols. */
int ask_write_answer(const struct ask *a, struct buf *out, struct err *err);

#endif
