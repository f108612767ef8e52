#include "rpc/client.h"

#include "base/err.h"
#include "rpc/client_inside.h"
#include "wire/fields.h"

#include <stdlib.h>
#include <uv.h>

#define UNARY_MS 60000

struct unary {
	rpc_unary_cb cb;
	void *ctx;
	const void *response; /* the stream's */
};

static void on_message(struct rpc_stream *s, const void *message)
{
	struct unary *u = rpc_stream_data(s);

	u->response = message;
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct unary *u = rpc_stream_data(s);

	u->cb(u->ctx, u->response, err);
	free(u);
}

int rpc_unary_start(struct rpc_client *c, unsigned call, const void *request, unsigned timeout_ms,
                    rpc_unary_cb cb, void *ctx, struct rpc_stream **out_stream, struct err *err)
{
	static const struct rpc_stream_events events = { .message = on_message,
		                                         .closed = on_closed };
	struct unary *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return err_set_nomem(err);
	u->cb = cb;
	u->ctx = ctx;
	rc = rpc_stream_start(c, call, request, timeout_ms != 0 ? timeout_ms : UNARY_MS, &events, u,
	                      out_stream, err);
	if (rc != 0)
		free(u);
	return rc;
}

struct wait {
	const struct fields_table *table;
	void *out;
	struct err *err;
	int rc;
	bool done;
};

static void on_answer(void *ctx, const void *response, const struct err *err)
{
	struct wait *w = ctx;

	w->done = true;
	if (err != NULL)
		w->rc = err_copy(w->err, err);
	else if (w->out != NULL)
		w->rc = fields_clone(w->table, response, w->out, w->err);
}

int rpc_unary_wait(struct rpc_client *c, unsigned call, const void *request, unsigned timeout_ms,
                   void *out_response, struct err *err)
{
	struct wait w = { c->conf.service->calls[call].response, out_response, err, 0, false };
	uv_loop_t *loop = c->conf.loop;
	int rc;

	rc = rpc_unary_start(c, call, request, timeout_ms, on_answer, &w, NULL, err);
	while (rc == 0 && !w.done)
		uv_run(loop, UV_RUN_ONCE);
	return rc != 0 ? rc : w.rc;
}
