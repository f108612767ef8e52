/*
 * proxy_link - a TLS connection to a proxy, resumed where possible.
 *
 *   DIALING --> SECURING --> callback
 *      |___________|__________^   failure
 */
#ifndef LOOP_PROXY_LINK_H
#define LOOP_PROXY_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct buf;
struct err;
struct stream;
struct tls_conf;

#define PROXY_LINK_MS 15000 /* for each of the two steps */

/* On success the stream is the caller's to attach, and err is NULL. */
typedef void (*proxy_link_cb)(void *owner, struct stream *take_stream, const struct err *err);

/*
 * `addr` is host:port; `name` the one that the server must prove, and that it is asked for (SNI),
 * NULL: the host of the address; `conf` is borrowed for the call. `session` (may be NULL) is what
 * proxy_link_session() gave for the same address and configuration. Fails and never calls
 * back, or calls back exactly once, later.
 */
int proxy_link_start(uv_loop_t *loop, const char *addr, const char *name, struct tls_conf *conf,
                     const struct buf *session, proxy_link_cb cb, void *owner, struct err *err);

/* The session of a fresh connection, to keep for the next; nothing is appended when it was
 * itself resumed or the proxy gave none. */
void proxy_link_session(struct stream *s, struct buf *out);

/* The host of "host:port", without brackets. free() it; NULL when memory runs out. */
char *proxy_link_host(const char *addr);

#endif
