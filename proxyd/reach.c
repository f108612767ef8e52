#include "proxyd/reach.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/conf.h"
#include "daemon/host.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/identity.h"
#include "model/label.h"
#include "model/role.h"
#include "proxyd/access.h"
#include "proxyd/forward.h"
#include "proxyd/kube_route.h"
#include "proxyd/proxyd.h"
#include "proxyd/route.h"
#include "wire/fields.h"

#include "proto/dial.fields.h"

#include <stdlib.h>

#define CLOCK_APART_MS (60 * 1000) /* from here on a skew is worth a word */

/*
 * A failure found at once is told by a timer of 0 ms, so that the callback never comes from
 * within reach_start().
 */
struct reach {
	struct forward *forward; /* NULL: failed already, `told` is due */
	struct timer *told;
	struct err err;
	pv_DialResponse response;
	char node_id[RAND_UUID_SIZE];
	reach_cb cb;
	void *owner;
};

static void finish(struct reach *r, struct stream *take_stream, const struct err *err)
{
	r->cb(r->owner, take_stream, r->node_id, &r->response, err);
	timer_free(r->told);
	fields_release(&pv_DialResponse_table, &r->response);
	free(r);
}

static void on_told(void *owner)
{
	struct reach *r = owner;

	finish(r, NULL, &r->err);
}

static void on_forwarded(void *owner, struct stream *take_stream, const struct err *err)
{
	struct reach *r = owner;
	struct err why = { 0 };

	if (err != NULL) {
		err_copy(&why, err);
		err_wrap(&why, "reach node '%s'", r->node_id);
	}
	finish(r, take_stream, err != NULL ? &why : NULL);
}

/* A kubeproxyd, whose sessions are joined like a node's: it judges who may, we whether the roles
 * show it. */
static int find_kube_host(struct proxyd *p, const char *id, const struct role_set *roles,
                          const pv_Node **out_host, struct err *err)
{
	const pv_Node *host = kube_route_host(p->cache, id);
	struct strlist groups = { 0 }, users = { 0 };
	struct label_set labels;
	struct label *items;
	int rc;

	if (host == NULL)
		return ERR_NOT_FOUND;
	rc = label_of_node(host, &items, &labels, err);
	if (rc != 0)
		return rc;
	rc = role_set_kubernetes(roles, 0, &labels, &groups, &users, err);
	if (rc == 0)
		*out_host = host;
	free(items);
	strlist_deinit(&groups);
	strlist_deinit(&users);
	return rc;
}

static int route(struct proxyd *p, const struct peer *peer, const pv_DialRequest *request,
                 struct reach *r, const pv_Node **out_node, struct err *err)
{
	struct route_query q = { .target = request->target,
		                 .cluster = host_cluster(p->host),
		                 .joins = request->kind == pv_StreamKind_STREAM_JOIN };
	struct role_set *roles;
	int rc;

	if (str_empty(request->target))
		return err_set(err, ERR_INVALID, "no node was named");
	if (!str_empty(request->cluster) && !str_eq(request->cluster, q.cluster))
		return err_set(err, ERR_NOT_FOUND, "no cluster '%s' here: this is '%s'",
		               request->cluster, q.cluster);
	rc = access_roles(p, peer, &roles, err);
	if (rc != 0)
		return rc;
	q.roles = roles;
	rc = request->kind == pv_StreamKind_STREAM_JOIN
	             ? find_kube_host(p, q.target, roles, out_node, err)
	             : ERR_NOT_FOUND;
	if (rc != 0)
		rc = route_find(p->cache, &q, out_node, &r->response, err);
	if (rc == 0)
		rc = access_check_locks(p, peer, (*out_node)->metadata.name, request->login, err);
	role_set_unref(roles);
	return rc;
}

/* Only what can be a node: a copy of the cluster's state may be older than today's rules for it. */
static int check_addr(const pv_Node *node, struct err *err)
{
	struct conf_addr addr;

	if (!str_empty(node->spec.tunnel))
		return 0;
	if (str_empty(node->spec.addr))
		return err_set(err, ERR_UNAVAILABLE, "node '%s' has no address",
		               node->metadata.name);
	if (conf_addr_parse(node->spec.addr, NULL, &addr, err) != 0)
		return err_wrap(err, "node '%s'", node->metadata.name);
	conf_addr_deinit(&addr);
	return 0;
}

static int go(struct proxyd *p, const struct peer *peer, const pv_DialRequest *request,
              struct reach *r, struct err *err)
{
	pv_PrefacePayload payload = {
		.client_addr = (char *)peer->addr,
		.user = peer->identity.user,
		.kind = request->kind,
		.session_id = request->session_id,
	};
	struct forward_to to;
	const pv_Node *node;
	int rc;

	rc = route(p, peer, request, r, &node, err);
	if (rc == 0)
		rc = check_addr(node, err);
	if (rc != 0)
		return rc;
	str_copy(r->node_id, sizeof(r->node_id), node->metadata.name);
	payload.target = r->node_id;
	to = (struct forward_to){ node->spec.addr, node->spec.tunnel,
		                  str_eq(node->kind, "kube_server") ? "kube" : "node" };
	return forward_start(p, &to, &payload, on_forwarded, r, &r->forward, err);
}

/* A client whose clock is off fails for reasons that look like others: name it. */
static void name_skew(const struct proxyd *p, const pv_DialRequest *request, struct err *err)
{
	char text[STR_DURATION_SIZE];
	struct err cause = *err;
	int64_t apart;

	if (request->client_time == 0 ||
	    __builtin_sub_overflow(request->client_time, clock_wall_ms(p->clock), &apart) ||
	    (apart < CLOCK_APART_MS && apart > -CLOCK_APART_MS))
		return;
	err_set(err, cause.code, "%s (your clock is %s %s ours)", cause.msg,
	        str_from_duration(text, sizeof(text), apart < 0 ? -apart : apart),
	        apart < 0 ? "behind" : "ahead of");
}

int reach_start(struct proxyd *p, const struct peer *peer, const pv_DialRequest *request,
                reach_cb cb, void *owner, struct reach **out, struct err *err)
{
	struct reach *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set_nomem(err);
	r->cb = cb;
	r->owner = owner;
	r->told = timer_new(p->loop, on_told, r);
	if (r->told == NULL) {
		free(r);
		return err_set_nomem(err);
	}
	if (go(p, peer, request, r, &r->err) != 0) {
		name_skew(p, request, &r->err);
		timer_once(r->told, 0);
	}
	*out = r;
	return 0;
}

void reach_cancel(struct reach *r)
{
	if (r == NULL)
		return;
	if (r->forward != NULL) {
		forward_cancel(r->forward);
		return;
	}
	err_set(&r->err, ERR_CANCELED, "canceled");
}
