/* ping - who this is, what time it is here, which pins its authorities have, and
 * whether a login needs a code. */
#include "authd/core/authd.h"
#include "authd/methods.h"
#include "authd/people/mfa.h"

#include "base/err.h"
#include "base/strlist.h"
#include "rpc/server.h"
#include "store/keyspace.h"

#include "proto/auth.pb.h"

void handle_ping(struct rpc_call *call)
{
	struct authd *a = authd_of(call);
	struct strlist pins = { 0 };
	enum mfa_policy policy;
	struct err err;

	if (mfa_policy(a, &policy, &err) != 0 ||
	    authorities_pins(&a->authorities, &pins, &err) != 0) {
		rpc_call_fail(call, &err);
	} else {
		const pv_PingResponse response = {
			.cluster_name = a->conf.cluster_name,
			.version = (char *)(uintptr_t)POSTERN_VERSION,
			.time = authd_now(a),
			.ca_pins = pins.items,
			.ca_pins_count = (pb_size_t)pins.count,
			.revision = (int64_t)keyspace_revision(a->keyspace),
			.second_factor = (char *)(uintptr_t)mfa_policy_name(policy),
		};

		rpc_call_reply(call, &response);
	}
	strlist_deinit(&pins);
}
