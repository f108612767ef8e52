#include "authd/access/visible.h"

#include "authd/access/access.h"
#include "authd/access/caller.h"

#include "base/err.h"
#include "base/str.h"
#include "model/label.h"
#include "model/role.h"

#include <stdlib.h>

/* The kinds whose resources are judged one by one for users, whatever the rules say. */
static bool is_user_of_own(const struct visible *v)
{
	return v->kind->tag == pv_Resource_user_tag || v->kind->tag == pv_Resource_session_tag;
}

static int check_rules(const struct visible *v, bool list, struct err *err)
{
	int rc = access_check(v->call, v->kind->name, v->verb, NULL, err);

	if (rc == 0 && list)
		rc = access_check(v->call, v->kind->name, "list", NULL, err);
	return rc;
}

/* Whether the rules for a kind say it of every resource. */
static bool sees_all(const struct peer *peer, const struct resource_kind *kind)
{
	if (peer->kind == PEER_USER)
		return kind->tag != pv_Resource_node_tag;
	return kind->tag != pv_Resource_session_tag || !peer_is_host(peer, "Node");
}

int visible_begin(struct visible *v, const struct rpc_call *call, const struct resource_kind *kind,
                  bool with_secrets, bool list, struct err *err)
{
	const struct peer *peer = caller_of(call);
	int rc;

	*v = (struct visible){ .call = call, .kind = kind, .verb = "readnosecrets" };
	if (kind->tag == pv_Resource_token_tag || with_secrets)
		v->verb = "read";
	rc = check_rules(v, list, err);
	if (rc == 0) {
		v->all = sees_all(peer, kind);
		return 0;
	}
	return peer->kind == PEER_USER && is_user_of_own(v) ? 0 : rc;
}

static bool sees_node(const struct visible *v, const pv_Node *node)
{
	const struct role_set *roles;
	struct label_set labels;
	struct label *items;
	struct err ignored;
	int rc;

	if (access_roles(v->call, &roles, &ignored) != 0 ||
	    label_of_node(node, &items, &labels, &ignored) != 0)
		return false;
	rc = role_set_check_node(roles, node->spec.hostname, &labels, &ignored);
	free(items);
	return rc == 0;
}

static bool sees_session(const struct visible *v, const pv_Session *session)
{
	const struct role_context context = {
		.user = caller_of(v->call)->identity.user,
		.participants = session->spec.participants,
		.participants_count = session->spec.participants_count,
	};
	const struct peer *peer = caller_of(v->call);
	struct err ignored;

	if (peer->kind == PEER_HOST)
		return str_eq(session->spec.node_id, peer->identity.host_id);
	return access_check(v->call, "session", v->verb, &context, &ignored) == 0;
}

bool visible_check(const struct visible *v, const pv_Resource *r)
{
	if (v->all)
		return true;
	switch (v->kind->tag) {
	case pv_Resource_node_tag:
		return sees_node(v, &r->of.node);
	case pv_Resource_session_tag:
		return sees_session(v, &r->of.session);
	case pv_Resource_user_tag:
		return str_eq(resource_name(r), caller_of(v->call)->identity.user);
	default:
		return false;
	}
}
