#include "tsh/node_dial.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "loop/proxy_link.h"
#include "tsh/trust.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/grpc.h"

#include "proto/dial.fields.h"

#include <stdio.h>
#include <stdlib.h>

struct node_dial {
	uv_loop_t *loop;
	const struct profile *profile; /* of the owner, which waits for us */
	const struct clock *clock;
	struct buf request; /* with its length in front */
	struct timer *deadline;
	struct stream *stream;
	pv_DialResponse answer;
	node_dial_cb cb;
	void *owner;
};

static void node_dial_free(struct node_dial *d)
{
	fields_release(&pv_DialResponse_table, &d->answer);
	timer_free(d->deadline);
	buf_deinit(&d->request);
	free(d);
}

static void finish(struct node_dial *d, struct stream *take_stream, const struct err *err)
{
	static const struct stream_handler nobody = { 0 };

	if (take_stream != NULL)
		stream_attach(take_stream, &nobody, NULL); /* until the callback does */
	d->cb(d->owner, take_stream, &d->answer, err);
	node_dial_free(d);
}

/* What the proxy said, as an error. */
static int refusal(const struct node_dial *d, struct err *err)
{
	return err_set(err, grpc_to_err(d->answer.code), "%s",
	               str_empty(d->answer.message) ? "the proxy refused" : d->answer.message);
}

static size_t on_answer(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct node_dial *d = owner;
	struct err err = { 0 };
	size_t used = 0;
	int rc;

	rc = framing_decode(&pv_DialResponse_table, data, len, NODE_DIAL_MESSAGE_MAX, &d->answer,
	                    &used, &err);
	if (rc == 0 && used == 0)
		return 0; /* more is to come */
	if (rc == 0 && d->answer.code != 0)
		rc = refusal(d, &err);
	if (rc != 0) {
		stream_reset(s, &err);
		return used;
	}
	finish(d, s, NULL);
	return used;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct err closed = { 0 };

	(void)s;
	if (err == NULL) {
		err_set(&closed, ERR_UNAVAILABLE, "the proxy closed the connection");
		err = &closed;
	}
	finish(owner, NULL, err);
}

static const struct stream_handler waiting = { .on_data = on_answer, .on_close = on_close };

static void on_deadline(void *owner)
{
	struct node_dial *d = owner;
	struct err err = { 0 };

	err_set(&err, ERR_TIMEOUT, "the proxy does not answer");
	stream_reset(d->stream, &err);
}

/* A session that cannot be kept costs the next connection a handshake, no more. */
static void keep_session(const struct node_dial *d)
{
	struct buf session = { 0 };
	struct err ignored = { 0 };

	proxy_link_session(d->stream, &session);
	if (session.len > 0)
		profile_write(d->profile, PROFILE_SESSION, session.data, session.len, &ignored);
	buf_wipe(&session);
}

/* Our proxy has no better way to say that the leaf is away than a TLS alert. */
static void fail_link(struct node_dial *d, const struct err *err)
{
	struct err why = *err;

	if (d->profile->own != NULL)
		err_wrap(&why, "cluster '%s' is not reached through '%s'", d->profile->data.cluster,
		         d->profile->data.proxy);
	finish(d, NULL, &why);
}

static void on_link(void *owner, struct stream *take_stream, const struct err *err)
{
	struct node_dial *d = owner;

	if (err != NULL) {
		fail_link(d, err);
		return;
	}
	d->stream = take_stream;
	stream_attach(take_stream, &waiting, d);
	stream_write_buf(take_stream, &d->request);
	timer_once(d->deadline, NODE_DIAL_ANSWER_MS);
	keep_session(d);
}

static int prepare(struct node_dial *d, const pv_DialRequest *request, struct err *err)
{
	d->deadline = timer_new(d->loop, on_deadline, d);
	if (d->deadline == NULL)
		return err_set_nomem(err);
	return framing_append(&pv_DialRequest_table, request, NODE_DIAL_MESSAGE_MAX, &d->request,
	                      err);
}

/* A leaf's proxy stands behind our own, which passes us through by its name. */
static int start_link(struct node_dial *d, struct err *err)
{
	const struct profile *p = d->profile;
	struct tls_conf *conf = NULL;
	struct buf session = { 0 };
	struct err ignored = { 0 };
	char *name = NULL;
	int rc = p->own == NULL ? trust_proxy(p, d->clock, &conf, err)
	                        : trust_cluster(p, d->clock, TRUST_STREAM, &conf, err);

	if (rc == 0 && p->own != NULL && (name = str_printf("proxy.%s", p->data.cluster)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0) {
		profile_read(p, PROFILE_SESSION, &session, &ignored);
		rc = proxy_link_start(d->loop, p->data.proxy, name, conf, &session, on_link, d,
		                      err);
	}
	tls_conf_unref(conf);
	buf_wipe(&session);
	free(name);
	return rc;
}

int node_dial_start(uv_loop_t *loop, const struct profile *p, const struct clock *clock,
                    const pv_DialRequest *request, node_dial_cb cb, void *owner, struct err *err)
{
	struct node_dial *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return err_set_nomem(err);
	d->loop = loop;
	d->profile = p;
	d->clock = clock;
	d->cb = cb;
	d->owner = owner;
	rc = prepare(d, request, err);
	if (rc == 0)
		rc = start_link(d, err);
	if (rc != 0)
		node_dial_free(d);
	return rc;
}

void node_dial_print_candidates(const pv_DialResponse *answer)
{
	for (pb_size_t i = 0; i < answer->candidates_count; i++) {
		const pv_DialCandidate *c = &answer->candidates[i];
		const char *const cells[] = { c->node_id, c->hostname, c->addr, c->labels };

		for (size_t k = 0; k < sizeof(cells) / sizeof(cells[0]); k++) {
			fputs("  ", stderr);
			printable_write(stderr, cells[k] != NULL ? cells[k] : "");
		}
		fputc('\n', stderr);
	}
}
