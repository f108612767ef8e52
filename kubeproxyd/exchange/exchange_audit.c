#include "kubeproxyd/exchange/exchange_audit.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/audit_queue.h"
#include "daemon/host.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/sessions/sessions.h"

#include <stdio.h>

/* Texts that an event borrows. */
struct texts {
	char group[2 * ATTRIBUTE_SIZE]; /* "core/v1" */
	char kind[2 * ATTRIBUTE_SIZE];  /* "pods/log" */
};

static void begin(const struct visit *visit, struct audit_event *e, enum audit_kind kind)
{
	const struct kubeproxyd *k = visit->k;

	audit_event_init(e, kind, true, clock_wall_ms(k->clock));
	e->pb.cluster_name = audit_text(host_cluster(k->host));
	e->pb.user = visit->peer.identity.user;
	e->pb.addr_remote = audit_text(visit->peer.addr);
	e->pb.server_id = audit_text(host_id(k->host));
	e->pb.server_hostname = k->conf.hostname;
	e->pb.proto = audit_text("kube");
	e->pb.kubernetes_cluster = k->conf.cluster_name;
}

static void add_guest(struct audit_event *e, const struct guest *g)
{
	e->pb.login = g->acts_as.user;
	e->pb.kubernetes_users = g->users.items;
	e->pb.kubernetes_users_count = (pb_size_t)g->users.count;
	e->pb.kubernetes_groups = g->groups.items;
	e->pb.kubernetes_groups_count = (pb_size_t)g->groups.count;
}

static void add_request(struct audit_event *e, const struct attributes *a, const char *method,
                        int status, struct texts *t)
{
	e->pb.verb = audit_text(method);
	e->pb.request_path = audit_text(a->path);
	e->pb.response_code = status;
	if (!a->resource)
		return;
	snprintf(t->group, sizeof(t->group), "%s/%s", a->group[0] != 0 ? a->group : "core",
	         a->version);
	snprintf(t->kind, sizeof(t->kind), "%s%s%s", a->kind, a->subresource[0] != 0 ? "/" : "",
	         a->subresource);
	e->pb.resource_api_group = t->group;
	e->pb.resource_namespace = audit_text(a->namespace);
	e->pb.resource_kind = t->kind;
	e->pb.resource_name = audit_text(a->name);
}

static void put(const struct kubeproxyd *k, const struct audit_event *e)
{
	struct err err = { 0 };

	if (audit_queue_put(sessions_audit(k->sessions), &e->pb, &err) != 0)
		log_error("audit event lost", kv("event", e->pb.event), kv("reason", err.msg));
}

void audit_request(const struct guest *guest, const char *method, int status)
{
	struct audit_event e;
	struct texts t;

	begin(guest->visit, &e, AUDIT_KUBE_REQUEST);
	add_guest(&e, guest);
	add_request(&e, &guest->attributes, method, status, &t);
	put(guest->visit->k, &e);
}

void audit_refusal(const struct visit *visit, const struct attributes *attributes,
                   const char *method, int status, const struct err *why)
{
	struct audit_event e;
	struct texts t;

	begin(visit, &e, AUDIT_KUBE_REQUEST);
	add_request(&e, attributes, method, status, &t);
	e.pb.error = audit_text(why->msg);
	put(visit->k, &e);
}

bool audit_is_full(const struct visit *visit)
{
	return audit_queue_full(sessions_audit(visit->k->sessions));
}

void audit_cut(const struct guest *guest, const struct err *why)
{
	struct audit_event e;

	begin(guest->visit, &e, AUDIT_CLIENT_DISCONNECT);
	add_guest(&e, guest);
	e.pb.reason = audit_text(why->msg);
	put(guest->visit->k, &e);
}
