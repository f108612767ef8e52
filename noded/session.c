#include "noded/session.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "noded/noded.h"
#include "noded/record_file.h"
#include "noded/report.h"
#include "noded/root_client.h"

#include <stdlib.h>

#define FOLDER       "sessions-known"
#define SESSIONS_MAX 100000

struct sessions {
	struct list all;
	struct map *by_sid;
};

void session_free(struct session *s)
{
	list_remove(&s->link);
	identity_deinit(&s->identity);
	strlist_deinit(&s->participants);
	free(s->idle_message);
	free(s->login);
	free(s->client);
	free(s->kind);
	free(s->command);
	free(s->end_reason);
	free(s);
}

/* --- files ----------------------------------------------------------------------------------- */

static int write_file(const struct noded *n, const struct session *s, struct err *err)
{
	static char bytes[RECORD_FILE_MAX];
	struct buf identity = { 0 };
	char command[4096];
	struct packet p;
	int rc;

	/* Whole in the audit log already; here the beginning tells which it was. */
	snprintf(command, sizeof(command), "%s", s->command);
	rc = identity_encode_ssh(&s->identity, &identity, err);
	packet_begin(&p, bytes, sizeof(bytes), "session");
	packet_add(&p, "sid", s->sid);
	packet_add(&p, "conn", s->conn);
	packet_add(&p, "login", s->login);
	packet_add(&p, "client", s->client);
	packet_add(&p, "kind", s->kind);
	packet_add(&p, "command", command);
	packet_add(&p, "size", s->size);
	packet_add_number(&p, "tty", s->tty);
	packet_add_number(&p, "recorded", s->recorded);
	packet_add_number(&p, "started", s->started);
	packet_add(&p, "identity", buf_str(&identity));
	for (size_t i = 0; i < s->participants.count; i++)
		packet_add(&p, "participant", s->participants.items[i]);
	if (rc == 0)
		rc = record_file_write(n, FOLDER, s->sid, &p, err);
	buf_deinit(&identity);
	return rc;
}

static int copy_field(const char *data, size_t len, const char *key, char **out, struct err *err)
{
	const char *value = packet_get(data, len, key);

	*out = strdup(value != NULL ? value : "");
	return *out != NULL ? 0 : err_set_nomem(err);
}

static int fill_participants(struct session *s, const char *data, size_t len, struct err *err)
{
	const char *user;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && (user = packet_next(data, len, "participant", &at)) != NULL)
		rc = strlist_add_new(&s->participants, user, err);
	return rc;
}

static int fill(struct session *s, const char *data, size_t len, struct err *err)
{
	const char *identity = packet_get(data, len, "identity");
	const char *sid = packet_get(data, len, "sid");
	const char *conn = packet_get(data, len, "conn");
	const char *size = packet_get(data, len, "size");

	if (identity == NULL || sid == NULL || conn == NULL || size == NULL ||
	    str_copy(s->sid, sizeof(s->sid), sid) != 0 ||
	    str_copy(s->conn, sizeof(s->conn), conn) != 0 ||
	    str_copy(s->size, sizeof(s->size), size) != 0)
		return err_set(err, ERR_CORRUPT, "fields are missing");
	s->idle_ms = -1;
	s->tty = packet_get_number(data, len, "tty", 0) != 0;
	s->recorded = packet_get_number(data, len, "recorded", 0) != 0;
	s->started = packet_get_number(data, len, "started", 0);
	if (identity_decode_ssh(&s->identity, identity, strlen(identity), err) != 0 ||
	    copy_field(data, len, "login", &s->login, err) != 0 ||
	    copy_field(data, len, "client", &s->client, err) != 0 ||
	    copy_field(data, len, "kind", &s->kind, err) != 0 ||
	    copy_field(data, len, "command", &s->command, err) != 0)
		return err->code;
	return fill_participants(s, data, len, err);
}

static int insert(struct noded *n, struct session *s, struct err *err)
{
	if (map_count(n->sessions->by_sid) >= SESSIONS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d sessions", SESSIONS_MAX);
	if (map_put(n->sessions->by_sid, s->sid, s, NULL) != 0)
		return err_set_nomem(err);
	list_append(&n->sessions->all, &s->link);
	return 0;
}

static int load(struct noded *n, const char *data, size_t len, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set_nomem(err);
	list_init(&s->link);
	if (fill(s, data, len, err) == 0 && insert(n, s, err) == 0)
		return 0;
	session_free(s);
	return err->code;
}

/* --- the table ------------------------------------------------------------------------------- */

int sessions_open(struct noded *n, struct sessions **out, struct err *err)
{
	struct sessions *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return err_set_nomem(err);
	list_init(&all->all);
	all->by_sid = map_new();
	*out = all;
	if (all->by_sid == NULL)
		return err_set_nomem(err);
	return record_files_load(n, FOLDER, load, err);
}

void sessions_close(struct sessions *all)
{
	if (all == NULL)
		return;
	/* They live on; their files tell the next noded of them. */
	while (!list_empty(&all->all))
		session_free(container_of(all->all.next, struct session, link));
	map_free(all->by_sid);
	free(all);
}

int session_add(struct noded *n, struct session *take_session, struct err *err)
{
	int rc;

	list_init(&take_session->link);
	rc = strlist_add_new(&take_session->participants, take_session->identity.user, err);
	if (rc == 0)
		rc = write_file(n, take_session, err);
	if (rc == 0)
		rc = insert(n, take_session, err);
	if (rc != 0) {
		record_file_remove(n, FOLDER, take_session->sid);
		session_free(take_session);
		return rc;
	}
	report_session_start(n, take_session);
	return 0;
}

int session_joined(struct noded *n, struct session *s, const char *user, struct err *err)
{
	if (strlist_has(&s->participants, user))
		return 0;
	if (s->participants.count >= SESSION_PARTICIPANTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d people in session '%s'",
		               SESSION_PARTICIPANTS_MAX, s->sid);
	if (strlist_add(&s->participants, user, err) != 0)
		return err->code;
	return write_file(n, s, err);
}

struct session *session_find(const struct noded *n, const char *sid)
{
	return map_get(n->sessions->by_sid, sid);
}

struct session *session_next(const struct noded *n, const struct session *at)
{
	struct list *next = at != NULL ? at->link.next : n->sessions->all.next;

	return next != &n->sessions->all ? container_of(next, struct session, link) : NULL;
}

void session_end(struct noded *n, struct session *s, const char *reason)
{
	if (s->end_reason != NULL)
		return;
	s->end_reason = strdup(reason);
	log_info("session ended", kv("sid", s->sid), kv("user", s->identity.user),
	         kv("reason", reason));
	root_end_session(n->root, s->sid, reason);
}

void session_forget(struct noded *n, struct session *s)
{
	record_file_remove(n, FOLDER, s->sid);
	map_remove(n->sessions->by_sid, s->sid);
	session_free(s);
}
