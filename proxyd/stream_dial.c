#include "proxyd/stream_dial.h"

#include "base/err.h"
#include "base/log.h"
#include "crypto/tls.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/identity.h"
#include "proxyd/access.h"
#include "proxyd/dial_answer.h"
#include "proxyd/link.h"
#include "proxyd/proxyd.h"
#include "proxyd/reach.h"
#include "wire/fields.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"

#include <stdbool.h>
#include <stdlib.h>

#define REQUEST_MAX        4096
#define REQUEST_TIMEOUT_MS 10000

/*
 *   READING --request--> REACHING --node--> gone: the streams are a link's
 *      \__________________/\--failure--> ENDING (answer sent) --> gone with the stream
 */
enum state { READING, REACHING, ENDING };

struct stream_dial {
	struct proxyd *p;
	enum state state;
	struct stream *client;
	struct peer peer;
	struct reach *reach;
	struct timer *deadline;
};

static void stream_dial_free(struct stream_dial *d)
{
	timer_free(d->deadline);
	peer_deinit(&d->peer);
	free(d);
}

/* --- answering ------------------------------------------------------------------------------- */

static void refuse(struct stream_dial *d, const pv_DialResponse *response, const struct err *why)
{
	char name[PEER_NAME_SIZE];

	log_info("dial refused", kv("peer", peer_name(&d->peer, name, sizeof(name))),
	         kv("addr", stream_peer(d->client)), kv("reason", why->msg));
	d->state = ENDING;
	dial_answer_refuse(d->p, d->client, response, why);
}

static void on_reached(void *owner, struct stream *take_stream, const char *node_id,
                       const pv_DialResponse *response, const struct err *why)
{
	struct stream_dial *d = owner;
	pv_DialResponse ok = pv_DialResponse_init_zero;
	struct err err = { 0 };

	d->reach = NULL;
	if (d->client == NULL) { /* the client went away meanwhile */
		if (take_stream != NULL)
			stream_reset(take_stream, NULL);
		stream_dial_free(d);
		return;
	}
	if (why != NULL) {
		refuse(d, response, why);
		return;
	}
	if (dial_answer(d->p, d->client, &ok, NULL, &err) != 0) {
		stream_reset(take_stream, NULL);
		refuse(d, &ok, &err);
		return;
	}
	log_info("stream opened", kv("user", d->peer.identity.user), kv("node", node_id),
	         kv("addr", d->peer.addr));
	if (link_start(d->p, &d->peer, node_id, d->client, take_stream, NULL, NULL, &err) != 0)
		log_error("stream failed", kv("reason", err.msg));
	stream_dial_free(d);
}

/* --- reading the request --------------------------------------------------------------------- */

static void take_request(struct stream_dial *d, const pv_DialRequest *request)
{
	const pv_DialResponse none = pv_DialResponse_init_zero;
	struct err err = { 0 };

	if (reach_start(d->p, &d->peer, request, on_reached, d, &d->reach, &err) != 0) {
		refuse(d, &none, &err);
		return;
	}
	d->state = REACHING;
	stream_pause(d->client); /* what follows is the node's */
	timer_stop(d->deadline);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct stream_dial *d = owner;
	const pv_DialResponse none = pv_DialResponse_init_zero;
	pv_DialRequest request;
	struct err err = { 0 };
	size_t used = 0;

	(void)s;
	if (d->state != READING)
		return d->state == ENDING ? len : 0;
	if (framing_decode(&pv_DialRequest_table, data, len, REQUEST_MAX, &request, &used, &err) !=
	    0) {
		err_wrap(&err, "read request");
		refuse(d, &none, &err);
		return len;
	}
	if (used == 0)
		return 0;
	take_request(d, &request);
	fields_release(&pv_DialRequest_table, &request);
	return used;
}

static void on_end(void *owner, struct stream *s)
{
	struct stream_dial *d = owner;

	if (d->state == READING)
		stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct stream_dial *d = owner;

	(void)s;
	(void)err;
	d->client = NULL;
	if (d->reach != NULL)
		reach_cancel(d->reach); /* on_reached frees */
	else
		stream_dial_free(d);
}

static void on_deadline(void *owner)
{
	struct stream_dial *d = owner;
	const struct err late = { ERR_TIMEOUT, "no request came" };

	stream_reset(d->client, &late);
}

/* --- entry ----------------------------------------------------------------------------------- */

void stream_dial_serve(struct proxyd *p, struct stream *take_stream)
{
	static const struct stream_handler handler = { .on_data = on_data,
		                                       .on_end = on_end,
		                                       .on_close = on_close };
	struct stream_dial *d = calloc(1, sizeof(*d));
	const pv_DialResponse none = pv_DialResponse_init_zero;
	struct err err = { 0 };

	if (d != NULL)
		d->deadline = timer_new(p->loop, on_deadline, d);
	if (d == NULL || d->deadline == NULL) {
		free(d);
		stream_reset(take_stream, NULL);
		return;
	}
	d->p = p;
	d->client = take_stream;
	timer_once(d->deadline, REQUEST_TIMEOUT_MS);
	stream_attach(take_stream, &handler, d);
	if (access_tls_peer(p, tls_peer(stream_tls(take_stream)), stream_peer(take_stream),
	                    &d->peer, &err) != 0)
		refuse(d, &none, &err);
}
