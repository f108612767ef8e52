/*
 * echo - a small service for tests of rpc: it says back, counts, sums and talks.
 */
#ifndef TESTS_UNIT_ECHO_H
#define TESTS_UNIT_ECHO_H

#include "base/err.h"
#include "base/str.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "proto/auth.fields.h"
#include "proto/auth.pb.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "tests/unit/streams.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum echo_call {
	ECHO_SAY,    /* session_id back; "fail" fails, "never" never answers */
	ECHO_COUNT,  /* `offset` chunks */
	ECHO_SUM,    /* of the chunks' bytes, at the end */
	ECHO_TALK,   /* an ack per chunk */
	ECHO_SECRET, /* nobody may */
	ECHO_ABSENT, /* has no handler */
	ECHO_CALLS
};

static const struct rpc_signature echo_calls[ECHO_CALLS] = {
	{ "Say", RPC_UNARY, &pv_KillSessionRequest_table, &pv_KillSessionRequest_table },
	{ "Count", RPC_SERVER_STREAM, &pv_GetRecordingRequest_table, &pv_RecordingChunk_table },
	{ "Sum", RPC_CLIENT_STREAM, &pv_RecordingChunk_table, &pv_RecordingAck_table },
	{ "Talk", RPC_BIDI, &pv_RecordingChunk_table, &pv_RecordingAck_table },
	{ "Secret", RPC_UNARY, &pv_KillSessionRequest_table, &pv_KillSessionRequest_table },
	{ "Absent", RPC_UNARY, &pv_KillSessionRequest_table, &pv_KillSessionRequest_table },
};

static const struct rpc_service echo_service = { "postern.test.Echo", echo_calls, ECHO_CALLS };

/* The server and what it has seen. */
struct echo {
	uv_loop_t *loop;
	struct rpc_server *server;
	struct listen *listen;
	struct tls_conf *tls; /* NULL: none */
	struct work_pool *pool;
	char dir[64];
	char path[96];
	char addr[128]; /* as a client names it */
	int opened;
	int closed;
	int done;
	int canceled;
	int stopped;
	struct err result;       /* of the call that ended last */
	enum rpc_peer_kind peer; /* of the connection that opened last */
	char name[128];          /* in its certificate */
	int64_t sent;            /* chunks of ECHO_COUNT */
	int64_t sum;
	struct rpc_call *held; /* the call that never is answered */
	int64_t conn_end;      /* given to each connection */
	bool refuse;           /* connections */
	bool pause_at_once;    /* ECHO_SUM takes nothing until resumed */
};

static inline struct echo *echo_of(struct rpc_call *call)
{
	return rpc_call_server_ctx(call);
}

static inline void echo_on_canceled(struct rpc_call *call)
{
	struct echo *e = echo_of(call);

	e->canceled++;
	e->held = NULL;
}

static inline void echo_say(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .canceled = echo_on_canceled };
	const pv_KillSessionRequest *request = rpc_call_request(call);
	struct err err;

	if (str_eq(request->session_id, "fail")) {
		err_set(&err, ERR_NOT_FOUND, "no such session 'f\xc3\xa4il'");
		rpc_call_fail(call, &err);
	} else if (str_eq(request->session_id, "never")) {
		rpc_call_set_events(call, &events, NULL);
		echo_of(call)->held = call;
	} else {
		rpc_call_reply(call, request);
	}
}

static inline void echo_send_chunks(struct rpc_call *call)
{
	struct echo *e = echo_of(call);
	const pv_GetRecordingRequest *request = rpc_call_request(call);
	pv_RecordingChunk chunk = pv_RecordingChunk_init_zero;
	struct err err;

	assert_int_equal(fields_set_bytes(&chunk.data, "0123456789abcdef", 16, &err), 0);
	while (e->sent < request->offset && rpc_call_writable(call)) {
		chunk.offset = e->sent++;
		assert_int_equal(rpc_call_send(call, &chunk, &err), 0);
	}
	fields_release(&pv_RecordingChunk_table, &chunk);
	if (e->sent >= request->offset && !request->follow)
		rpc_call_finish(call);
}

static inline void echo_count(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .writable = echo_send_chunks,
		                                       .canceled = echo_on_canceled };

	echo_of(call)->sent = 0;
	rpc_call_set_events(call, &events, NULL);
	echo_send_chunks(call);
}

static inline void echo_add(struct rpc_call *call, const void *message)
{
	const pv_RecordingChunk *chunk = message;

	echo_of(call)->sum += chunk->data != NULL ? chunk->data->size : 0;
}

static inline void echo_sum_ends(struct rpc_call *call)
{
	pv_RecordingAck ack = pv_RecordingAck_init_zero;

	ack.offset = echo_of(call)->sum;
	rpc_call_reply(call, &ack);
}

static inline void echo_sum(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .message = echo_add,
		                                       .end = echo_sum_ends,
		                                       .canceled = echo_on_canceled };
	struct echo *e = echo_of(call);

	e->sum = 0;
	e->held = call;
	rpc_call_set_events(call, &events, NULL);
	if (e->pause_at_once)
		rpc_call_pause(call, true);
}

static inline void echo_answer_chunk(struct rpc_call *call, const void *message)
{
	const pv_RecordingChunk *chunk = message;
	pv_RecordingAck ack = pv_RecordingAck_init_zero;
	struct err err;

	ack.offset = chunk->offset;
	if (rpc_call_send(call, &ack, &err) != 0)
		rpc_call_fail(call, &err);
}

static inline void echo_talk(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .message = echo_answer_chunk,
		                                       .end = rpc_call_finish,
		                                       .canceled = echo_on_canceled };

	rpc_call_set_events(call, &events, NULL);
}

static const struct rpc_method echo_methods[] = {
	{ ECHO_SAY, 0, NULL, echo_say },    { ECHO_COUNT, 0, NULL, echo_count },
	{ ECHO_SUM, 0, NULL, echo_sum },    { ECHO_TALK, 0, NULL, echo_talk },
	{ ECHO_SECRET, 1, NULL, echo_say },
};

static inline int echo_opened(struct rpc_conn *conn, struct err *err)
{
	struct echo *e = rpc_server_ctx(rpc_conn_server(conn));

	e->opened++;
	e->peer = rpc_conn_peer(conn);
	rpc_conn_set_end(conn, e->conn_end);
	return e->refuse ? err_set(err, ERR_DENIED, "not you") : 0;
}

static inline void echo_closed(struct rpc_conn *conn)
{
	((struct echo *)rpc_server_ctx(rpc_conn_server(conn)))->closed++;
}

static inline int echo_authorize(struct rpc_call *call, const struct rpc_method *method,
                                 struct err *err)
{
	(void)call;
	return method->access != 0 ? err_set(err, ERR_DENIED, "nobody may") : 0;
}

static inline void echo_done(struct rpc_call *call, const struct err *result)
{
	struct echo *e = echo_of(call);

	e->done++;
	e->result = *result;
}

static inline void echo_on_stopped(void *ctx)
{
	struct echo *e = ctx;

	e->server = NULL;
	e->stopped++;
}

static inline struct rpc_server_conf echo_conf(struct echo *e)
{
	static const char *const origins[] = { "https://proxy.example.com", NULL };

	return (struct rpc_server_conf){
		.loop = e->loop,
		.main = { &echo_service, echo_methods,
		          sizeof(echo_methods) / sizeof(echo_methods[0]) },
		.origins = origins,
		.ctx = e,
		.opened = echo_opened,
		.closed = echo_closed,
		.authorize = echo_authorize,
		.done = echo_done,
	};
}

static inline void echo_on_accept(void *owner, struct stream *take_stream)
{
	struct echo *e = owner;
	struct err err;

	if (e->server == NULL)
		stream_reset(take_stream, NULL);
	else
		rpc_server_attach(e->server, take_stream, NULL, &err);
}

static const struct listen_handler echo_listener = { .on_accept = echo_on_accept };

/* Serves on a unix socket of its own. */
static inline void echo_start_with(struct echo *e, uv_loop_t *loop,
                                   const struct rpc_server_conf *conf)
{
	struct err err;

	e->loop = loop;
	strcpy(e->dir, "/tmp/postern-echo-XXXXXX");
	assert_non_null(mkdtemp(e->dir));
	snprintf(e->path, sizeof(e->path), "%s/sock", e->dir);
	snprintf(e->addr, sizeof(e->addr), "unix:%s", e->path);
	e->server = rpc_server_new(conf, &err);
	assert_non_null(e->server);
	e->listen = listen_new(loop, &(struct listen_limits){ 0 }, &echo_listener, e);
	if (listen_add_unix(e->listen, e->path, 0600, (gid_t)-1, &err) != 0)
		fail_msg("%s", err.msg);
}

static inline void echo_start(struct echo *e, uv_loop_t *loop)
{
	struct rpc_server_conf conf;

	e->loop = loop;
	conf = echo_conf(e);
	echo_start_with(e, loop, &conf);
}

/* Stops listening and the server; runs the loop until it has stopped. */
static inline void echo_stop(struct echo *e)
{
	listen_free(e->listen);
	if (e->server != NULL) {
		rpc_server_stop(e->server, 0, echo_on_stopped);
		turn_until(e->loop, e->stopped > 0);
	}
	unlink(e->path);
	rmdir(e->dir);
	assert_int_equal(e->opened - (e->refuse ? e->opened : 0), e->closed);
}

/* --- its client ------------------------------------------------------------------------------- */

static inline struct rpc_client *echo_client(struct echo *e)
{
	const char *const addrs[] = { e->addr, NULL };
	struct rpc_client_conf conf = { .loop = e->loop, .service = &echo_service, .addrs = addrs };
	struct err err;
	struct rpc_client *c = rpc_client_new(&conf, &err);

	assert_non_null(c);
	return c;
}

static inline void echo_count_call(void *ctx)
{
	(*(int *)ctx)++;
}

static inline void echo_client_close(struct echo *e, struct rpc_client *c)
{
	int closed = 0;

	rpc_client_close(c, echo_count_call, &closed);
	turn_until(e->loop, closed > 0);
}

/* Says `text` and returns the code; *err tells more. */
static inline int echo_say_wait(struct rpc_client *c, unsigned call, const char *text,
                                struct err *err)
{
	char copy[64];
	pv_KillSessionRequest request = { copy };
	pv_KillSessionRequest answer = pv_KillSessionRequest_init_zero;
	int rc;

	snprintf(copy, sizeof(copy), "%s", text);
	rc = rpc_unary_wait(c, call, &request, 5000, &answer, err);
	if (rc == 0)
		assert_string_equal(answer.session_id != NULL ? answer.session_id : "", text);
	fields_release(&pv_KillSessionRequest_table, &answer);
	return rc;
}

#endif
