#include "proxyd/tunnel/relay.h"

#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/identity.h"
#include "proxyd/access.h"
#include "proxyd/dial_answer.h"
#include "proxyd/link.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/table.h"
#include "tunnel/relay_request.h"
#include "tunnel/tunnel.h"

#include <stdlib.h>

#define REQUEST_TIMEOUT_MS 10000

/*
 *   READING --request--> OPENING --channel--> gone: the streams are a link's
 *      \__________________/\--failure--> ENDING (answer sent) --> gone with the stream
 */
enum state { READING, OPENING, ENDING };

struct relay {
	struct proxyd *p;
	enum state state;
	struct stream *client; /* the other proxy; NULL: went away while OPENING */
	struct peer peer;
	struct channel *channel;
	char agent_id[RAND_UUID_SIZE];
	struct timer *deadline;
};

static void relay_free(struct relay *r)
{
	timer_free(r->deadline);
	peer_deinit(&r->peer);
	free(r);
}

static void refuse(struct relay *r, const struct err *why)
{
	const pv_DialResponse none = pv_DialResponse_init_zero;
	char name[PEER_NAME_SIZE];

	log_info("relay refused", kv("peer", peer_name(&r->peer, name, sizeof(name))),
	         kv("addr", stream_peer(r->client)), kv("agent", r->agent_id),
	         kv("reason", why->msg));
	r->state = ENDING;
	timer_stop(r->deadline);
	dial_answer_refuse(r->p, r->client, &none, why);
}

/* --- the channel ------------------------------------------------------------------------------ */

static void join(struct relay *r, struct stream *take_stream)
{
	const pv_DialResponse ok = pv_DialResponse_init_zero;
	struct err err = { 0 };

	if (dial_answer(r->p, r->client, &ok, NULL, &err) != 0) {
		stream_refuse(take_stream, &err);
		refuse(r, &err);
		return;
	}
	log_info("relayed", kv("proxy", r->peer.identity.host_id), kv("agent", r->agent_id));
	if (link_start(r->p, &r->peer, r->agent_id, r->client, take_stream, NULL, NULL, &err) != 0)
		log_error("relay failed", kv("reason", err.msg));
	relay_free(r);
}

static void on_channel(void *owner, struct stream *take_stream, const struct err *why)
{
	struct relay *r = owner;

	r->channel = NULL;
	if (r->client != NULL && why != NULL) {
		refuse(r, why);
	} else if (r->client != NULL) {
		join(r, take_stream);
	} else {
		if (take_stream != NULL)
			stream_refuse(take_stream, NULL);
		relay_free(r);
	}
}

static int open_channel(struct relay *r, const pv_RelayRequest *request, struct err *err)
{
	struct tunnel *t = tunnels_find(r->p->tunnels, request->agent_id);

	str_copy(r->agent_id, sizeof(r->agent_id), request->agent_id);
	if (t == NULL)
		return err_set(err, ERR_UNAVAILABLE, "agent '%s' has no tunnel here", r->agent_id);
	return tunnel_dial(t, request->service, NULL, (unsigned)r->p->conf.dial_timeout, on_channel,
	                   r, &r->channel, err);
}

/* --- reading the request ---------------------------------------------------------------------- */

static void take_request(struct relay *r, const pv_RelayRequest *request)
{
	struct err err = { 0 };

	timer_stop(r->deadline);
	if (open_channel(r, request, &err) != 0) {
		refuse(r, &err);
		return;
	}
	r->state = OPENING;
	stream_pause(r->client); /* what follows is the service's */
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct relay *r = owner;
	pv_RelayRequest request;
	struct err err = { 0 };
	size_t used = 0;

	(void)s;
	if (r->state != READING)
		return r->state == ENDING ? len : 0;
	if (relay_request_parse(data, len, &request, &used, &err) != 0) {
		err_wrap(&err, "read request");
		refuse(r, &err);
		return len;
	}
	if (used == 0)
		return 0;
	take_request(r, &request);
	relay_request_release(&request);
	return used;
}

static void on_end(void *owner, struct stream *s)
{
	struct relay *r = owner;

	if (r->state == READING)
		stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct relay *r = owner;

	(void)s;
	(void)err;
	r->client = NULL;
	if (r->channel != NULL)
		tunnel_dial_cancel(r->channel); /* on_channel frees */
	else
		relay_free(r);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no request came" };
	struct relay *r = owner;

	stream_reset(r->client, &late);
}

/* --- entry ------------------------------------------------------------------------------------ */

static int check_peer(struct relay *r, struct err *err)
{
	if (access_tls_peer(r->p, tls_peer(stream_tls(r->client)), stream_peer(r->client), &r->peer,
	                    err) != 0)
		return err->code;
	if (!peer_is_host(&r->peer, "Proxy"))
		return err_set(err, ERR_DENIED, "only proxies of this cluster are relayed for");
	return access_check_locks(r->p, &r->peer, r->peer.identity.host_id, NULL, err);
}

void relay_serve(struct proxyd *p, struct stream *take_stream)
{
	static const struct stream_handler handler = { .on_data = on_data,
		                                       .on_end = on_end,
		                                       .on_close = on_close };
	struct relay *r = calloc(1, sizeof(*r));
	struct err err = { 0 };

	if (r != NULL)
		r->deadline = timer_new(p->loop, on_deadline, r);
	if (r == NULL || r->deadline == NULL) {
		free(r);
		stream_reset(take_stream, NULL);
		return;
	}
	r->p = p;
	r->client = take_stream;
	timer_once(r->deadline, REQUEST_TIMEOUT_MS);
	stream_attach(take_stream, &handler, r);
	if (check_peer(r, &err) != 0)
		refuse(r, &err);
}
