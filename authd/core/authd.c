#include "authd/core/authd.h"

#include "base/clock.h"
#include "rpc/server.h"

struct authd *authd_of(const struct rpc_call *call)
{
	return rpc_call_server_ctx(call);
}

int64_t authd_now(const struct authd *a)
{
	return clock_wall_ms(a->clock);
}
