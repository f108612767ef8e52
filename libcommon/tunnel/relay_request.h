/*
 * relay_request - what a proxy asks of another one: bytes to a service behind an agent whose tunnel
 * that one has.
 */
#ifndef TUNNEL_RELAY_REQUEST_H
#define TUNNEL_RELAY_REQUEST_H

#include "proto/dial.pb.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define RELAY_ALPN        "postern-peer/1"
#define RELAY_REQUEST_MAX 1024 /* bytes of a message */

/* Appends one message with its length. ERR_LIMIT, ERR_NOMEM. */
int relay_request_append(const pv_RelayRequest *r, struct buf *out, struct err *err);

/* The message at the front; *out_used = 0 with result 0: more is needed. relay_request_release()
 * it. It names an agent by a UUID and a service. ERR_LIMIT, ERR_INVALID, ERR_CORRUPT. */
int relay_request_parse(const uint8_t *data, size_t len, pv_RelayRequest *out, size_t *out_used,
                        struct err *err);
void relay_request_release(pv_RelayRequest *r);

#endif
