/*
 * resources - get, put and delete one resource of any kind.
 *
 * A put or delete is one write to the keyspace, companions included, then one audit event, then
 * the answer; the change goes on when the client is gone.
 */
#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/access/changes.h"
#include "authd/access/visible.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/people/users.h"
#include "authd/resources/belongings.h"
#include "authd/resources/calls.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int find_kind(const char *name, const struct resource_kind **out, struct err *err)
{
	*out = resource_kind_find(name != NULL ? name : "");
	if (*out != NULL)
		return 0;
	return err_set(err, ERR_INVALID, "no such kind '%s'", name != NULL ? name : "");
}

/* --- get ------------------------------------------------------------------------------------- */

static int get(struct rpc_call *call, const pv_GetResourceRequest *request, pv_Resource *out,
               struct err *err)
{
	const struct resource_kind *kind;
	struct visible visible;

	if (find_kind(request->kind, &kind, err) != 0 ||
	    visible_begin(&visible, call, kind, request->with_secrets, false, err) != 0 ||
	    resource_load(authd_of(call), kind, request->sub_kind,
	                  request->name != NULL ? request->name : "", out, err) != 0)
		return err->code;
	if (visible_check(&visible, out))
		return 0;
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

/* --- a change: put or delete ----------------------------------------------------------------- */

struct change {
	struct pending pending;
	struct authd *authd;
	const struct resource_kind *kind;
	bool deletes;
	bool existed;
	pv_Resource resource; /* put: as it will be answered */
	char *name;
	char key[RESOURCE_KEY_SIZE];
	struct companions companions;
	struct buf bytes;
	char user[PEER_NAME_SIZE]; /* who asked, for the audit event */
	char addr[sizeof(((struct peer *)NULL)->addr)];
};

static struct change *change_new(struct rpc_call *call, struct err *err)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	c->authd = authd_of(call);
	peer_name(caller_of(call), c->user, sizeof(c->user));
	str_copy(c->addr, sizeof(c->addr), caller_of(call)->addr);
	return c;
}

static void change_free(struct change *c)
{
	resource_deinit(&c->resource);
	companions_deinit(&c->companions);
	buf_wipe(&c->bytes);
	free(c->name);
	free(c);
}

/* Which event tells of a change of a kind; kinds without a row have none. */
static const struct {
	pb_size_t tag;
	enum audit_kind created;
	enum audit_kind updated;
	enum audit_kind deleted;
} audited[] = {
	{ pv_Resource_role_tag, AUDIT_ROLE_CREATED, AUDIT_ROLE_UPDATED, AUDIT_ROLE_DELETED },
	{ pv_Resource_user_tag, AUDIT_USER_CREATE, AUDIT_USER_UPDATE, AUDIT_USER_DELETE },
	{ pv_Resource_lock_tag, AUDIT_LOCK_CREATED, AUDIT_LOCK_CREATED, AUDIT_LOCK_DELETED },
	{ pv_Resource_token_tag, AUDIT_JOIN_TOKEN_CREATE, AUDIT_JOIN_TOKEN_CREATE, AUDIT_KINDS },
};

static enum audit_kind audit_kind_of(const struct change *c)
{
	for (size_t i = 0; i < sizeof(audited) / sizeof(*audited); i++) {
		if (audited[i].tag != c->kind->tag)
			continue;
		if (c->deletes)
			return audited[i].deleted;
		return c->existed ? audited[i].updated : audited[i].created;
	}
	return AUDIT_KINDS;
}

static void report(struct change *c)
{
	enum audit_kind kind = audit_kind_of(c);
	struct audit_event event;

	if (kind == AUDIT_KINDS)
		return;
	audit_event_init(&event, kind, true, authd_now(c->authd));
	event.pb.user = c->user;
	event.pb.addr_remote = c->addr;
	event.pb.name = c->name;
	if (!c->deletes) {
		event.pb.expires = resource_metadata(&c->resource)->expires;
		if (c->kind->tag == pv_Resource_user_tag) {
			event.pb.roles = c->resource.of.user.spec.roles;
			event.pb.roles_count = c->resource.of.user.spec.roles_count;
		}
	}
	audit_log_report(c->authd, &event);
}

static int set_revision(struct change *c, uint64_t revision, struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, revision);
	return fields_set_str(&resource_metadata(&c->resource)->revision, text, err);
}

/* What the client knows it by, instead of its key. */
static void say_what(const struct change *c, const struct err *from, struct err *out)
{
	static const struct {
		int code;
		const char *what;
	} sentences[] = {
		{ ERR_EXISTS, "exists already" },
		{ ERR_NOT_FOUND, "does not exist" },
		{ ERR_CONFLICT, "has changed meanwhile" },
	};

	err_copy(out, from);
	for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
		if (from->code == sentences[i].code)
			err_set(out, from->code, "%s '%s' %s", c->kind->name, c->name,
			        sentences[i].what);
}

static bool is_host_record(const struct resource_kind *kind)
{
	return kind->tag == pv_Resource_node_tag || kind->tag == pv_Resource_proxy_tag;
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	const pv_Empty nothing = pv_Empty_init_zero;
	struct change *c = arg;
	struct err failure = { 0 };

	if (err != NULL) {
		say_what(c, err, &failure);
	} else {
		report(c);
		if (!c->deletes)
			set_revision(c, revision, &failure);
	}
	pending_end(&c->pending, c->deletes ? (const void *)&nothing : &c->resource,
	            failure.code != 0 ? &failure : NULL);
	if (err == NULL && c->deletes && is_host_record(c->kind))
		changes_host_removed(c->authd->changes, c->name);
	change_free(c);
}

/* The resource's own operation and its companions', as one write. */
static int write_change(struct change *c, struct keyspace_op own, struct err *err)
{
	struct keyspace_op ops[1 + COMPANIONS_MAX] = { own };

	for (size_t i = 0; i < c->companions.count; i++)
		ops[1 + i] = c->companions.ops[i];
	return keyspace_write(c->authd->keyspace, ops, 1 + c->companions.count, on_written, c, err);
}

/* --- put ------------------------------------------------------------------------------------- */

/* Hosts have calls of their own for what they may write; here they only take their own leave. */
static int check_host(const struct rpc_call *call, const char *deleted, struct err *err)
{
	const struct peer *peer = caller_of(call);

	if (peer->kind != PEER_HOST || str_eq(deleted, peer->identity.host_id))
		return 0;
	return err_set(err, ERR_DENIED, "host '%s' may not change the resources of others",
	               peer->identity.host_id);
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

/* One that is there must be allowed to be changed into what it is to be; one that is not, too. */
static int may_replace(struct rpc_call *call, const struct resource_kind *kind,
                       const pv_Resource *r, struct err *err)
{
	pv_Resource stored = pv_Resource_init_zero;
	struct err ignored;
	int rc = access_check(call, kind->name, "update", r, err);

	if (rc == 0 && resource_load(authd_of(call), kind, resource_sub_kind_of(r),
	                             resource_name(r), &stored, &ignored) == 0)
		rc = access_check(call, kind->name, "update", &stored, err);
	resource_deinit(&stored);
	return rc;
}

static int may_put(struct rpc_call *call, const struct resource_kind *kind, const pv_Resource *r,
                   bool replace, struct err *err)
{
	if (!kind->writable)
		return err_set(err, ERR_DENIED, "a %s is made by its daemon only", kind->name);
	if (check_host(call, NULL, err) != 0)
		return err->code;
	if (access_check(call, kind->name, "create", r, err) != 0)
		return err->code;
	return replace ? may_replace(call, kind, r, err) : 0;
}

/* The revision that the client says it has seen; 0 = none. */
static int seen_revision(const pv_Resource *r, uint64_t *out, struct err *err)
{
	pv_Resource *resource = (pv_Resource *)(uintptr_t)r;
	const char *text = resource_metadata(resource)->revision;
	int64_t number = 0;

	if (!str_empty(text) && str_to_i64(text, 1, INT64_MAX, &number, err) != 0)
		return err_wrap(err, "metadata.revision");
	*out = (uint64_t)number;
	return 0;
}

static int put_op(struct change *c, bool replace, struct keyspace_op *out, struct err *err)
{
	int64_t expires = resource_metadata(&c->resource)->expires;
	struct keyspace_item old = { 0 };
	struct err ignored;
	uint64_t seen = 0;

	if (seen_revision(&c->resource, &seen, err) != 0 ||
	    resource_bytes(c->authd, c->key, &c->resource, &c->bytes, err) != 0)
		return err->code;
	c->existed = keyspace_get(c->authd->keyspace, c->key, &old, &ignored) == 0;
	keyspace_item_deinit(&old);
	*out = keyspace_op_put(c->key, c->bytes.data, c->bytes.len, expires);
	if (!replace) {
		out->condition = KEYSPACE_IF_ABSENT;
	} else if (seen != 0) {
		out->condition = KEYSPACE_IF_REVISION;
		out->revision = seen;
	}
	return 0;
}

/* Who made a lock and when is ours to say; the record goes when the lock has run out. */
static int stamp_lock(struct change *c, pv_Lock *lock, struct err *err)
{
	pv_Metadata *meta = resource_metadata(&c->resource);

	if (meta->expires == 0)
		meta->expires = lock->spec.expires;
	lock->has_spec = true;
	lock->spec.created_at = authd_now(c->authd);
	return fields_set_str(&lock->spec.created_by, c->user, err);
}

/* Everything up to the write. */
static int prepare_put(struct change *c, const pv_PutResourceRequest *request,
                       struct keyspace_op *out, struct err *err)
{
	if (fields_clone(&pv_Resource_table, &request->resource, &c->resource, err) != 0 ||
	    resource_validate(&c->resource, err) != 0)
		return err->code;
	if (c->kind->tag == pv_Resource_user_tag &&
	    users_check_roles(c->authd, &c->resource.of.user, err) != 0)
		return err->code;
	if (c->kind->tag == pv_Resource_lock_tag && stamp_lock(c, &c->resource.of.lock, err) != 0)
		return err->code;
	if (belongings_of_put(c->authd, &c->resource, &c->companions, err) != 0 ||
	    resource_key_of(c->key, &c->resource, err) != 0)
		return err->code;
	c->name = str_printf("%s", resource_name(&c->resource));
	if (c->name == NULL)
		return err_set_nomem(err);
	return put_op(c, request->replace, out, err);
}

static int put(struct rpc_call *call, const pv_PutResourceRequest *request, struct err *err)
{
	const struct resource_kind *kind = resource_kind_of(&request->resource);
	struct keyspace_op op;
	struct change *c;

	if (kind == NULL)
		return err_set(err, ERR_INVALID, "there is no resource in the request");
	if (may_put(call, kind, &request->resource, request->replace, err) != 0)
		return err->code;
	c = change_new(call, err);
	if (c == NULL)
		return err->code;
	c->kind = kind;
	if (prepare_put(c, request, &op, err) != 0 || write_change(c, op, err) != 0) {
		change_free(c);
		return err->code;
	}
	pending_begin(&c->pending, call);
	return 0;
}

void handle_put_resource(struct rpc_call *call)
{
	struct err err;

	if (put(call, rpc_call_request(call), &err) != 0)
		rpc_call_fail(call, &err);
}

/* --- delete ---------------------------------------------------------------------------------- */

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

static int may_delete(struct rpc_call *call, const struct resource_kind *kind, const char *sub_kind,
                      const char *name, struct err *err)
{
	if (kind->tag == pv_Resource_cert_authority_tag || kind->tag == pv_Resource_session_tag)
		return err_set(err, ERR_DENIED, "a %s is never removed", kind->name);
	if (check_host(call, name, err) != 0)
		return err->code;
	if (check_stored(call, kind, sub_kind, name, "delete", err) != 0)
		return err->code;
	if (kind->tag == pv_Resource_role_tag)
		return check_role_unused(authd_of(call), name, err);
	return 0;
}

static int prepare_delete(struct change *c, const pv_DeleteResourceRequest *request,
                          struct err *err)
{
	if (belongings_of_delete(c->authd, c->kind, request->name, &c->companions, &c->name, err) !=
	    0)
		return err->code;
	return resource_key(c->key, c->kind, request->sub_kind, c->name, err);
}

static int delete (struct rpc_call *call, const pv_DeleteResourceRequest *request, struct err *err)
{
	const struct resource_kind *kind;
	struct change *c;

	if (find_kind(request->kind, &kind, err) != 0)
		return err->code;
	if (str_empty(request->name))
		return err_set(err, ERR_INVALID, "which %s?", kind->name);
	if (may_delete(call, kind, request->sub_kind, request->name, err) != 0)
		return err->code;
	c = change_new(call, err);
	if (c == NULL)
		return err->code;
	c->kind = kind;
	c->deletes = true;
	if (prepare_delete(c, request, err) != 0 ||
	    write_change(c, keyspace_op_delete(c->key), err) != 0) {
		change_free(c);
		return err->code;
	}
	pending_begin(&c->pending, call);
	return 0;
}

void handle_delete_resource(struct rpc_call *call)
{
	struct err err;

	if (delete (call, rpc_call_request(call), &err) != 0)
		rpc_call_fail(call, &err);
}
