/* delete - one resource of any kind; settings go back to what they were at first. */
#include "authd/access/access.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/core/secrets.h"
#include "authd/core/settings.h"
#include "authd/resources/belongings.h"
#include "authd/resources/calls.h"
#include "authd/resources/change.h"

#include "base/err.h"
#include "base/str.h"
#include "rpc/server.h"

#include "proto/auth.pb.h"

#include <stdbool.h>
#include <stdlib.h>

struct role_search {
	const char *role;
	char *user; /* one who has it */
};

static int find_user_with_role(void *arg, const struct keyspace_item *item)
{
	struct role_search *search = arg;
	pv_Resource r = pv_Resource_init_zero;
	struct err ignored;
	const pv_User *user = &r.of.user;

	if (resource_of_item(item, &r, &ignored) != 0)
		return 0;
	for (size_t i = 0; i < user->spec.roles_count && search->user == NULL; i++)
		if (str_eq(user->spec.roles[i], search->role))
			search->user = str_printf("%s", user->metadata.name);
	resource_deinit(&r);
	return search->user != NULL;
}

/* A user whose role is gone could not log in any more: the users go, or change, first. */
static int check_role_unused(struct authd *a, const char *role, struct err *err)
{
	struct keyspace_query users = { .prefix = "/users/" };
	struct role_search search = { .role = role };

	if (keyspace_each(a->keyspace, &users, find_user_with_role, &search, NULL, err) == 0)
		return 0;
	if (search.user == NULL)
		return err->code;
	err_set(err, ERR_CONFLICT, "role '%s' is in use by user '%s'", role, search.user);
	free(search.user);
	return err->code;
}

/* Conditions of rules look at what is stored now. */
static int check_stored(struct rpc_call *call, const struct resource_kind *kind,
                        const char *sub_kind, const char *name, const char *verb, struct err *err)
{
	pv_Resource stored = pv_Resource_init_zero;
	struct err ignored;
	bool found = resource_load(authd_of(call), kind, sub_kind, name, &stored, &ignored) == 0;
	int rc = access_check(call, kind->name, verb, found ? &stored : NULL, err);

	resource_deinit(&stored);
	return rc;
}

static int may_delete(struct rpc_call *call, const struct resource_kind *kind, const char *sub_kind,
                      const char *name, struct err *err)
{
	if (kind->tag == pv_Resource_cert_authority_tag || kind->tag == pv_Resource_session_tag ||
	    kind->tag == pv_Resource_cluster_name_tag)
		return err_set(err, ERR_DENIED, "a %s is never removed", kind->name);
	if (change_check_host(call, name, err) != 0)
		return err->code;
	if (check_stored(call, kind, sub_kind, name, "delete", err) != 0)
		return err->code;
	if (kind->tag == pv_Resource_role_tag)
		return check_role_unused(authd_of(call), name, err);
	return 0;
}

/* What there is always one of is as it was at first, instead of gone. */
static int prepare_reset(struct change_item *item, struct err *err)
{
	if (settings_default(item->kind, &item->resource, err) != 0 ||
	    resource_key_of(item->key, &item->resource, err) != 0 ||
	    resource_encode(&item->resource, &item->bytes, err) != 0)
		return err->code;
	item->outcome = CHANGE_UPDATED;
	item->op = keyspace_op_put(item->key, item->bytes.data, item->bytes.len, 0);
	item->name = str_printf("%s", item->kind->singleton);
	return item->name != NULL ? 0 : err_set_nomem(err);
}

/* Of a host that has joined and may come back, whether it has a record now or not. */
static bool has_joined(struct authd *a, const struct change_item *item)
{
	char key[SECRETS_KEY_SIZE];
	struct keyspace_item joined;
	struct err ignored;

	if (!resource_kind_is_host(item->kind))
		return false;
	if (keyspace_get(a->keyspace, secrets_host_key(key, item->name), &joined, &ignored) != 0)
		return false;
	keyspace_item_deinit(&joined);
	return true;
}

static int prepare_delete(struct authd *a, struct change_item *item,
                          const pv_DeleteResourceRequest *request, struct err *err)
{
	if (item->kind->singleton != NULL)
		return prepare_reset(item, err);
	if (belongings_of_delete(a, item->kind, request->name, &item->companions, &item->name,
	                         err) != 0 ||
	    resource_key(item->key, item->kind, request->sub_kind, item->name, err) != 0)
		return err->code;
	item->outcome = CHANGE_DELETED;
	item->op = keyspace_op_delete(item->key);
	if (has_joined(a, item)) /* it may be silent, and its record gone */
		item->op.condition = KEYSPACE_IF_ANY;
	return 0;
}

static void answer(struct change *c, const struct err *err)
{
	pending_end(&c->pending, &(pv_Empty){ 0 }, err);
}

static int delete (struct rpc_call *call, const pv_DeleteResourceRequest *request, struct err *err)
{
	const struct resource_kind *kind;
	struct change *c;

	if (change_find_kind(request->kind, &kind, err) != 0)
		return err->code;
	if (str_empty(request->name))
		return err_set(err, ERR_INVALID, "which %s?", kind->name);
	if (may_delete(call, kind, request->sub_kind, request->name, err) != 0)
		return err->code;
	c = change_new(call, 1, answer, err);
	if (c == NULL)
		return err->code;
	c->items[0].kind = kind;
	if (prepare_delete(c->authd, &c->items[0], request, err) == 0 &&
	    change_start(c, call, err) == 0)
		return 0;
	change_free(c);
	return err->code;
}

void handle_delete_resource(struct rpc_call *call)
{
	struct err err;

	if (delete (call, rpc_call_request(call), &err) != 0)
		rpc_call_fail(call, &err);
}
