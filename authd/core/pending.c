#include "authd/core/pending.h"

#include "rpc/server.h"

static void on_canceled(struct rpc_call *call)
{
	struct pending *p = rpc_call_data(call);

	p->call = NULL;
}

void pending_begin(struct pending *p, struct rpc_call *call)
{
	static const struct rpc_call_events events = { .canceled = on_canceled };

	p->call = call;
	rpc_call_set_events(call, &events, p);
}

void pending_end(struct pending *p, const void *response, const struct err *err)
{
	struct rpc_call *call = p->call;

	if (call == NULL)
		return;
	p->call = NULL;
	if (err != NULL)
		rpc_call_fail(call, err);
	else
		rpc_call_reply(call, response);
}
