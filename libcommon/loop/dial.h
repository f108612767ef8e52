/*
 * dial - open a connection to the first of some addresses that answers, before a deadline.
 *
 *   RESOLVING --> CONNECTING (one address after the other) --> callback
 *       |______________|____________^   last failure, deadline or dial_cancel()
 *
 * A silent address is given up in favour of the next after DIAL_NEXT_MS, while there is one.
 * Errors read: connect to 'example.com:3080': connection refused.
 */
#ifndef LOOP_DIAL_H
#define LOOP_DIAL_H

#include <uv.h>

struct dial;
struct err;
struct stream;

#define DIAL_NEXT_MS 3000
#define DIAL_MAX     16 /* addresses tried in all */

/* On success take_stream is the caller's, not yet attached, and err is NULL; otherwise it is
 * NULL. ERR_UNAVAILABLE, ERR_NOT_FOUND (no such host), ERR_TIMEOUT, ERR_CANCELED. The dial is
 * gone when this returns. */
typedef void (*dial_cb)(void *owner, struct stream *take_stream, const struct err *err);

/*
 * `addr` is "host:port", "[2001:db8::1]:port", "unix:/path", or several with commas between, tried
 * in this order. Fails with ERR_INVALID or ERR_NOMEM and never calls back, or calls back exactly
 * once, later. *out (may be NULL) is for dial_cancel().
 */
int dial_start(uv_loop_t *loop, const char *addr, unsigned timeout_ms, dial_cb cb, void *owner,
               struct dial **out, struct err *err);

/* Legal until the callback, which reports ERR_CANCELED. NULL allowed. */
void dial_cancel(struct dial *d);

#endif
