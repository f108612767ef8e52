#include "noded/report.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/audit_queue.h"
#include "daemon/host.h"
#include "daemon/ended.h"
#include "noded/noded.h"
#include "noded/session.h"
#include "noded/settings.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.pb.h"

#include <stdio.h>
#include <string.h>

#define CALL_MS 20000

/* --- audit events ---------------------------------------------------------------------------- */

static void begin(struct noded *n, struct audit_event *e, enum audit_kind kind, bool success)
{
	audit_event_init(e, kind, success, clock_wall_ms(n->clock));
	e->pb.cluster_name = audit_text(host_cluster(n->host));
	e->pb.server_id = audit_text(host_id(n->host));
	e->pb.server_hostname = n->conf.hostname;
	e->pb.namespace = audit_text("default");
	e->pb.proto = audit_text("ssh");
}

static void put(struct noded *n, const struct audit_event *e)
{
	struct err err = { 0 };

	if (audit_queue_put(n->audit, &e->pb, &err) != 0)
		log_error("audit event lost", kv("event", e->pb.event), kv("reason", err.msg));
}

void report_refusal(struct noded *n, const char *user, const char *login, const char *client,
                    const char *reason)
{
	struct audit_event e;

	begin(n, &e, AUDIT_AUTH_ATTEMPT, false);
	e.pb.user = audit_text(user);
	e.pb.login = audit_text(login);
	e.pb.addr_remote = audit_text(client);
	e.pb.error = audit_text(reason);
	put(n, &e);
}

void report_disconnect(struct noded *n, const char *user, const char *login, const char *client,
                       const char *sid, const char *reason)
{
	struct audit_event e;

	begin(n, &e, AUDIT_CLIENT_DISCONNECT, true);
	e.pb.user = audit_text(user);
	e.pb.login = audit_text(login);
	e.pb.addr_remote = audit_text(client);
	e.pb.sid = audit_text(sid);
	e.pb.reason = audit_text(reason);
	put(n, &e);
}

static void audit_start(struct noded *n, const struct session *s)
{
	struct audit_event e;

	if (!s->tty)
		return; /* a command is one event, at its end */
	begin(n, &e, AUDIT_SESSION_START, true);
	e.pb.user = s->identity.user;
	e.pb.login = s->login;
	e.pb.sid = audit_text(s->sid);
	e.pb.addr_remote = s->client;
	e.pb.size = audit_text(s->size);
	e.pb.initial_command = s->command;
	e.pb.session_recording = audit_text(s->recorded ? settings_recording_mode(n) : "off");
	put(n, &e);
}

static void fill_who(struct audit_event *e, const struct session *s,
                     const struct session_outcome *o)
{
	e->pb.user = s != NULL ? s->identity.user : audit_text(o->user);
	e->pb.login = audit_text(o->login);
	e->pb.sid = audit_text(o->sid);
	if (s != NULL)
		e->pb.addr_remote = s->client;
}

static void audit_session_end(struct noded *n, const struct session *s,
                              const struct session_outcome *o)
{
	char *owner = audit_text(o->user);
	struct audit_event e;

	begin(n, &e, AUDIT_SESSION_END, true);
	fill_who(&e, s, o);
	e.pb.has_interactive = true;
	e.pb.interactive = true;
	e.pb.participants = s != NULL ? s->participants.items : &owner;
	e.pb.participants_count = s != NULL ? (pb_size_t)s->participants.count : 1;
	e.pb.session_start = o->started;
	e.pb.session_stop = o->ended;
	e.pb.reason = audit_text(o->reason);
	put(n, &e);
}

static void audit_command(struct noded *n, const struct session *s, const struct session_outcome *o)
{
	bool sftp = str_eq(o->kind, "sftp");
	bool success = o->exit_code == 0;
	struct audit_event e;
	char error[64] = "";
	char code[16];

	begin(n, &e, sftp ? AUDIT_SUBSYSTEM : AUDIT_EXEC, success);
	fill_who(&e, s, o);
	snprintf(code, sizeof(code), "%d", o->exit_code);
	if (o->signal != 0)
		snprintf(error, sizeof(error), "died by signal %d", o->signal);
	e.pb.command = audit_text(sftp ? NULL : o->command);
	e.pb.name = audit_text(sftp ? "sftp" : NULL);
	e.pb.exitCode = code;
	e.pb.exitError = audit_text(*error != 0 ? error : o->reason);
	put(n, &e);
}

static void audit_data(struct noded *n, const struct session *s, const struct session_outcome *o)
{
	struct audit_event e;

	if (o->sent == 0 && o->received == 0)
		return; /* its bytes did not pass through us */
	begin(n, &e, AUDIT_SESSION_DATA, true);
	fill_who(&e, s, o);
	e.pb.tx = o->sent;
	e.pb.rx = o->received;
	put(n, &e);
}

/* --- records --------------------------------------------------------------------------------- */

/* A record that is not put is put again by report_resend(), or with the session's end. */
static void on_put(void *ctx, const void *response, const struct err *err)
{
	(void)ctx;
	(void)response;
	if (err != NULL)
		log_debug("report", "session record not put", kv("reason", err->msg));
}

static void put_record(struct noded *n, const struct session *s, int64_t ended)
{
	const pv_PutSessionRequest request = {
		.has_session = true,
		.session = {
			.kind = audit_text("session"),
			.sub_kind = audit_text("ssh"),
			.has_metadata = true,
			.metadata = { .name = audit_text(s->sid) },
			.has_spec = true,
			.spec = {
				.user = s->identity.user,
				.login = s->login,
				.node_id = audit_text(host_id(n->host)),
				.node_name = n->conf.hostname,
				.started = s->started,
				.ended = ended,
				.interactive = s->tty,
				.command = s->command,
				.client_addr = s->client,
				.recorded = s->recorded,
				.size = audit_text(s->size),
				.participants = s->participants.items,
				.participants_count = (pb_size_t)s->participants.count,
			},
		},
	};
	struct err err = { 0 };

	if (ended != 0 && ended_put(n->ended, &request, &err) == 0)
		return; /* kept until authd has it */
	if (ended != 0)
		log_error("session record not kept", kv("sid", s->sid), kv("reason", err.msg));
	rpc_unary_start(host_client(n->host), AUTH_PUT_SESSION, &request, CALL_MS, on_put, NULL,
	                NULL, &err);
}

static void audit_participant(struct noded *n, enum audit_kind kind, const char *sid,
                              const char *login, const char *user)
{
	struct audit_event e;

	begin(n, &e, kind, true);
	e.pb.user = audit_text(user);
	e.pb.login = audit_text(login);
	e.pb.sid = audit_text(sid);
	put(n, &e);
}

void report_joined(struct noded *n, const struct session *s, const char *user)
{
	audit_participant(n, AUDIT_SESSION_JOIN, s->sid, s->login, user);
	put_record(n, s, 0); /* it has one participant more */
}

void report_left(struct noded *n, const char *sid, const char *login, const char *user)
{
	audit_participant(n, AUDIT_SESSION_LEAVE, sid, login, user);
}

void report_session_start(struct noded *n, const struct session *s)
{
	audit_start(n, s);
	if (s->tty || s->recorded)
		put_record(n, s, 0);
}

void report_session_end(struct noded *n, const struct session *s, const struct session_outcome *o)
{
	if (o->cut)
		report_disconnect(n, s != NULL ? s->identity.user : o->user, o->login,
		                  s != NULL ? s->client : NULL, o->sid, o->reason);
	if (o->tty)
		audit_session_end(n, s, o);
	else
		audit_command(n, s, o);
	audit_data(n, s, o);
	log_info("session over", kv("sid", o->sid), kv("login", o->login), kv("exit", o->exit_code),
	         kv("reason", o->reason));
	if (s != NULL && (s->tty || s->recorded))
		put_record(n, s, o->ended);
}

void report_alive(struct noded *n, const struct session *s)
{
	if (s->tty || s->recorded)
		put_record(n, s, 0);
}

void report_resend(struct noded *n)
{
	for (struct session *s = session_next(n, NULL); s != NULL; s = session_next(n, s))
		report_alive(n, s);
}
