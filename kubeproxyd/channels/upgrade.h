/*
 * upgrade - asks the API server for a connection of channels: by WebSocket where it may have that,
 * else, and when it refuses, by SPDY.
 *
 *   DIALING --> ASKING --101--> the callback has the stream
 *      ^           \--refused--> LEAVING --by WebSocket--> DIALING, by SPDY now
 *      '______________________________/       \--by SPDY--> the callback has the answer
 *
 * What the API server answers to SPDY is its answer: each has spoken that for years, and tells
 * what is wrong with the request itself.
 */
#ifndef KUBEPROXYD_CHANNELS_UPGRADE_H
#define KUBEPROXYD_CHANNELS_UPGRADE_H

#include "base/err.h"
#include "kubeproxyd/channels/protocol.h"
#include "kubeproxyd/request/headers.h"
#include "wire/websocket.h"

#include <uv.h>

struct http1;
struct stream;
struct timer;
struct upgrade;
struct upstream;
struct upstream_dial;

#define UPGRADE_MS 30000 /* that each attempt may take */

enum upgrade_state { UPGRADE_DIALING, UPGRADE_ASKING, UPGRADE_LEAVING };

struct upgrade_request {
	uv_loop_t *loop;
	struct upstream *upstream;
	const char *target;      /* as upstream_target() gave it; borrowed until the callback */
	struct headers *headers; /* taken over: empty afterwards */
	enum purpose purpose;
	bool websocket; /* try that first */
	bool must_end;  /* it is of no use without the end of a single channel */
};

/* Of the three either err, or a stream (attach it before this returns), or an answer. */
struct upgrade_result {
	struct stream *stream;           /* NULL: refused */
	const struct protocol *protocol; /* of the stream */
	bool websocket_refused;          /* and SPDY was not */
	int status;                      /* of the answer */
	const char *content_type;        /* "" */
	const void *body;
	size_t body_len;
};

/* Once; the struct may go then. */
typedef void (*upgrade_cb)(struct upgrade *u, const struct upgrade_result *result,
                           const struct err *err);

/* Embed it. Private. */
struct upgrade {
	struct upgrade_request request;
	struct headers headers;
	upgrade_cb cb;
	enum upgrade_state state;
	enum carrier carrier; /* of this attempt */
	bool fell_back;
	char accept[WEBSOCKET_ACCEPT_SIZE]; /* what the answer has to say */
	struct upstream_dial *dial;         /* NULL: none */
	struct stream *stream;
	struct http1 *http;
	struct timer *timer;
	struct err why;
};

/* Fails and never calls back, or calls back exactly once, later. ERR_LIMIT, ERR_NOMEM. */
int upgrade_start(struct upgrade *u, const struct upgrade_request *request, upgrade_cb cb,
                  struct err *err);

/* No callback comes; the struct may go. */
void upgrade_cancel(struct upgrade *u);

#endif
