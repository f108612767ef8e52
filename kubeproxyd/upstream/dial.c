/* dial - connections to the API server: see upstream.h. */
#include "kubeproxyd/upstream/upstream_inside.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "loop/tally.h"

#include <stdlib.h>
#include <string.h>

#define DIAL_MS      10000
#define HANDSHAKE_MS 15000

/*  DIALING --> SECURING --> callback: the stream is its owner's  */
struct upstream_dial {
	struct list link;
	struct upstream *u;
	struct tls_conf *tls;
	struct dial *dial;     /* DIALING */
	struct stream *stream; /* SECURING */
	struct tally_entry *counted;
	upstream_dial_cb cb;
	void *owner;
};

static void dial_free(struct upstream_dial *d)
{
	list_remove(&d->link);
	tally_remove(d->counted);
	free(d);
}

/* An API server that speaks nothing older than TLS 1.3 says so by this alert, and no more. */
static void explain(const struct upstream_dial *d, const struct err *why, struct err *out)
{
	static const struct err closed = { ERR_UNAVAILABLE, "it closed the connection" };

	err_copy(out, why != NULL ? why : &closed);
	if (strstr(out->msg, "TLS version not supported") != NULL)
		err_set(out, ERR_UNAVAILABLE,
		        "it speaks TLS 1.3 only, and kubeproxyd TLS 1.2: start it with "
		        "--tls-min-version=VersionTLS12");
	err_wrap(out, "API server '%s'", upstream_name(d->u));
	out->code = ERR_UNAVAILABLE;
}

static void fail(struct upstream_dial *d, const struct err *why)
{
	struct err err;

	if (d->cb != NULL) {
		explain(d, why, &err);
		d->cb(d->owner, NULL, &err);
	}
	dial_free(d);
}

static void on_secure(void *owner, struct stream *s)
{
	struct upstream_dial *d = owner;

	if (d->cb == NULL)
		return; /* canceled: it is being reset */
	stream_on_free(s, tally_remove, d->counted);
	d->counted = NULL;
	d->cb(d->owner, s, NULL);
	dial_free(d);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	fail(owner, err);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	(void)owner;
	(void)s;
	(void)data;
	(void)len;
	return 0; /* its next owner's */
}

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_secure = on_secure,
		.on_close = on_close,
	};
	struct upstream_dial *d = owner;
	struct err failure;
	struct tls *tls;

	d->dial = NULL;
	if (take_stream == NULL) {
		fail(d, err);
		return;
	}
	if (tls_new(d->tls, d->u->where.server_name, &tls, &failure) != 0) {
		stream_refuse(take_stream, &failure);
		fail(d, &failure);
		return;
	}
	d->stream = take_stream;
	stream_attach(take_stream, &handler, d);
	stream_start_tls(take_stream, tls, d->u->handshakes, HANDSHAKE_MS);
}

int upstream_dial_for(struct upstream *u, bool plain, upstream_dial_cb cb, void *owner,
                      struct upstream_dial **out, struct err *err)
{
	static const struct sockaddr nowhere = { .sa_family = AF_UNIX };
	struct upstream_dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_set_nomem(err);
	list_init(&d->link);
	d->u = u;
	d->tls = plain ? u->tls : u->upgrade_tls;
	d->cb = cb;
	d->owner = owner;
	if (tally_add(u->connections, &nowhere, &d->counted, err) != 0) {
		err_set(err, ERR_LIMIT, "too many connections to the API server are open");
	} else if (dial_start(u->conf.loop, u->where.addr, DIAL_MS, on_dialed, d, &d->dial, err) ==
	           0) {
		list_append(&u->dials, &d->link);
		*out = d;
		return 0;
	}
	dial_free(d);
	return err->code;
}

int upstream_dial(struct upstream *u, upstream_dial_cb cb, void *owner, struct upstream_dial **out,
                  struct err *err)
{
	return upstream_dial_for(u, false, cb, owner, out, err);
}

/* The upstream may go before what is still due. */
void upstream_dial_cancel(struct upstream_dial *d)
{
	if (d == NULL)
		return;
	d->cb = NULL;
	if (d->dial != NULL)
		dial_cancel(d->dial); /* its callback ends it */
	else
		stream_reset(d->stream, NULL);
}

void upstream_dials_close(struct upstream *u)
{
	for (struct list *at = u->dials.next; at != &u->dials; at = at->next)
		upstream_dial_cancel(container_of(at, struct upstream_dial, link));
}
