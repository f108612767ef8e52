/* get - one resource of any kind, as its caller may see it. */
#include "authd/access/visible.h"
#include "authd/core/authd.h"
#include "authd/core/resource_secrets.h"
#include "authd/core/resource_store.h"
#include "authd/resources/calls.h"
#include "authd/resources/change.h"

#include "base/err.h"
#include "rpc/server.h"

#include "proto/auth.pb.h"

static int get(struct rpc_call *call, const pv_GetResourceRequest *request, pv_Resource *out,
               struct err *err)
{
	const struct resource_kind *kind;
	struct visible visible;

	if (change_find_kind(request->kind, &kind, err) != 0 ||
	    visible_begin(&visible, call, kind, request->with_secrets, false, err) != 0 ||
	    resource_load(authd_of(call), kind, request->sub_kind,
	                  request->name != NULL ? request->name : "", out, err) != 0)
		return err->code;
	if (visible_check(&visible, out)) {
		if (request->with_secrets && resource_secrets_add(authd_of(call), out, err) != 0)
			return err->code;
		return 0;
	}
	resource_deinit(out);
	/* Whoever may not see it learns nothing, not even that it is there. */
	return err_set(err, ERR_NOT_FOUND, "no such %s '%s'", kind->name, request->name);
}

void handle_get_resource(struct rpc_call *call)
{
	pv_Resource r = pv_Resource_init_zero;
	struct err err;

	if (get(call, rpc_call_request(call), &r, &err) == 0)
		rpc_call_reply(call, &r);
	else
		rpc_call_fail(call, &err);
	resource_deinit(&r);
}
