#include "authd/access/locks.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "model/identity.h"
#include "model/lock.h"
#include "model/resource.h"
#include "store/keyspace.h"

struct lock_walk {
	const struct lock_subject *subject;
	int64_t now;
	struct err *err;
};

static int check_lock(void *arg, const struct keyspace_item *item)
{
	struct lock_walk *w = arg;
	pv_Resource r;
	int rc = resource_of_item(item, &r, w->err);

	if (rc != 0)
		return rc;
	rc = r.which_of == pv_Resource_lock_tag ? lock_check(&r.of.lock, w->subject, w->now, w->err)
	                                        : 0;
	resource_deinit(&r);
	return rc;
}

int locks_check(struct authd *a, const struct lock_subject *subject, struct err *err)
{
	const struct keyspace_query locks = { .prefix = "/locks/" };
	struct lock_walk walk = { subject, authd_now(a), err };

	return keyspace_each(a->keyspace, &locks, check_lock, &walk, NULL, err);
}

bool locks_subject(const struct peer *peer, struct lock_subject *out)
{
	*out = (struct lock_subject){
		.user = peer->kind == PEER_USER ? peer->identity.user : NULL,
		.roles = peer->identity.roles,
		.roles_count = peer->identity.roles_count,
		.requests = peer->identity.active_requests,
		.requests_count = peer->identity.active_requests_count,
		.node = peer->identity.host_id,
	};
	return peer->kind == PEER_USER || peer->kind == PEER_HOST || peer->kind == PEER_REMOTE;
}

int locks_check_peer(struct authd *a, const struct peer *peer, struct err *err)
{
	struct lock_subject subject;

	return locks_subject(peer, &subject) ? locks_check(a, &subject, err) : 0;
}
