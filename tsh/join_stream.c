#include "tsh/join_stream.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/splice.h"
#include "loop/stream.h"
#include "loop/work.h"
#include "tsh/node_dial.h"
#include "tsh/trust.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/grpc.h"

#include "proto/dial.fields.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANDSHAKE_MS 15000

struct join_stream {
	uv_loop_t *loop;
	struct work_pool *pool;
	struct tls *tls;    /* until it is the stream's */
	struct buf request; /* SessionJoin with its length */
	join_stream_cb cb;
	void *owner;
};

static void join_stream_free(struct join_stream *j)
{
	tls_free(j->tls);
	work_pool_free(j->pool);
	buf_deinit(&j->request);
	free(j);
}

static void finish(struct join_stream *j, struct stream *take_stream, const struct err *err)
{
	static const struct stream_handler nobody = { 0 };
	join_stream_cb cb = j->cb;
	void *owner = j->owner;

	if (take_stream != NULL)
		stream_attach(take_stream, &nobody, NULL); /* until the callback does */
	join_stream_free(j);
	cb(owner, take_stream, err);
}

/* --- the node's answer ------------------------------------------------------------------------ */

static size_t on_answer(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	pv_DialResponse answer = { 0 };
	struct err err = { 0 };
	size_t used = 0;
	int rc;

	rc = framing_decode(&pv_DialResponse_table, data, len, NODE_DIAL_MESSAGE_MAX, &answer,
	                    &used, &err);
	if (rc == 0 && used > 0 && answer.code != 0)
		rc = err_set(&err, grpc_to_err(answer.code), "%s",
		             str_empty(answer.message) ? "the node refused" : answer.message);
	fields_release(&pv_DialResponse_table, &answer);
	if (rc != 0)
		stream_reset(s, &err);
	else if (used > 0)
		finish(owner, s, NULL);
	return used;
}

static void on_secure(void *owner, struct stream *s)
{
	struct join_stream *j = owner;

	stream_write_buf(s, &j->request);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct err closed = { 0 };

	(void)s;
	if (err == NULL) {
		err_set(&closed, ERR_UNAVAILABLE, "the node closed the connection");
		err = &closed;
	}
	finish(owner, NULL, err);
}

static const struct stream_handler handler = { .on_data = on_answer,
	                                       .on_secure = on_secure,
	                                       .on_close = on_close };

/* --- TLS within the proxied stream --------------------------------------------------------------
 */

/* The inner stream's end, or its cause, reaches us by its own on_close. */
static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	(void)owner;
	(void)count;
	(void)err;
}

/* One end of a socket pair is joined to the proxied stream, the other is the inner one. On
 * failure take_outer is reset. */
static int open_inner(struct join_stream *j, struct stream *take_outer, struct stream **out,
                      struct err *err)
{
	struct stream *near = NULL, *inner = NULL;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		err_set_errno(err, ERR_IO, errno, "make a socket pair");
		goto fail;
	}
	if (stream_open_fd(j->loop, pair[0], &near, err) != 0) {
		close(pair[1]);
		goto fail;
	}
	if (stream_open_fd(j->loop, pair[1], &inner, err) != 0)
		goto fail;
	if (splice_start(near, take_outer, on_spliced, NULL) == NULL) {
		err_set_nomem(err);
		goto fail;
	}
	*out = inner;
	return 0;
fail:
	if (near != NULL)
		stream_reset(near, err);
	if (inner != NULL)
		stream_reset(inner, err);
	stream_reset(take_outer, err);
	return err->code;
}

static void on_dialed(void *owner, struct stream *take_stream, const pv_DialResponse *answer,
                      const struct err *err)
{
	struct join_stream *j = owner;
	struct stream *inner = NULL;
	struct err failure = { 0 };
	struct tls *tls;

	(void)answer;
	if (err != NULL) {
		finish(j, NULL, err);
		return;
	}
	if (open_inner(j, take_stream, &inner, &failure) != 0) {
		finish(j, NULL, &failure);
		return;
	}
	tls = j->tls;
	j->tls = NULL;
	stream_attach(inner, &handler, j);
	stream_start_tls(inner, tls, j->pool, HANDSHAKE_MS);
}

/* --- start
 * ---------------------------------------------------------------------------------------- */

static int prepare(struct join_stream *j, const struct profile *p, const struct clock *clock,
                   const struct join_request *r, struct err *err)
{
	pv_SessionJoin message = { .session_id = (char *)(uintptr_t)r->session_id,
		                   .mode = (char *)(uintptr_t)r->mode,
		                   .columns = r->columns,
		                   .rows = r->rows };
	struct tls_conf *conf = NULL;
	int rc;

	j->pool = work_pool_new(j->loop, 1, 1);
	if (j->pool == NULL)
		return err_set_nomem(err);
	rc = framing_append(&pv_SessionJoin_table, &message, NODE_DIAL_MESSAGE_MAX, &j->request,
	                    err);
	if (rc == 0)
		rc = trust_cluster(p, clock, NULL, &conf, err);
	if (rc == 0)
		rc = tls_new(conf, r->node_id, &j->tls, err);
	tls_conf_unref(conf);
	return rc;
}

int join_stream_start(uv_loop_t *loop, const struct profile *p, const struct clock *clock,
                      const struct join_request *request, join_stream_cb cb, void *owner,
                      struct err *err)
{
	pv_DialRequest dial = { .kind = pv_StreamKind_STREAM_JOIN,
		                .target = (char *)(uintptr_t)request->node_id,
		                .session_id = (char *)(uintptr_t)request->session_id,
		                .cluster = p->data.cluster,
		                .client_time = clock_wall_ms(clock) };
	struct join_stream *j = calloc(1, sizeof(*j));
	int rc;

	if (j == NULL)
		return err_set_nomem(err);
	j->loop = loop;
	j->cb = cb;
	j->owner = owner;
	rc = prepare(j, p, clock, request, err);
	if (rc == 0)
		rc = node_dial_start(loop, p, clock, &dial, on_dialed, j, err);
	if (rc != 0)
		join_stream_free(j);
	return rc;
}
