/*
 * fake_authd - takes announcements and recordings on a unix socket, as authd does, and can be made
 * to break off.
 */
#ifndef TESTS_UNIT_NODED_FAKE_AUTHD_H
#define TESTS_UNIT_NODED_FAKE_AUTHD_H

#include "loop/listen.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "rpc/server.h"

#include "proto/auth.fields.h"

#include "tests/unit/noded/node_world.h"

struct fake_authd {
	struct rpc_server *server;
	struct listen *listen;
	bool stopped;

	int announcements;
	pv_Node node; /* of the last one */
	int keep_alives;

	const char *sid;      /* whose recording is expected */
	struct buf recording; /* what is durable here */
	struct rpc_call *call;
	int uploads;      /* streams that began */
	bool named;       /* the present one has said its session */
	int completed;    /* recordings that came whole */
	size_t break_at;  /* bytes after which the connection is dropped, once; 0: never */
	size_t most_open; /* bytes that came beyond the last acknowledgement, at most */
	size_t open;
	bool hold;       /* acknowledge nothing for now */
	struct err fail; /* answer each upload with this */
};

static inline struct fake_authd *fake_authd_of(struct rpc_call *call)
{
	return rpc_call_server_ctx(call);
}

static inline void fake_announce(struct rpc_call *call)
{
	const pv_AnnounceRequest *request = rpc_call_request(call);
	struct fake_authd *a = fake_authd_of(call);
	const pv_AnnounceResponse answer = { .ttl = request->ttl };
	struct err err = { 0 };

	a->announcements++;
	fields_release(&pv_Node_table, &a->node);
	world_check(fields_clone(&pv_Node_table, &request->node, &a->node, &err), &err);
	rpc_call_reply(call, &answer);
}

static inline void fake_on_keep_alive(struct rpc_call *call, const void *message)
{
	const pv_KeepAliveResponse answer = { .known = true };
	struct err err = { 0 };

	(void)message;
	fake_authd_of(call)->keep_alives++;
	world_check(rpc_call_send(call, &answer, &err), &err);
}

static inline void fake_keep_alive(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .message = fake_on_keep_alive,
		                                       .end = rpc_call_finish };

	rpc_call_set_events(call, &events, NULL);
}

static inline bool fake_any_conn(struct rpc_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	return true;
}

static inline void fake_answer(struct rpc_call *call, size_t offset)
{
	const pv_RecordingAck ack = { .offset = (int64_t)offset };
	struct err err = { 0 };

	world_check(rpc_call_send(call, &ack, &err), &err);
}

static inline void fake_acknowledge(struct fake_authd *a)
{
	a->open = 0;
	fake_answer(a->call, a->recording.len);
}

static inline void fake_take_chunk(struct fake_authd *a, const pv_RecordingChunk *chunk)
{
	size_t len = chunk->data != NULL ? chunk->data->size : 0;

	assert_true(len <= 32768);
	assert_int_equal(chunk->offset, a->recording.len);
	if (len > 0)
		buf_append(&a->recording, chunk->data->bytes, len);
	a->open += len;
	if (a->open > a->most_open)
		a->most_open = a->open;
}

static inline void fake_on_chunk(struct rpc_call *call, const void *message)
{
	struct fake_authd *a = fake_authd_of(call);
	const pv_RecordingChunk *chunk = message;

	if (!str_eq(chunk->session_id, a->sid)) { /* of that one nothing may come */
		assert_null(chunk->data);
		fake_answer(call, 0);
		return;
	}
	a->call = call;
	if (a->fail.code != 0) {
		a->call = NULL;
		rpc_call_fail(call, &a->fail);
		return;
	}
	if (!a->named) { /* asks how much there is */
		assert_null(chunk->data);
		a->named = true;
	} else {
		fake_take_chunk(a, chunk);
	}
	if (a->break_at != 0 && a->recording.len >= a->break_at) {
		a->break_at = 0;
		rpc_server_close_matching(a->server, fake_any_conn, NULL);
		return;
	}
	if (!a->hold)
		fake_acknowledge(a);
	if (chunk->complete) {
		a->completed++;
		a->call = NULL;
		rpc_call_finish(call);
	}
}

static inline void fake_on_canceled(struct rpc_call *call)
{
	struct fake_authd *a = fake_authd_of(call);

	if (a->call == call)
		a->call = NULL;
}

static inline void fake_upload(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .message = fake_on_chunk,
		                                       .canceled = fake_on_canceled };
	struct fake_authd *a = fake_authd_of(call);

	a->uploads++;
	a->named = false;
	a->open = 0;
	rpc_call_set_events(call, &events, a);
}

static inline int fake_authorize(struct rpc_call *call, const struct rpc_method *m, struct err *err)
{
	(void)call;
	(void)m;
	(void)err;
	return 0;
}

static inline void fake_on_accept(void *owner, struct stream *take_stream)
{
	struct fake_authd *a = owner;
	struct err err = { 0 };

	world_check(rpc_server_attach(a->server, take_stream, NULL, &err), &err);
}

static inline void fake_authd_open(struct fake_authd *a, struct node_world *w)
{
	static const struct listen_handler handler = { .on_accept = fake_on_accept };
	static const struct rpc_method methods[] = {
		{ .call = AUTH_ANNOUNCE, .handle = fake_announce },
		{ .call = AUTH_KEEP_ALIVE, .handle = fake_keep_alive },
		{ .call = AUTH_UPLOAD_RECORDING, .handle = fake_upload },
	};
	static const struct listen_limits limits = { 0 };
	const struct rpc_server_conf conf = {
		.loop = &w->loop,
		.main = { &pv_Auth_service, methods, 3 },
		.ctx = a,
		.authorize = fake_authorize,
	};
	struct err err = { 0 };

	a->stopped = false;
	a->server = rpc_server_new(&conf, &err);
	assert_non_null(a->server);
	a->listen = listen_new(&w->loop, &limits, &handler, a);
	world_check(listen_add(a->listen, w->auth_addr, &err), &err);
}

static inline void fake_on_stopped(void *ctx)
{
	((struct fake_authd *)ctx)->stopped = true;
}

/* Goes away; what is durable stays. */
static inline void fake_authd_close(struct fake_authd *a, struct node_world *w)
{
	listen_free(a->listen);
	rpc_server_stop(a->server, 0, fake_on_stopped);
	turn_until(&w->loop, a->stopped);
	unlink(w->auth_path);
}

static inline void fake_authd_deinit(struct fake_authd *a)
{
	fields_release(&pv_Node_table, &a->node);
	buf_deinit(&a->recording);
}

#endif
