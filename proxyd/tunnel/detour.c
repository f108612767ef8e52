#include "proxyd/tunnel/detour.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/identity.h"
#include "proxyd/access.h"
#include "proxyd/dial_answer.h"
#include "proxyd/proxyd.h"
#include "proxyd/tunnel/peering.h"
#include "tunnel/relay_request.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/grpc.h"

#include "proto/dial.fields.h"

#include <stdlib.h>

enum state { DIALLING, SECURING, ASKING };

struct detour {
	struct proxyd *p;
	enum state state;
	struct dial *dial;     /* DIALLING */
	struct stream *stream; /* behind it */
	struct timer *deadline;
	struct buf request;
	char proxy_id[RAND_UUID_SIZE];
	bool canceled;
	detour_cb cb;
	void *owner;
};

static void detour_free(struct detour *d)
{
	timer_free(d->deadline);
	buf_deinit(&d->request);
	free(d);
}

static void finish(struct detour *d, struct stream *take_stream, const struct err *err)
{
	d->cb(d->owner, take_stream, err);
	detour_free(d);
}

static void fail(struct detour *d, const struct err *why)
{
	struct err err;

	err_copy(&err, why);
	if (d->canceled)
		err_set(&err, ERR_CANCELED, "canceled");
	else if (d->state != ASKING)
		err.code = ERR_UNAVAILABLE;
	if (!d->canceled)
		err_wrap(&err, "through proxy '%s'", d->proxy_id);
	finish(d, NULL, &err);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* What follows is another's. */
static void hand_over(struct detour *d)
{
	static const struct stream_handler nobody = { 0 };
	struct stream *s = d->stream;

	stream_attach(s, &nobody, NULL);
	finish(d, s, NULL);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	pv_DialResponse answer = pv_DialResponse_init_zero;
	struct detour *d = owner;
	struct err err = { 0 };
	size_t used = 0;
	int rc;

	if (d->state != ASKING)
		return 0;
	rc = framing_decode(&pv_DialResponse_table, data, len, DIAL_ANSWER_MAX, &answer, &used,
	                    &err);
	if (rc == 0 && used > 0 && answer.code != 0)
		rc = err_set(&err, grpc_to_err(answer.code), "%s",
		             str_empty(answer.message) ? "refused" : answer.message);
	fields_release(&pv_DialResponse_table, &answer);
	if (rc != 0)
		stream_reset(s, &err);
	else if (used > 0)
		hand_over(d);
	return used;
}

/* --- who it is -------------------------------------------------------------------------------- */

static int check_peer(const struct detour *d, struct err *err)
{
	const struct tls_peer *tls = tls_peer(stream_tls(d->stream));
	struct peer peer;
	int rc;

	if (!str_eq(tls->alpn, RELAY_ALPN))
		return err_set(err, ERR_UNSUPPORTED, "it relays for no other proxy");
	rc = access_tls_peer(d->p, tls, stream_peer(d->stream), &peer, err);
	if (rc == 0 &&
	    (!peer_is_host(&peer, "Proxy") || !str_eq(peer.identity.host_id, d->proxy_id)))
		rc = err_set(err, ERR_DENIED, "another one is at its address");
	peer_deinit(&peer);
	return rc;
}

static void on_secure(void *owner, struct stream *s)
{
	struct detour *d = owner;
	struct err err = { 0 };

	if (check_peer(d, &err) != 0) {
		stream_reset(s, &err);
		return;
	}
	d->state = ASKING;
	stream_write_buf(s, &d->request);
	timer_once(d->deadline, d->p->conf.dial_timeout);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	static const struct err hung_up = { ERR_UNAVAILABLE, "it hung up" };

	(void)s;
	fail(owner, err != NULL ? err : &hung_up);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no answer came" };
	struct detour *d = owner;

	stream_reset(d->stream, &late);
}

/* --- reaching it ------------------------------------------------------------------------------ */

static void on_dialled(void *owner, struct stream *take_stream, const struct err *why)
{
	static const struct stream_handler handler = { .on_data = on_data,
		                                       .on_secure = on_secure,
		                                       .on_close = on_close };
	struct detour *d = owner;
	struct tls *tls = NULL;
	struct err err = { 0 };

	d->dial = NULL;
	if (why != NULL) {
		fail(d, why);
		return;
	}
	d->state = SECURING;
	d->stream = take_stream;
	stream_attach(take_stream, &handler, d);
	if (tls_new(d->p->peer_tls, d->proxy_id, &tls, &err) != 0)
		stream_reset(take_stream, &err);
	else
		stream_start_tls(take_stream, tls, d->p->handshakes, DETOUR_REACH_MS);
}

static int prepare(struct detour *d, const struct peering_way *way, const char *agent_id,
                   const char *service, const struct buf *first, struct err *err)
{
	const pv_RelayRequest request = { .agent_id = (char *)(uintptr_t)agent_id,
		                          .service = (char *)(uintptr_t)service };

	d->deadline = timer_new(d->p->loop, on_deadline, d);
	if (d->deadline == NULL)
		return err_set_nomem(err);
	str_copy(d->proxy_id, sizeof(d->proxy_id), way->proxy_id);
	if (relay_request_append(&request, &d->request, err) != 0)
		return err->code;
	buf_append(&d->request, first->data, first->len);
	return buf_check(&d->request, err);
}

int detour_start(struct proxyd *p, const struct peering_way *way, const char *agent_id,
                 const char *service, const struct buf *first, detour_cb cb, void *owner,
                 struct detour **out, struct err *err)
{
	struct detour *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return err_set_nomem(err);
	d->p = p;
	d->cb = cb;
	d->owner = owner;
	rc = prepare(d, way, agent_id, service, first, err);
	if (rc == 0)
		rc = dial_start(p->loop, way->addr, DETOUR_REACH_MS, on_dialled, d, &d->dial, err);
	if (rc != 0) {
		detour_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void detour_cancel(struct detour *d)
{
	if (d == NULL)
		return;
	d->canceled = true;
	if (d->state == DIALLING)
		dial_cancel(d->dial);
	else
		stream_reset(d->stream, NULL);
}
