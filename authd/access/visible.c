#include "authd/access/visible.h"

#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/access/own_roles.h"
#include "authd/core/authd.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/label.h"
#include "model/role.h"

#include <stdlib.h>

/* Of which a user has some, whatever the rules say. */
static bool has_own(const struct visible *v)
{
	return v->kind->tag == pv_Resource_user_tag || v->kind->tag == pv_Resource_session_tag ||
	       v->kind->tag == pv_Resource_access_request_tag;
}

/* What the rules say of one resource, or of the kind. */
static enum role_verdict judge(const struct visible *v, const pv_Resource *r, struct err *err)
{
	enum role_verdict verdict = access_judge(v->call, v->kind->name, v->verb, r, err);
	enum role_verdict listing;

	if (verdict == ROLE_CALL_DENIED || !v->list)
		return verdict;
	listing = access_judge(v->call, v->kind->name, "list", r, err);
	return listing == ROLE_CALL_ALLOWED ? verdict : listing;
}

/* Whether the rules for a kind say it of every resource. */
static bool sees_all(const struct peer *peer, const struct resource_kind *kind)
{
	if (peer->kind == PEER_USER)
		return kind->tag != pv_Resource_node_tag &&
		       kind->tag != pv_Resource_kube_server_tag;
	if (peer->kind == PEER_REMOTE)
		return kind->tag != pv_Resource_cert_authority_tag;
	return kind->tag != pv_Resource_session_tag ||
	       (!peer_is_host(peer, "Node") && !peer_is_host(peer, "Kube"));
}

int visible_begin(struct visible *v, const struct rpc_call *call, const struct resource_kind *kind,
                  bool with_secrets, bool list, struct err *err)
{
	const struct peer *peer = caller_of(call);
	enum role_verdict verdict;

	*v = (struct visible){ .call = call, .kind = kind, .verb = "readnosecrets", .list = list };
	if (kind->tag == pv_Resource_token_tag || with_secrets)
		v->verb = "read";
	verdict = judge(v, NULL, err);
	v->by_rules = verdict == ROLE_CALL_ALLOWED;
	v->all = v->by_rules && sees_all(peer, kind);
	if (verdict == ROLE_CALL_DENIED && (peer->kind != PEER_USER || !has_own(v)))
		return err->code;
	return 0;
}

bool visible_node(const struct visible *v, const char *hostname, const struct label_set *labels)
{
	const struct role_set *roles;
	struct err ignored;

	if (v->all || caller_of(v->call)->kind != PEER_USER)
		return true;
	return access_roles(v->call, &roles, &ignored) == 0 &&
	       role_set_check_node(roles, hostname, labels, &ignored) == 0;
}

static bool sees_node(const struct visible *v, const pv_Node *node)
{
	struct label_set labels;
	struct label *items;
	struct err ignored;
	bool sees;

	if (label_of_node(node, &items, &labels, &ignored) != 0)
		return false;
	sees = visible_node(v, node->spec.hostname, &labels);
	free(items);
	return sees;
}

/* A cluster in which some role lets them act. */
static bool sees_kube_server(const struct visible *v, const pv_Node *server)
{
	struct strlist groups = { 0 };
	struct strlist users = { 0 };
	const struct role_set *roles;
	struct label_set labels;
	struct label *items;
	struct err ignored;
	bool sees;

	if (label_of_node(server, &items, &labels, &ignored) != 0)
		return false;
	sees = access_roles(v->call, &roles, &ignored) == 0 &&
	       role_set_kubernetes(roles, 0, &labels, &groups, &users, &ignored) == 0;
	strlist_deinit(&groups);
	strlist_deinit(&users);
	free(items);
	return sees;
}

/* Their own requests, and those that their roles let them judge. */
static bool sees_request(const struct visible *v, const pv_AccessRequestSpec *spec)
{
	const pv_Identity *id = &caller_of(v->call)->identity;
	struct own_roles roles;
	struct request_person own;
	struct err ignored;
	bool sees;

	if (str_eq(spec->user, id->user))
		return true;
	if (own_roles_load(authd_of(v->call), id->roles, id->roles_count, &roles, &ignored) != 0)
		return false;
	own = own_roles_of(&roles, id);
	sees = request_check_reviewer(&own, spec, &ignored) == 0;
	own_roles_deinit(&roles);
	return sees;
}

/* Whom else we trust, other clusters do not learn. */
static bool is_our_authority(const struct authd *a, const pv_Resource *r)
{
	return r->which_of == pv_Resource_cert_authority_tag &&
	       str_eq(r->of.cert_authority.spec.cluster_name, a->conf.cluster_name);
}

static bool is_own(const pv_Resource *r, const struct peer *peer)
{
	if (peer->kind == PEER_HOST)
		return r->which_of == pv_Resource_session_tag &&
		       str_eq(r->of.session.spec.node_id, peer->identity.host_id);
	return r->which_of == pv_Resource_user_tag && str_eq(resource_name(r), peer->identity.user);
}

bool visible_check(const struct visible *v, const pv_Resource *r)
{
	const struct peer *peer = caller_of(v->call);
	struct err ignored;

	if (v->all || is_own(r, peer))
		return true;
	if (peer->kind == PEER_REMOTE)
		return is_our_authority(authd_of(v->call), r);
	if (peer->kind != PEER_USER || r->which_of != v->kind->tag)
		return false;
	if (r->which_of == pv_Resource_access_request_tag &&
	    sees_request(v, &r->of.access_request.spec))
		return true;
	if (!v->by_rules && judge(v, r, &ignored) != ROLE_CALL_ALLOWED)
		return false;
	if (r->which_of == pv_Resource_kube_server_tag)
		return sees_kube_server(v, &r->of.kube_server);
	return r->which_of != pv_Resource_node_tag || sees_node(v, &r->of.node);
}
