#include "kubeproxyd/sessions/report.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/audit_queue.h"
#include "daemon/ended.h"
#include "daemon/host.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/sessions/session.h"
#include "kubeproxyd/sessions/sessions.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include <stdio.h>

#define CALL_MS 20000

/* --- audit events ---------------------------------------------------------------------------- */

static void begin(const struct kubeproxyd *k, struct audit_event *e, enum audit_kind kind,
                  bool success)
{
	audit_event_init(e, kind, success, clock_wall_ms(k->clock));
	e->pb.cluster_name = audit_text(host_cluster(k->host));
	e->pb.server_id = audit_text(host_id(k->host));
	e->pb.server_hostname = k->conf.hostname;
	e->pb.namespace = audit_text("default");
	e->pb.proto = audit_text("kube");
	e->pb.kubernetes_cluster = k->conf.cluster_name;
}

/* Who, as whom, and where in Kubernetes. */
static void begin_of(const struct session *s, struct audit_event *e, enum audit_kind kind,
                     bool success)
{
	const struct guest *g = s->guest;

	begin(s->k, e, kind, success);
	e->pb.user = g->visit->peer.identity.user;
	e->pb.login = g->acts_as.user;
	e->pb.sid = audit_text(s->sid);
	e->pb.addr_remote = g->visit->peer.addr;
	e->pb.kubernetes_users = g->users.items;
	e->pb.kubernetes_users_count = (pb_size_t)g->users.count;
	e->pb.kubernetes_groups = g->groups.items;
	e->pb.kubernetes_groups_count = (pb_size_t)g->groups.count;
	e->pb.kubernetes_pod_namespace = audit_text(g->attributes.namespace);
	e->pb.kubernetes_pod_name = audit_text(g->attributes.name);
	e->pb.kubernetes_container_name = s->container;
}

static void put(const struct kubeproxyd *k, const struct audit_event *e)
{
	struct err err = { 0 };

	if (audit_queue_put(sessions_audit(k->sessions), &e->pb, &err) != 0)
		log_error("audit event lost", kv("event", e->pb.event), kv("reason", err.msg));
}

static void audit_start(const struct session *s)
{
	struct audit_event e;

	begin_of(s, &e, AUDIT_SESSION_START, true);
	e.pb.size = audit_text(s->size);
	e.pb.initial_command = s->command;
	e.pb.session_recording = audit_text(s->recorded ? sessions_recording_mode(s->k) : "off");
	put(s->k, &e);
}

static void audit_session_end(const struct session *s, const struct session_outcome *o)
{
	struct audit_event e;

	begin_of(s, &e, AUDIT_SESSION_END, true);
	e.pb.has_interactive = true;
	e.pb.interactive = true;
	e.pb.participants = s->participants.items;
	e.pb.participants_count = (pb_size_t)s->participants.count;
	e.pb.session_start = s->started;
	e.pb.session_stop = clock_wall_ms(s->k->clock);
	e.pb.reason = audit_text(o->reason);
	put(s->k, &e);
}

static void audit_command(const struct session *s, const struct session_outcome *o)
{
	struct audit_event e;
	char code[16] = "";

	begin_of(s, &e, AUDIT_EXEC, o->told && o->success);
	if (o->told && o->exit_code >= 0)
		snprintf(code, sizeof(code), "%d", o->exit_code);
	e.pb.command = s->command;
	e.pb.exitCode = code;
	e.pb.exitError = audit_text(o->reason);
	put(s->k, &e);
}

static void audit_disconnect(const struct session *s, const struct session_outcome *o)
{
	struct audit_event e;

	begin_of(s, &e, AUDIT_CLIENT_DISCONNECT, true);
	e.pb.reason = audit_text(o->reason);
	put(s->k, &e);
}

static void audit_data(const struct session *s, const struct session_outcome *o)
{
	struct audit_event e;

	if (o->sent == 0 && o->received == 0)
		return;
	begin_of(s, &e, AUDIT_SESSION_DATA, true);
	e.pb.tx = (int64_t)o->sent;
	e.pb.rx = (int64_t)o->received;
	put(s->k, &e);
}

void report_port(const struct session *s, unsigned port, bool success)
{
	struct audit_event e;
	char addr[2 * ATTRIBUTE_SIZE];

	begin_of(s, &e, AUDIT_PORT, success);
	snprintf(addr, sizeof(addr), "%s:%u", s->guest->attributes.name, port);
	e.pb.addr = addr;
	put(s->k, &e);
}

static void audit_participant(const struct session *s, enum audit_kind kind, const char *user)
{
	struct audit_event e;

	begin(s->k, &e, kind, true);
	e.pb.user = audit_text(user);
	e.pb.login = s->guest->acts_as.user;
	e.pb.sid = audit_text(s->sid);
	put(s->k, &e);
}

void report_left(const struct session *s, const char *user)
{
	audit_participant(s, AUDIT_SESSION_LEAVE, user);
}

/* Of a visitor who wanted to join. */
static void audit_visit(const struct visit *visit, enum audit_kind kind, const char *sid,
                        const char *reason)
{
	bool left = kind == AUDIT_CLIENT_DISCONNECT;
	struct audit_event e;

	begin(visit->k, &e, kind, left);
	e.pb.user = visit->peer.identity.user;
	e.pb.addr_remote = audit_text(visit->peer.addr);
	e.pb.sid = audit_text(sid);
	if (left)
		e.pb.reason = audit_text(reason);
	else
		e.pb.error = audit_text(reason);
	put(visit->k, &e);
}

void report_refusal(const struct visit *visit, const char *reason)
{
	audit_visit(visit, AUDIT_AUTH_ATTEMPT, NULL, reason);
}

void report_cut(const struct session *s, const struct visit *visit, const char *reason)
{
	audit_visit(visit, AUDIT_CLIENT_DISCONNECT, s->sid, reason);
}

/* --- records --------------------------------------------------------------------------------- */

static bool has_record(const struct session *s)
{
	return !s->forwards && (s->tty || s->recorded);
}

pv_PutSessionRequest report_record(const struct session *s, int64_t ended)
{
	const struct guest *g = s->guest;
	const struct kubeproxyd *k = s->k;

	return (pv_PutSessionRequest){
		.has_session = true,
		.session = {
			.kind = audit_text("session"),
			.sub_kind = audit_text("kube"),
			.has_metadata = true,
			.metadata = { .name = audit_text(s->sid) },
			.has_spec = true,
			.spec = {
				.user = g->visit->peer.identity.user,
				.login = g->acts_as.user,
				.node_id = audit_text(host_id(k->host)),
				.node_name = k->conf.hostname,
				.started = s->started,
				.ended = ended,
				.interactive = s->tty,
				.command = s->command,
				.client_addr = g->visit->peer.addr,
				.recorded = s->recorded,
				.size = audit_text(s->size),
				.participants = s->participants.items,
				.participants_count = (pb_size_t)s->participants.count,
				.kube_cluster = k->conf.cluster_name,
			},
		},
	};
}

/* A record that is not put is put again when the connection stands, or with the session's end. */
static void on_put(void *ctx, const void *response, const struct err *err)
{
	(void)ctx;
	(void)response;
	if (err != NULL)
		log_debug("report", "session record not put", kv("reason", err->msg));
}

void report_alive(const struct session *s)
{
	const pv_PutSessionRequest request = report_record(s, 0);
	struct err ignored;

	if (has_record(s))
		rpc_unary_start(host_client(s->k->host), AUTH_PUT_SESSION, &request, CALL_MS,
		                on_put, NULL, NULL, &ignored);
}

static void put_ended(const struct kubeproxyd *k, const pv_PutSessionRequest *request)
{
	struct err err = { 0 };

	if (ended_put(sessions_ended(k->sessions), request, &err) != 0)
		log_error("session record not kept", kv("sid", request->session.metadata.name),
		          kv("reason", err.msg));
}

/* --- what the session tells ------------------------------------------------------------------ */

void report_start(const struct session *s)
{
	if (s->tty)
		audit_start(s);
	report_alive(s);
}

void report_joined(const struct session *s, const char *user)
{
	audit_participant(s, AUDIT_SESSION_JOIN, user);
	report_alive(s); /* its record has one participant more */
}

void report_end(const struct session *s, const struct session_outcome *o)
{
	const pv_PutSessionRequest request = report_record(s, clock_wall_ms(s->k->clock));

	if (o->cut)
		audit_disconnect(s, o);
	if (s->tty)
		audit_session_end(s, o);
	else if (!s->forwards)
		audit_command(s, o);
	audit_data(s, o);
	log_info("session over", kv("sid", s->sid), kv("user", s->participants.items[0]),
	         kv("pod", s->guest->attributes.name), kv("exit", o->exit_code),
	         kv("reason", o->reason));
	if (has_record(s))
		put_ended(s->k, &request);
}

void report_orphan(struct kubeproxyd *k, const pv_Session *record)
{
	pv_PutSessionRequest request = { .has_session = true, .session = *record };
	const pv_SessionSpec *spec = &record->spec;
	struct audit_event e;

	request.session.spec.ended = clock_wall_ms(k->clock);
	begin(k, &e, spec->interactive ? AUDIT_SESSION_END : AUDIT_EXEC, spec->interactive);
	e.pb.user = spec->user;
	e.pb.login = spec->login;
	e.pb.sid = record->metadata.name;
	e.pb.addr_remote = spec->client_addr;
	e.pb.has_interactive = true;
	e.pb.interactive = spec->interactive;
	e.pb.participants = spec->participants;
	e.pb.participants_count = spec->participants_count;
	e.pb.session_start = spec->started;
	e.pb.session_stop = request.session.spec.ended;
	e.pb.command = spec->interactive ? NULL : spec->command;
	e.pb.reason = audit_text("kubeproxyd ended unexpectedly");
	put(k, &e);
	put_ended(k, &request);
}
