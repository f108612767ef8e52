/*
 * dial_via - a connection to an address, through an HTTP proxy where the settings say so
 * (wire/http_proxy.h).
 *
 *   DIALING (the proxy) --> ASKING --through--> callback
 *      |______________________|____________________^   failure, refusal, deadline, cancel
 *
 * An address that no proxy covers is only dialled (loop/dial.h).
 * Errors read: HTTP proxy 'cache:3128' towards 'example.com:3080': it refuses (status 403).
 */
#ifndef LOOP_DIAL_VIA_H
#define LOOP_DIAL_VIA_H

#include "loop/dial.h"

struct dial_via;
struct http_proxy;

/*
 * As dial_start(), all within timeout_ms; `addr` is one address. `proxy` (NULL: none) is borrowed
 * for the call's life. The stream may hold bytes of the target already: attach at once, and they
 * come.
 */
int dial_via_start(uv_loop_t *loop, const struct http_proxy *proxy, const char *addr,
                   unsigned timeout_ms, dial_cb cb, void *owner, struct dial_via **out,
                   struct err *err);

/* Legal until the callback, which reports ERR_CANCELED. NULL allowed. */
void dial_via_cancel(struct dial_via *d);

#endif
