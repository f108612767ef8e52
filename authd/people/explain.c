/*
 * explain - why somebody may use a login on a node, or not: every role's opinion, from the same
 * functions that decide, on the user's record and roles as they are now.
 */
#include "authd/access/access.h"
#include "authd/access/locks.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/people/calls.h"
#include "authd/people/issue.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/identity.h"
#include "model/label.h"
#include "model/lock.h"
#include "model/role.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

/* --- the node -------------------------------------------------------------------------------- */

struct search {
	const char *hostname;
	pv_Resource *found;
	bool twice;
	struct err *err;
};

static int look_at(void *arg, const struct keyspace_item *item)
{
	pv_Resource r = pv_Resource_init_zero;
	struct search *s = arg;

	if (resource_of_item(item, &r, s->err) != 0)
		return s->err->code;
	if (!str_eq(r.of.node.spec.hostname, s->hostname)) {
		resource_deinit(&r);
		return 0;
	}
	s->twice = s->found->which_of != 0;
	resource_deinit(s->found);
	*s->found = r;
	return 0;
}

/* By its UUID or its hostname. */
static int find_node(struct authd *a, const char *name, pv_Resource *out, struct err *err)
{
	const struct keyspace_query nodes = { .prefix = "/nodes/" };
	struct search s = { .hostname = name, .found = out, .err = err };
	int rc;

	if (resource_is_uuid(name))
		return resource_load(a, resource_kind_find("node"), NULL, name, out, err);
	rc = keyspace_each(a->keyspace, &nodes, look_at, &s, NULL, err);
	if (rc == 0 && s.twice)
		return err_set(err, ERR_CONFLICT,
		               "several nodes are called '%s': name one by its UUID", name);
	if (rc == 0 && out->which_of == 0)
		return err_set(err, ERR_NOT_FOUND, "no such node '%s'", name);
	return rc;
}

/* --- the answer ------------------------------------------------------------------------------ */

struct answer {
	pv_ExplainAccessResponse pb;
	int rc;
	struct err err;
};

static const char *const sayings[] = {
	[ROLE_ALLOWS] = "allows node and login",
	[ROLE_DENIES_NODE] = "denies the node",
	[ROLE_DENIES_LOGIN] = "denies the login",
	[ROLE_LACKS_NODE] = "does not reach the node",
	[ROLE_LACKS_LOGIN] = "lacks the login",
	[ROLE_LACKS_BOTH] = "lacks node and login",
	[ROLE_IS_ELSEWHERE] = "is about other namespaces",
};

static void add_opinion(void *arg, const struct role_opinion *o)
{
	struct answer *a = arg;
	pv_RoleOpinion *to;

	if (a->rc != 0)
		return;
	to = fields_add(&a->pb.roles, &a->pb.roles_count, sizeof(*to), &a->err);
	if (to == NULL || fields_set_str(&to->role, o->role, &a->err) != 0 ||
	    fields_set_str(&to->says, sayings[o->says], &a->err) != 0 ||
	    fields_set_str(&to->label, o->label, &a->err) != 0 ||
	    fields_set_str(&to->failed, o->failed, &a->err) != 0)
		a->rc = a->err.code;
}

static int add_limits(pv_ExplainAccessResponse *out, const struct role_options *all,
                      struct err *err)
{
	char text[ROLE_OPTION_TEXT_SIZE];
	struct role_option_row row;

	for (size_t i = 0; role_option_row(i, &row); i++) {
		pv_RoleLimit *limit;

		if (str_empty(role_option_text(all, i, text, sizeof(text))) ||
		    str_empty(row.enforced_by))
			continue;
		limit = fields_add(&out->limits, &out->limits_count, sizeof(*limit), err);
		if (limit == NULL || fields_set_str(&limit->name, row.name, err) != 0 ||
		    fields_set_str(&limit->value, text, err) != 0 ||
		    fields_set_str(&limit->enforced_by, row.enforced_by, err) != 0)
			return err->code;
	}
	return 0;
}

static int add_logins(pv_ExplainAccessResponse *out, const struct role_set *roles,
                      const struct label_set *labels, struct err *err)
{
	struct strlist logins = { 0 };
	int rc = role_set_node_logins(roles, labels, &logins, err);

	for (size_t i = 0; rc == 0 && i < logins.count; i++)
		rc = fields_add_str(&out->logins, &out->logins_count, logins.items[i], err);
	strlist_deinit(&logins);
	return rc;
}

/* A no is an answer; other failures are none. */
static int settle(pv_ExplainAccessResponse *out, int rc, const struct err *why, struct err *err)
{
	out->allowed = rc == 0 && out->reason == NULL;
	return rc == 0 || out->reason != NULL ? 0 : fields_set_str(&out->reason, why->msg, err);
}

static int fill(struct answer *a, struct authd *authd, const struct role_set *roles,
                const pv_Identity *who, const pv_Node *node, const char *login, struct err *err)
{
	const struct lock_subject subject = { who->user, who->roles, who->roles_count, login,
		                              node->metadata.name };
	struct label_set labels;
	struct label *items;
	struct err why;
	int rc = locks_check(authd, &subject, &why);

	if (settle(&a->pb, rc, &why, err) != 0 || label_of_node(node, &items, &labels, err) != 0)
		return err->code;
	rc = role_set_explain(roles, node->spec.hostname, &labels, login, add_opinion, a, &why);
	rc = a->rc != 0 ? err_copy(err, &a->err) : settle(&a->pb, rc, &why, err);
	if (rc == 0)
		rc = add_logins(&a->pb, roles, &labels, err);
	if (rc == 0)
		rc = add_limits(&a->pb, role_set_options(roles), err);
	free(items);
	return rc;
}

/* --- the call -------------------------------------------------------------------------------- */

static int explain(struct authd *authd, const pv_User *user, const pv_Node *node, const char *login,
                   struct answer *a, struct err *err)
{
	pv_Identity who = pv_Identity_init_zero;
	struct role_set *roles = NULL;
	struct err why;
	int rc = issue_identity(authd, user, &who, err);

	if (rc == 0)
		rc = fields_set_str(&a->pb.user, who.user, err);
	if (rc == 0)
		rc = fields_set_str(&a->pb.node_id, node->metadata.name, err);
	if (rc == 0)
		rc = fields_set_str(&a->pb.hostname, node->spec.hostname, err);
	if (rc == 0 && role_set_new(&roles, &who, access_lookup_role, authd, &why) != 0)
		rc = settle(&a->pb, why.code, &why, err); /* roles that do not hold: a no */
	else if (rc == 0)
		rc = fill(a, authd, roles, &who, node, login, err);
	role_set_unref(roles);
	identity_deinit(&who);
	return rc;
}

static int answer(struct rpc_call *call, const pv_ExplainAccessRequest *in, struct answer *a,
                  struct err *err)
{
	pv_Resource user = pv_Resource_init_zero, node = pv_Resource_init_zero;
	const char *login = str_empty(in->login) ? NULL : in->login;
	struct authd *authd = authd_of(call);
	int rc;

	if (str_empty(in->user) || str_empty(in->node))
		return err_set(err, ERR_INVALID, "which user, on which node?");
	rc = resource_load(authd, resource_kind_find("user"), NULL, in->user, &user, err);
	if (rc == 0)
		rc = find_node(authd, in->node, &node, err);
	if (rc == 0)
		rc = explain(authd, &user.of.user, &node.of.node, login, a, err);
	resource_deinit(&user);
	resource_deinit(&node);
	return rc;
}

/* It tells of roles, of a user and of a node that the caller may not see by other calls. */
static int check(const struct rpc_call *call, struct err *err)
{
	int rc = access_check(call, "role", "read", NULL, err);

	if (rc == 0)
		rc = access_check(call, "user", "read", NULL, err);
	return rc == 0 ? access_check(call, "node", "read", NULL, err) : rc;
}

void handle_explain_access(struct rpc_call *call)
{
	struct answer a = { 0 };
	struct err err;

	if (check(call, &err) == 0 && answer(call, rpc_call_request(call), &a, &err) == 0)
		rpc_call_reply(call, &a.pb);
	else
		rpc_call_fail(call, &err);
	fields_release(&pv_ExplainAccessResponse_table, &a.pb);
}
