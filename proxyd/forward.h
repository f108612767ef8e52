/*
 * forward - open a connection to a node (or authd) with a signed preface in front, by TCP,
 * through an agent's tunnel, or through another proxy that has that tunnel.
 *
 *   DIALLING --> preface written --> callback with the stream, not yet attached
 *      |  ^
 *      v  | a moment later, for FORWARD_PATIENCE_MS, within dial_timeout
 *   REFUSED: who should listen there is perhaps being restarted
 */
#ifndef PROXYD_FORWARD_H
#define PROXYD_FORWARD_H

#include "proto/dial.pb.h"

struct err;
struct forward;
struct proxyd;
struct stream;

#define FORWARD_PATIENCE_MS 3000

/* Exactly once; err is NULL on success. The forward is gone then. */
typedef void (*forward_cb)(void *owner, struct stream *take_stream, const struct err *err);

/* Where to. */
struct forward_to {
	const char *addr;    /* "host:port"; not needed with an agent */
	const char *agent;   /* host id of the agent in whose tunnel; NULL or "": TCP */
	const char *service; /* behind the agent: "node", "kube" */
};

/*
 * `payload` says who and for what (its time and nonce are filled in); all borrowed until return.
 * Fails and never calls back, or calls back once, later. ERR_UNAVAILABLE, ERR_TIMEOUT,
 * ERR_CANCELED, and what an agent refuses with.
 */
int forward_start(struct proxyd *p, const struct forward_to *to, const pv_PrefacePayload *payload,
                  forward_cb cb, void *owner, struct forward **out, struct err *err);

/* There is another to turn to: no patience with one that refuses. */
void forward_hurry(struct forward *f);

/* Legal until the callback, which reports ERR_CANCELED. NULL allowed. */
void forward_cancel(struct forward *f);

#endif
