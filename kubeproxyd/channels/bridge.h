/*
 * bridge - joins a client's side and the API server's: each channel of the one with its like of
 * the other.
 *
 *   OPENING (a command's streams are not all there) --> JOINED --> CLOSING --> events.end
 *
 * Of a command every channel is opened at the API server at once, and nothing is read from there
 * before the client has opened its own; of a forwarding each as the client opens it. A side that
 * cannot take more stops the other. Where the two speak different versions the error channel is
 * translated; else it passes as it came. A command whose connection breaks without an outcome gets
 * one from us, so that no client takes it for a success.
 */
#ifndef KUBEPROXYD_CHANNELS_BRIDGE_H
#define KUBEPROXYD_CHANNELS_BRIDGE_H

#include "kubeproxyd/channels/protocol.h"
#include "kubeproxyd/request/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct bridge;
struct err;
struct side;
struct stream;

#define BRIDGE_OPEN_MS 30000 /* that a client may take to open a command's streams */

/* How it all ended. */
struct bridge_end {
	bool told;            /* a command: the API server said how */
	struct status status; /* if so */
	const char *reason;   /* why we or the network ended it; "" in order */
	bool cut;             /* we did: bridge_end() */
	uint64_t sent;        /* bytes of data to the client */
	uint64_t received;    /* and from it */
};

/* Each may be NULL. */
struct bridge_events {
	/* What a command printed, before the client gets it. */
	void (*output)(void *owner, enum channel_kind kind, const uint8_t *data, size_t len);
	/* What the client sent, after the command got it. */
	void (*input)(void *owner, size_t len);
	void (*resize)(void *owner, unsigned columns, unsigned rows);
	/* A connection to a forwarded port was accepted, or not. */
	void (*port)(void *owner, unsigned port, bool success);
	/* The last: both connections are gone, and the bridge with them. */
	void (*end)(void *owner, const struct bridge_end *end);
};

struct bridge_conf {
	uv_loop_t *loop;
	enum purpose purpose;
	unsigned kinds; /* of a command: the channels that the request asks for, as bits */
};

/*
 * Takes both sides (not started) and streams: whatever goes wrong later comes by events.end.
 * ERR_NOMEM: nothing was taken.
 */
int bridge_start(const struct bridge_conf *conf, struct side *take_client,
                 struct stream *take_client_stream, struct side *take_server,
                 struct stream *take_server_stream, const struct bridge_events *events, void *owner,
                 struct bridge **out, struct err *err);

/* Ends it from our side: a command's client is told why. */
void bridge_end(struct bridge *b, const struct err *why);

/* Types into a command, for those who joined it; dropped while it takes no more. */
void bridge_type(struct bridge *b, const void *data, size_t len);

/* A line for the client to see on its terminal; dropped while it takes no more. */
void bridge_print(struct bridge *b, const char *text);

#endif
