#include "noded/ask_session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/audit_queue.h"
#include "daemon/host.h"
#include "daemon/upload.h"
#include "ipc/packet.h"
#include "noded/conn.h"
#include "noded/limits.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/presence.h"
#include "noded/questions.h"
#include "noded/report.h"
#include "noded/session.h"
#include "noded/settings.h"
#include "noded/slot.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char *field(const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	return value != NULL ? value : "";
}

static int count_on(const struct noded *n, const char *conn)
{
	int count = 0;

	for (struct session *s = session_next(n, NULL); s != NULL; s = session_next(n, s))
		count += str_eq(s->conn, conn);
	return count;
}

/* What the roles limit; SLOT_WAIT: it is being asked for. */
static int check_limits(struct conn *c, const char *kind, const struct role_options *limits,
                        struct err *err)
{
	if (limits->max_sessions != 0 && count_on(c->n, c->id) >= limits->max_sessions)
		return err_set(err, ERR_LIMIT, "max_sessions limit reached (%lld)",
		               (long long)limits->max_sessions);
	if (str_eq(kind, "sftp") && !limits->ssh_file_copy)
		return err_set(err, ERR_DENIED, "no role allows to copy files");
	return slot_check(c, limits->max_connections, err);
}

static int check(struct conn *c, const char *login, const char *kind, struct role_set **out_roles,
                 struct err *err)
{
	const struct policy_subject who = { &c->identity, c->login, c->client };
	struct role_options limits;
	int rc;

	if (c->state == CONN_ASKED || !str_eq(c->login, login))
		return err_set(err, ERR_DENIED, "nobody is logged in as '%s' here", login);
	if (c->ending)
		return err_set(err, ERR_DENIED, "the connection is ending");
	if (audit_queue_full(c->n->audit))
		return err_set(err, ERR_UNAVAILABLE,
		               "the node cannot write its audit log; its administrator must help");
	if (policy_check(c->n, &who, out_roles, err) != 0)
		return err->code;
	limits = settings_limits(c->n, *out_roles);
	rc = check_limits(c, kind, &limits, err);
	if (rc != 0)
		role_set_unref(*out_roles);
	return rc;
}

/* --- the session ----------------------------------------------------------------------------- */

static struct session *session_new(const struct conn *c, const char *data, size_t len)
{
	struct session *s = calloc(1, sizeof(*s));
	struct err ignored = { 0 };

	if (s == NULL)
		return NULL;
	list_init(&s->link);
	rand_uuid(s->sid);
	str_copy(s->conn, sizeof(s->conn), c->id);
	s->login = strdup(c->login);
	s->client = strdup(c->client);
	s->kind = strdup(field(data, len, "kind"));
	s->command = strdup(field(data, len, "command"));
	s->tty = str_eq(field(data, len, "tty"), "1");
	s->started = clock_wall_ms(c->n->clock);
	snprintf(s->size, sizeof(s->size), "%lld:%lld", packet_get_number(data, len, "columns", 0),
	         packet_get_number(data, len, "rows", 0));
	if (identity_copy(&s->identity, &c->identity, &ignored) != 0 || s->login == NULL ||
	    s->client == NULL || s->kind == NULL || s->command == NULL) {
		session_free(s);
		return NULL;
	}
	return s;
}

/* --- the answer ------------------------------------------------------------------------------ */

static void add_env(struct packet *out, const char *name, const char *value)
{
	char line[4096];

	snprintf(line, sizeof(line), "%s=%s", name, value);
	packet_add(out, "env", line);
}

/* "192.0.2.7 51234" and "192.0.2.9 3022" as sshd would have them. */
static void split_addr(const char *addr, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(addr, ':');
	size_t len = colon != NULL ? (size_t)(colon - addr) : strlen(addr);

	if (*addr == '[' && len >= 2) {
		addr++;
		len -= 2;
	}
	snprintf(host, size, "%.*s", (int)len, addr);
	*port = colon != NULL ? colon + 1 : "0";
}

static void add_ssh_env(const struct noded *n, const char *client, struct packet *out)
{
	char host[64];
	char here[64];
	char text[256];
	const char *port;
	const char *here_port;

	split_addr(client, host, sizeof(host), &port);
	split_addr(n->conf.advertise, here, sizeof(here), &here_port);
	snprintf(text, sizeof(text), "%s %s %s", host, port, here_port);
	add_env(out, "SSH_CLIENT", text);
	snprintf(text, sizeof(text), "%s %s %s %s", host, port, here, here_port);
	add_env(out, "SSH_CONNECTION", text);
}

static void add_names(const struct noded *n, const struct session *s, struct packet *out)
{
	packet_add(out, "sid", s->sid);
	packet_add(out, "user", s->identity.user);
	packet_add(out, "cluster", host_cluster(n->host));
	packet_add(out, "node_id", host_id(n->host));
	packet_add(out, "node_name", n->conf.hostname);
	packet_add(out, "client", s->client);
	add_env(out, "POSTERN_USER", s->identity.user);
	add_env(out, "POSTERN_SESSION_ID", s->sid);
	add_env(out, "POSTERN_CLUSTER", host_cluster(n->host));
	add_env(out, "POSTERN_HOST_UUID", host_id(n->host));
	add_ssh_env(n, s->client, out);
}

static int add_recording(const struct noded *n, const struct session *s,
                         const struct role_set *roles, struct packet *out, struct err *err)
{
	bool strict = settings_records_strictly(n) ||
	              role_set_records_strictly(roles, presence_labels(n->presence), s->login);
	char path[PATH_MAX];

	packet_add(out, "record_failure", strict ? "end" : "continue");
	if (!s->recorded)
		return 0;
	if (upload_check_room(n->upload, err) != 0) {
		if (strict)
			return err_wrap(err, "the session cannot be recorded");
		log_warn("session not recorded", kv("sid", s->sid), kv("reason", err->msg));
		*err = (struct err){ 0 };
		return 0;
	}
	snprintf(path, sizeof(path), "%s/spool", n->conf.data_dir);
	packet_add(out, "spool", path);
	return 0;
}

static bool is_recorded(const struct noded *n, const struct session *s,
                        const struct role_set *roles)
{
	if (!settings_records(n))
		return false;
	return s->tty || (role_set_options(roles)->record_exec && str_eq(s->kind, "exec"));
}

static int allow(struct conn *c, struct role_set *roles, const char *data, size_t len,
                 struct packet *out, struct err *err)
{
	struct session *s = session_new(c, data, len);
	int rc;

	if (s == NULL)
		return err_set_nomem(err);
	s->recorded = is_recorded(c->n, s, roles);
	add_names(c->n, s, out);
	rc = limits_begin(c->n, s, roles, out, err);
	if (rc == 0)
		rc = add_recording(c->n, s, roles, out, err);
	if (rc != 0) {
		session_free(s);
		return rc;
	}
	conn_set_proven(c, policy_end(c->n, roles, &c->identity));
	return session_add(c->n, s, err);
}

int ask_session(struct noded *n, const char *data, size_t len, struct packet *out, struct err *err)
{
	struct conn *c = conn_find(n, field(data, len, "conn"));
	struct role_set *roles;
	int rc;

	if (c == NULL)
		return err_set(err, ERR_DENIED, "no such connection");
	rc = check(c, field(data, len, "login"), field(data, len, "kind"), &roles, err);
	if (rc == 0) {
		rc = allow(c, roles, data, len, out, err);
		role_set_unref(roles);
	}
	if (rc == SLOT_WAIT)
		return QUESTION_LATER;
	if (rc != 0) {
		log_info("session refused", kv("user", c->identity.user), kv("login", c->login),
		         kv("client", c->client), kv("reason", err->msg));
		report_refusal(n, c->identity.user, c->login, c->client, err->msg);
	}
	return rc;
}
