/*
 * update_authorities - UpdateAuthorities: a leaf tells of its authorities, as they are in each
 * phase of a rotation. Only its authd may, and only of what stands here for it already.
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/trust/calls.h"
#include "authd/trust/remote_keys.h"

#include "base/err.h"
#include "base/str.h"
#include "model/trust.h"
#include "rpc/server.h"

#include "proto/auth.pb.h"

#include <stdlib.h>

struct update {
	struct pending pending;
};

static void finish(struct update *u, const struct err *err)
{
	pending_end(&u->pending, &(pv_Empty){ 0 }, err);
	free(u);
}

static void on_kept(void *owner, const struct err *err)
{
	finish(owner, err);
}

static int start(struct update *u, struct rpc_call *call, bool *out_news, struct err *err)
{
	const pv_UpdateAuthoritiesRequest *in = rpc_call_request(call);
	const pv_Identity *id = &caller_of(call)->identity;

	if (!str_eq(id->system_role, TRUST_LEAF))
		return err_set(err, ERR_DENIED, "this call is for the authd of a leaf");
	return remote_keys_take(authd_of(call), id->cluster, in->authorities, in->authorities_count,
	                        on_kept, u, out_news, err);
}

void handle_update_authorities(struct rpc_call *call)
{
	struct update *u = calloc(1, sizeof(*u));
	bool news = false;
	struct err err;
	int rc;

	if (u == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	pending_begin(&u->pending, call);
	rc = start(u, call, &news, &err);
	if (rc != 0 || !news)
		finish(u, rc != 0 ? &err : NULL);
}
