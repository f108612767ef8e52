#include "tunnel/relay_request.h"

#include "base/buf.h"
#include "base/err.h"
#include "tunnel/tunnel.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* What is taken keeps its promises, and can be said again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pv_RelayRequest r = pv_RelayRequest_init_zero;
	struct buf again = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	if (relay_request_parse(data, size, &r, &used, &err) != 0 || used == 0)
		return 0;
	assert(used <= size && strlen(r.agent_id) == 36);
	assert(strlen(r.service) > 0 && strlen(r.service) < TUNNEL_SERVICE_SIZE);
	assert(relay_request_append(&r, &again, &err) == 0);
	buf_deinit(&again);
	relay_request_release(&r);
	return 0;
}
