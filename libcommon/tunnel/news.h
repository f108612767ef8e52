/*
 * news - the messages of a tunnel's control stream: which proxies live, and that one will end.
 */
#ifndef TUNNEL_NEWS_H
#define TUNNEL_NEWS_H

#include "proto/tunnel.pb.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define NEWS_MAX         (64u * 1024) /* bytes of a message */
#define NEWS_PROXIES_MAX 1000

/* Appends one message with its length. ERR_LIMIT, ERR_NOMEM. */
int news_append(const pv_TunnelNews *news, struct buf *out, struct err *err);

/* The message at the front; *out_used = 0 with result 0: more is needed. news_release() it. Every
 * proxy in it has a UUID and a positive ttl. ERR_LIMIT, ERR_INVALID, ERR_CORRUPT. */
int news_parse(const uint8_t *data, size_t len, pv_TunnelNews *out, size_t *out_used,
               struct err *err);
void news_release(pv_TunnelNews *news);

#endif
