#include "authd/access/changes.h"

#include "authd/access/caller.h"
#include "authd/access/locks.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "model/lock.h"
#include "model/resource.h"
#include "model/role_cache.h"
#include "rpc/server.h"
#include "store/keyspace.h"

#include <stdlib.h>
#include <string.h>

#define ROLES "/roles/"
#define LOCKS "/locks/"
#define USERS "/users/"

/* As many roles as have changed are remembered one by one; beyond that all count as changed. */
#define ROLES_MAX 10000

struct changes {
	struct authd *authd;
	struct keyspace_watch *watch;
	uintptr_t generation; /* of the newest change of a role */
	uintptr_t all;        /* of the newest that may have been one of any role */
	struct map *roles;    /* name -> generation of its newest change */
};

/* --- roles ----------------------------------------------------------------------------------- */

static void all_roles_changed(struct changes *c)
{
	const char *name;
	size_t at = 0;

	while (map_next(c->roles, &at, &name) != NULL)
		map_remove(c->roles, name);
	c->all = ++c->generation;
	role_cache_forget(c->authd->role_sets);
}

static void role_changed(struct changes *c, const char *name)
{
	if (map_count(c->roles) >= ROLES_MAX ||
	    map_put(c->roles, name, (void *)(c->generation + 1), NULL) != 0) {
		all_roles_changed(c);
		return;
	}
	c->generation++;
	role_cache_forget(c->authd->role_sets);
}

uintptr_t changes_roles_generation(const struct changes *c, char *const *roles, size_t count)
{
	uintptr_t newest = c->all;

	for (size_t i = 0; i < count; i++) {
		uintptr_t changed = (uintptr_t)map_get(c->roles, roles[i]);

		if (changed > newest)
			newest = changed;
	}
	return newest;
}

/* --- connections that a change concerns ------------------------------------------------------ */

struct closing {
	const pv_Lock *lock;
	const char *user; /* who was removed */
	int64_t now;
};

static bool is_locked(struct rpc_conn *conn, void *arg)
{
	struct closing *closing = arg;
	struct lock_subject subject;
	struct err ignored;

	return locks_subject(caller_of_conn(conn), &subject) &&
	       lock_check(closing->lock, &subject, closing->now, &ignored) != 0;
}

static bool is_user(struct rpc_conn *conn, void *arg)
{
	struct closing *closing = arg;
	const struct peer *peer = caller_of_conn(conn);

	return peer->kind == PEER_USER && str_eq(peer->identity.user, closing->user);
}

static bool is_host(struct rpc_conn *conn, void *arg)
{
	const struct peer *peer = caller_of_conn(conn);

	return peer->kind == PEER_HOST && str_eq(peer->identity.host_id, arg);
}

void changes_host_removed(struct changes *c, const char *host_id)
{
	rpc_server_close_matching(c->authd->server, is_host, (void *)(uintptr_t)host_id);
}

static void on_lock(struct changes *c, const struct keyspace_event *event)
{
	struct closing closing = { .now = authd_now(c->authd) };
	pv_Resource r = pv_Resource_init_zero;
	struct err err;

	if (event->type != KEYSPACE_EVENT_PUT)
		return;
	if (resource_of_item(&event->item, &r, &err) != 0) {
		log_error("lock not understood", kv("key", event->item.key), kv("error", err.msg));
		return;
	}
	closing.lock = &r.of.lock;
	rpc_server_close_matching(c->authd->server, is_locked, &closing);
	resource_deinit(&r);
}

static void on_user(struct changes *c, const struct keyspace_event *event)
{
	struct closing closing = { .user = event->item.key + sizeof(USERS) - 1 };

	if (event->type == KEYSPACE_EVENT_DELETE)
		rpc_server_close_matching(c->authd->server, is_user, &closing);
}

static void on_event(struct changes *c, const struct keyspace_event *event)
{
	if (event->type == KEYSPACE_EVENT_INIT)
		return;
	if (str_starts(event->item.key, ROLES))
		role_changed(c, event->item.key + strlen(ROLES));
	else if (str_starts(event->item.key, LOCKS))
		on_lock(c, event);
	else if (str_starts(event->item.key, USERS))
		on_user(c, event);
}

/* --- the watch ------------------------------------------------------------------------------- */

static bool is_locked_now(struct rpc_conn *conn, void *arg)
{
	struct changes *c = arg;
	struct err ignored;

	return locks_check_peer(c->authd, caller_of_conn(conn), &ignored) != 0;
}

static int start_watch(struct changes *c, struct err *err);

/* Events were missed: whatever they were, judge everything as it is now. */
static void restart(struct changes *c, const struct err *why)
{
	struct err err;

	log_warn("own watch restarted", kv("error", why->msg));
	keyspace_watch_close(c->watch);
	c->watch = NULL;
	all_roles_changed(c);
	rpc_server_close_matching(c->authd->server, is_locked_now, c);
	if (start_watch(c, &err) != 0)
		log_error("own watch not restarted", kv("error", err.msg));
}

static void on_ready(void *arg)
{
	const struct keyspace_event *event;
	struct changes *c = arg;
	struct err err;
	int rc;

	while ((rc = keyspace_watch_next(c->watch, &event, &err)) == 0 && event != NULL)
		on_event(c, event);
	if (rc != 0 && rc != ERR_UNAVAILABLE)
		restart(c, &err);
}

static int start_watch(struct changes *c, struct err *err)
{
	static const char *const prefixes[] = { ROLES, LOCKS, USERS };
	const struct keyspace_watch_options options = {
		.prefixes = prefixes,
		.prefix_count = 3,
		.queue = 16384,
		.ready = on_ready,
		.arg = c,
	};

	return keyspace_watch_open(c->authd->keyspace, &options, &c->watch, err);
}

int changes_open(struct authd *a, struct changes **out, struct err *err)
{
	struct changes *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set_nomem(err);
	c->authd = a;
	c->roles = map_new();
	if (c->roles == NULL)
		err_set_nomem(err);
	if (c->roles == NULL || start_watch(c, err) != 0) {
		map_free(c->roles);
		free(c);
		return err->code;
	}
	*out = c;
	return 0;
}

void changes_close(struct changes *c)
{
	if (c == NULL)
		return;
	keyspace_watch_close(c->watch);
	map_free(c->roles);
	free(c);
}
