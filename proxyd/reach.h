/*
 * reach - bring a user to the node that was asked for: roles, route, locks, then a forwarded
 * connection.
 */
#ifndef PROXYD_REACH_H
#define PROXYD_REACH_H

#include "proto/dial.pb.h"

struct err;
struct peer;
struct proxyd;
struct reach;
struct stream;

/*
 * Exactly once. On success take_stream leads to the node `node_id` and err is NULL. Otherwise
 * `response` holds the candidates of an ambiguous name (all borrowed). The reach is gone then.
 */
typedef void (*reach_cb)(void *owner, struct stream *take_stream, const char *node_id,
                         const pv_DialResponse *response, const struct err *err);

/* The peer and the request are borrowed until return. Always returns 0 and calls back later, or
 * fails (ERR_NOMEM) and never does. */
int reach_start(struct proxyd *p, const struct peer *peer, const pv_DialRequest *request,
                reach_cb cb, void *owner, struct reach **out, struct err *err);

/* Legal until the callback, which reports ERR_CANCELED. NULL allowed. */
void reach_cancel(struct reach *r);

#endif
