/*
 * put - resources of any kind as administrators give them, one or many in one write.
 *
 * Everything is checked before anything is written: rights, form, what is referred to, what is
 * there already. What is there and the same stays untouched. The daemons' own kinds can be put
 * only as they are, so that whatever was shown can be given back.
 */
#include "authd/access/access.h"
#include "authd/core/authd.h"
#include "authd/core/resource_secrets.h"
#include "authd/core/resource_store.h"
#include "authd/people/users.h"
#include "authd/resources/belongings.h"
#include "authd/resources/calls.h"
#include "authd/resources/change.h"
#include "authd/resources/trusting.h"

#include "base/err.h"
#include "base/str.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>

/* --- what only authd says -------------------------------------------------------------------- */

/* A record goes when what it says has run out. */
static void expire_with(pv_Resource *r, int64_t expires)
{
	if (expires != 0)
		resource_metadata(r)->expires = expires;
}

/* Who made a lock and when is ours to say. */
static int stamp_lock(const struct change *c, pv_Resource *r, const pv_Resource *old,
                      struct err *err)
{
	pv_LockSpec *spec = &r->of.lock.spec;
	const char *by = c->user;

	expire_with(r, spec->expires);
	spec->created_at = authd_now(c->authd);
	if (old != NULL) {
		spec->created_at = old->of.lock.spec.created_at;
		by = old->of.lock.spec.created_by;
	}
	return fields_set_str(&spec->created_by, by, err);
}

/* A user's maker, and what failed logins have led to. */
static int stamp_user(const struct change *c, pv_Resource *r, const pv_Resource *old,
                      struct err *err)
{
	pv_UserSpec *spec = &r->of.user.spec;

	expire_with(r, spec->expires);
	fields_release(&pv_CreatedBy_table, &spec->created_by);
	fields_release(&pv_UserStatus_table, &spec->status);
	spec->has_created_by = true;
	spec->has_status = old != NULL && old->of.user.spec.has_status;
	if (old != NULL) {
		if (fields_clone(&pv_UserStatus_table, &old->of.user.spec.status, &spec->status,
		                 err) != 0)
			return err->code;
		return fields_clone(&pv_CreatedBy_table, &old->of.user.spec.created_by,
		                    &spec->created_by, err);
	}
	spec->created_by.time = authd_now(c->authd);
	spec->created_by.has_user = true;
	return fields_set_str(&spec->created_by.user.name, c->user, err);
}

static int stamp_request(const struct change *c, pv_Resource *r, const pv_Resource *old,
                         struct err *err)
{
	(void)c;
	(void)old;
	(void)err;
	expire_with(r, r->of.access_request.spec.expires);
	return 0;
}

static const struct {
	pb_size_t tag;
	int (*stamp)(const struct change *c, pv_Resource *r, const pv_Resource *old,
	             struct err *err);
} stamps[] = {
	{ pv_Resource_lock_tag, stamp_lock },
	{ pv_Resource_user_tag, stamp_user },
	{ pv_Resource_access_request_tag, stamp_request },
};

static int stamp(const struct change *c, pv_Resource *r, const pv_Resource *old, struct err *err)
{
	for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++)
		if (stamps[i].tag == r->which_of)
			return stamps[i].stamp(c, r, old, err);
	return 0;
}

/* --- may it be? ------------------------------------------------------------------------------ */

/* What is to be may be made, and may come of a change of what is there. */
static int may_put(struct rpc_call *call, const struct resource_kind *kind, const pv_Resource *r,
                   bool replace, struct err *err)
{
	if (change_check_host(call, NULL, err) != 0)
		return err->code;
	if (access_check(call, kind->name, "create", r, err) != 0)
		return err->code;
	return replace ? access_check(call, kind->name, "update", r, err) : 0;
}

/* What is there, if anything, may be changed. */
static int may_replace(struct rpc_call *call, const struct resource_kind *kind,
                       const pv_Resource *old, struct err *err)
{
	return old != NULL ? access_check(call, kind->name, "update", old, err) : 0;
}

/* Roles that come in the same write count as if they were there. */
static bool comes_along(const struct change *c, const char *role)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].kind->tag == pv_Resource_role_tag &&
		    str_eq(resource_name(&c->items[i].resource), role))
			return true;
	return false;
}

static int check_roles(const struct change *c, const pv_User *user, struct err *err)
{
	for (size_t i = 0; i < user->spec.roles_count; i++)
		if (!comes_along(c, user->spec.roles[i]) &&
		    users_check_role(c->authd, user->spec.roles[i], err) != 0)
			return err_wrap(err, "user '%s'", user->metadata.name);
	return 0;
}

/* --- one resource ---------------------------------------------------------------------------- */

/* The revision that the client says it has seen; 0 = none. What is no number is another
 * cluster's, and says nothing about ours. */
static uint64_t seen_revision(const pv_Resource *r)
{
	const char *text = resource_metadata_of(r)->revision;
	struct err ignored;
	int64_t number;

	if (str_empty(text) || str_to_i64(text, 1, INT64_MAX, &number, &ignored) != 0)
		return 0;
	return (uint64_t)number;
}

/* Content alone: revisions differ of themselves, and the life of a host's record is its own. */
static bool is_same(pv_Resource *r, pv_Resource *old, bool with_expiry)
{
	pv_Metadata *a = resource_metadata(r);
	pv_Metadata *b = resource_metadata(old);
	char *revision = a->revision;
	char *old_revision = b->revision;
	int64_t expires = a->expires;
	bool same;

	a->revision = b->revision = NULL;
	if (!with_expiry)
		a->expires = b->expires;
	same = fields_equal(&pv_Resource_table, r, old);
	a->revision = revision;
	b->revision = old_revision;
	a->expires = expires;
	return same;
}

static int exists(const struct change_item *item, struct err *err)
{
	return err_set(err, ERR_EXISTS, "%s '%s' already exists", item->kind->name, item->name);
}

static int conflict(const struct change_item *item, struct err *err)
{
	return err_set(err, ERR_CONFLICT, "%s '%s' has changed meanwhile", item->kind->name,
	               item->name);
}

/* What a put that finds something there comes to. */
static int compare(struct change_item *item, pv_Resource *old, bool replace, bool secrets,
                   struct err *err)
{
	uint64_t seen = seen_revision(&item->resource);

	if (!replace)
		return exists(item, err);
	if (seen != 0 && seen != seen_revision(old))
		return conflict(item, err);
	item->outcome = CHANGE_UPDATED;
	if (!secrets && is_same(&item->resource, old, item->kind->writable)) {
		item->outcome = CHANGE_UNCHANGED;
		return fields_set_str(&resource_metadata(&item->resource)->revision,
		                      resource_metadata(old)->revision, err);
	}
	return 0;
}

static int make_op(struct change *c, struct change_item *item, bool replace, struct err *err)
{
	uint64_t seen = seen_revision(&item->resource);

	if (item->outcome == CHANGE_UNCHANGED)
		return 0;
	if (!item->kind->writable)
		return err_set(err, ERR_DENIED, "a %s is made by its daemon only",
		               item->kind->name);
	if (resource_bytes(c->authd, item->key, &item->resource, &item->bytes, err) != 0)
		return err->code;
	item->op = keyspace_op_put(item->key, item->bytes.data, item->bytes.len,
	                           resource_metadata(&item->resource)->expires);
	if (!replace || item->trust != NULL) {
		item->op.condition = KEYSPACE_IF_ABSENT;
	} else if (seen != 0) {
		item->op.condition = KEYSPACE_IF_REVISION;
		item->op.revision = seen;
	}
	return 0;
}

/* Against what is there under its name; NULL: nothing. */
static int settle(struct change *c, struct change_item *item, pv_Resource *old, bool replace,
                  struct err *err)
{
	bool secrets = false;
	struct err ignored;

	if (old != NULL) /* what was left out there counts as what stands for it */
		(void)resource_validate(old, &ignored);
	else if (replace && seen_revision(&item->resource) != 0)
		return conflict(item, err);
	if (stamp(c, &item->resource, old, err) != 0 ||
	    trusting_prepare(c, item, old, replace, err) != 0 ||
	    resource_secrets_split(c->authd, &item->resource, &item->companions, &secrets, err) !=
	            0)
		return err->code;
	if (old != NULL && compare(item, old, replace, secrets, err) != 0)
		return err->code;
	return make_op(c, item, replace, err);
}

static int take_resource(struct change_item *item, const pv_Resource *r, bool accept_unenforced,
                         struct err *err)
{
	if (fields_clone(&pv_Resource_table, r, &item->resource, err) != 0 ||
	    resource_validate(&item->resource, err) != 0)
		return err->code;
	return accept_unenforced ? 0 : resource_check_enforced(&item->resource, err);
}

/* What is stored under the item's name; ERR_NOT_FOUND: nothing, and *out is not touched. */
static int find_old(struct change *c, struct change_item *item, pv_Resource *out, struct err *err)
{
	if (resource_key_of(item->key, &item->resource, err) != 0)
		return err->code;
	item->name = str_printf("%s", resource_name(&item->resource));
	if (item->name == NULL)
		return err_set_nomem(err);
	return resource_load(c->authd, item->kind, *resource_sub_kind(&item->resource), item->name,
	                     out, err);
}

/* Against what is there, if it may be changed. */
static int meet_old(struct change *c, struct rpc_call *call, struct change_item *item, bool replace,
                    struct err *err)
{
	pv_Resource stored = pv_Resource_init_zero;
	int rc = find_old(c, item, &stored, err);
	pv_Resource *old = rc == 0 ? &stored : NULL;

	if (rc == ERR_NOT_FOUND)
		rc = 0;
	if (rc == 0 && replace)
		rc = may_replace(call, item->kind, old, err);
	if (rc == 0)
		rc = settle(c, item, old, replace, err);
	resource_deinit(&stored);
	return rc;
}

static int prepare(struct change *c, struct rpc_call *call, struct change_item *item, bool replace,
                   struct err *err)
{
	if (item->kind->tag == pv_Resource_user_tag &&
	    check_roles(c, &item->resource.of.user, err) != 0)
		return err->code;
	if (belongings_of_put(c->authd, &item->resource, &item->companions, err) != 0)
		return err->code;
	return meet_old(c, call, item, replace, err);
}

static int check_twice(const struct change *c, size_t at, struct err *err)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(c->items[i].key, c->items[at].key))
			return err_set(err, ERR_INVALID, "%s '%s' is given twice",
			               c->items[at].kind->name, c->items[at].name);
	return 0;
}

/* --- the calls ------------------------------------------------------------------------------- */

struct wish {
	const pv_Resource *resources;
	size_t count;
	bool replace;
	bool accept_unenforced;
};

static int take_all(struct change *c, struct rpc_call *call, const struct wish *w, struct err *err)
{
	for (size_t i = 0; i < c->count; i++) {
		c->items[i].kind = resource_kind_of(&w->resources[i]);
		if (c->items[i].kind == NULL)
			return err_set(err, ERR_INVALID, "there is no resource in the request");
		if (may_put(call, c->items[i].kind, &w->resources[i], w->replace, err) != 0 ||
		    take_resource(&c->items[i], &w->resources[i], w->accept_unenforced, err) != 0)
			return err->code;
	}
	for (size_t i = 0; i < c->count; i++)
		if (prepare(c, call, &c->items[i], w->replace, err) != 0 ||
		    check_twice(c, i, err) != 0)
			return err->code;
	return 0;
}

static void put(struct rpc_call *call, const struct wish *w, change_answer answer)
{
	struct err err;
	struct change *c = change_new(call, w->count, answer, &err);

	if (c != NULL && take_all(c, call, w, &err) == 0 && trusting_start(c, call, &err) == 0)
		return;
	change_free(c);
	rpc_call_fail(call, &err);
}

static void answer_one(struct change *c, const struct err *err)
{
	pending_end(&c->pending, &c->items[0].resource, err);
}

void handle_put_resource(struct rpc_call *call)
{
	const pv_PutResourceRequest *request = rpc_call_request(call);

	put(call,
	    &(struct wish){ &request->resource, 1, request->replace, request->accept_unenforced },
	    answer_one);
}

/* The outcomes are numbered alike. */
_Static_assert((int)CHANGE_UNCHANGED == (int)pv_PutResult_Outcome_UNCHANGED, "outcomes");

static void answer_all(struct change *c, const struct err *err)
{
	pv_PutResourcesResponse answer = pv_PutResourcesResponse_init_zero;

	answer.results = calloc(c->count > 0 ? c->count : 1, sizeof(*answer.results));
	if (answer.results == NULL) {
		struct err nomem;

		err_set_nomem(&nomem);
		pending_end(&c->pending, NULL, &nomem);
		return;
	}
	answer.results_count = (pb_size_t)c->count;
	for (size_t i = 0; i < c->count; i++) {
		answer.results[i].outcome = (pv_PutResult_Outcome)c->items[i].outcome;
		answer.results[i].has_resource = true;
		answer.results[i].resource = c->items[i].resource; /* borrowed */
	}
	pending_end(&c->pending, &answer, err);
	free(answer.results);
}

void handle_put_resources(struct rpc_call *call)
{
	const pv_PutResourcesRequest *request = rpc_call_request(call);

	put(call,
	    &(struct wish){ request->resources, request->resources_count, request->replace,
	                    request->accept_unenforced },
	    answer_all);
}
