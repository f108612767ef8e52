/*
 * keep_alive - hosts say that they are still there, each on one long stream.
 *
 * The end of a stream means nothing: a host that is gone is known by its silence.
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/hosts/calls.h"
#include "authd/hosts/host_record.h"
#include "authd/hosts/presence.h"

#include "base/err.h"
#include "rpc/server.h"

#include "proto/auth.pb.h"

static int answer(struct rpc_call *call, const pv_KeepAliveRequest *request, struct err *err)
{
	pv_KeepAliveResponse response = pv_KeepAliveResponse_init_zero;
	char key[RESOURCE_KEY_SIZE];

	if (host_record_key(caller_of(call), request->name, key, NULL, err) != 0)
		return err->code;
	if (!rpc_call_writable(call))
		return err_set(err, ERR_LIMIT, "answers to keep-alives are not being read");
	response.known = presence_keep(authd_of(call)->presence, key, &response.ttl);
	return rpc_call_send(call, &response, err);
}

static void on_message(struct rpc_call *call, const void *message)
{
	struct err err;

	if (answer(call, message, &err) != 0)
		rpc_call_fail(call, &err);
}

void handle_keep_alive(struct rpc_call *call)
{
	static const struct rpc_call_events events = {
		.message = on_message,
		.end = rpc_call_finish,
	};

	rpc_call_set_events(call, &events, NULL);
	rpc_call_set_endless(call);
}
