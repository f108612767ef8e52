/*
 * detour - bytes to a service behind an agent whose tunnel another proxy has: asks that proxy on
 * its public port (relay.h), and hands over what comes behind its answer.
 *
 *   DIALLING --> SECURING --it is that proxy--> ASKING --yes--> callback with the stream
 *       \____________\____________________________\--no, or its deadline--> callback with why
 *
 * Whatever fails before it was asked is ERR_UNAVAILABLE: another proxy may have a tunnel, too.
 */
#ifndef PROXYD_TUNNEL_DETOUR_H
#define PROXYD_TUNNEL_DETOUR_H

struct buf;
struct detour;
struct err;
struct peering_way;
struct proxyd;
struct stream;

#define DETOUR_REACH_MS 3000 /* for a proxy to answer the dial, and again to shake hands */

/* Exactly once; err is NULL on success. The detour is gone then. */
typedef void (*detour_cb)(void *owner, struct stream *take_stream, const struct err *err);

/*
 * `first` (copied) follows the request at once. All borrowed until return. Fails and never calls
 * back, or calls back once, later. ERR_UNAVAILABLE, ERR_CANCELED, and what that proxy refuses with.
 */
int detour_start(struct proxyd *p, const struct peering_way *way, const char *agent_id,
                 const char *service, const struct buf *first, detour_cb cb, void *owner,
                 struct detour **out, struct err *err);

/* Legal until the callback, which reports ERR_CANCELED. NULL allowed. */
void detour_cancel(struct detour *d);

#endif
