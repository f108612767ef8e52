/*
 * semaphore_calls - nodes take, renew and give back leases of semaphores.
 */
#include "authd/access/caller.h"
#include "authd/core/authd.h"
#include "authd/hosts/calls.h"
#include "authd/hosts/semaphores.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"
#include "rpc/server.h"

#include "proto/auth.pb.h"

#include <stdio.h>

#define TTL_MS    (2 * 60 * 1000)
#define NAME_SIZE (RESOURCE_NAME_MAX + 16)

/* What of a request names the lease; the only kind is that of SSH connections. */
static int lease_of(const struct rpc_call *call, const char *kind, const char *name, const char *id,
                    char full_name[NAME_SIZE], struct semaphore_lease *out, struct err *err)
{
	if (!str_eq(kind, "connection"))
		return err_set(err, ERR_INVALID, "kind: there is only 'connection'");
	if (name == NULL || resource_check_name(name, err) != 0)
		return err_set(err, ERR_INVALID, "name: not a user");
	if (id == NULL || !resource_is_uuid(id))
		return err_set(err, ERR_INVALID, "lease_id: not a UUID");
	snprintf(full_name, NAME_SIZE, "%s/%s", kind, name);
	*out = (struct semaphore_lease){ full_name, id, caller_of(call)->identity.host_id };
	return 0;
}

void handle_acquire_semaphore(struct rpc_call *call)
{
	const pv_AcquireSemaphoreRequest *in = rpc_call_request(call);
	const pv_AcquireSemaphoreResponse answer = { .ttl = TTL_MS };
	struct authd *a = authd_of(call);
	struct semaphore_lease lease;
	char name[NAME_SIZE];
	struct err err;
	int rc = lease_of(call, in->kind, in->name, in->lease_id, name, &lease, &err);

	if (rc == 0 && in->max_leases <= 0)
		rc = err_set(&err, ERR_INVALID, "max_leases: below 1");
	if (rc == 0)
		rc = semaphores_acquire(a->semaphores, &lease, in->max_leases, in->held, TTL_MS,
		                        clock_mono_ms(a->clock), &err);
	if (rc == 0)
		rpc_call_reply(call, &answer);
	else
		rpc_call_fail(call, &err);
}

void handle_release_semaphore(struct rpc_call *call)
{
	const pv_ReleaseSemaphoreRequest *in = rpc_call_request(call);
	const pv_Empty nothing = pv_Empty_init_zero;
	struct semaphore_lease lease;
	char name[NAME_SIZE];
	struct err err;

	if (lease_of(call, in->kind, in->name, in->lease_id, name, &lease, &err) != 0) {
		rpc_call_fail(call, &err);
		return;
	}
	semaphores_release(authd_of(call)->semaphores, &lease);
	rpc_call_reply(call, &nothing);
}
