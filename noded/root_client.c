#include "noded/root_client.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "ipc/packet.h"
#include "loop/timer.h"
#include "noded/conn.h"
#include "noded/events.h"
#include "noded/noded.h"
#include "noded/root/requests.h"
#include "noded/settings.h"
#include "noded/session.h"

#include <limits.h>
#include <stdlib.h>

#include <uv.h>

#define CONNECT_MS   2000
#define RETRY_MS     100
#define REQUEST_SIZE 4096
#define ANSWER_SIZE  8192

/* Nobody waits for an answer: a list is known by its seq, and so is a start_sshd. */
struct root_client {
	struct noded *n;
	int sock; /* -1: not connected */
	uv_poll_t *poll;
	struct timer *retry;
	long long seq;
	long long list_seq;         /* of the list under way */
	struct strlist connections; /* its lines so far */
	struct strlist sessions;
};

static void connect_now(struct root_client *r);

/* --- what noded-root says -------------------------------------------------------------------- */

static void on_connection_ended(struct root_client *r, const char *id)
{
	struct conn *c = conn_find(r->n, id);

	if (c != NULL)
		conn_forget(c);
}

/* Sessions that noded-root no longer knows ended without our hearing of it. */
static void reconcile_sessions(struct root_client *r)
{
	struct session *next;

	for (struct session *s = session_next(r->n, NULL); s != NULL; s = next) {
		next = session_next(r->n, s);
		if (s->unconfirmed && !strlist_has(&r->sessions, s->sid))
			events_session_ended(r->n->events, s->sid);
	}
}

static void on_list_done(struct root_client *r)
{
	conns_reconcile(r->n, r->connections.items, r->connections.count);
	reconcile_sessions(r);
	strlist_deinit(&r->connections);
	strlist_deinit(&r->sessions);
}

static void on_refused(struct root_client *r, long long seq, const char *message)
{
	log_warn("noded-root refused", kv("reason", message));
	conns_refused(r->n, seq);
}

static void on_packet(struct root_client *r, const char *data, size_t len)
{
	const char *id = packet_get(data, len, "id");
	const char *message = packet_get(data, len, "message");
	long long seq = packet_get_number(data, len, "seq", -1);
	struct err ignored = { 0 };

	if (id == NULL)
		id = "";
	if (str_eq(data, REQUEST_CONNECTION_ENDED))
		on_connection_ended(r, id);
	else if (str_eq(data, REQUEST_SESSION_ENDED))
		events_session_ended(r->n->events, id);
	else if (str_eq(data, REQUEST_CONNECTION))
		strlist_add(&r->connections, id, &ignored);
	else if (str_eq(data, REQUEST_SESSION))
		strlist_add(&r->sessions, id, &ignored);
	else if (str_eq(data, REQUEST_OK) && seq == r->list_seq)
		on_list_done(r);
	else if (str_eq(data, REQUEST_OK))
		conns_started(r->n, seq);
	else if (str_eq(data, REQUEST_ERROR))
		on_refused(r, seq, message != NULL ? message : "");
}

/* --- the connection -------------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *h)
{
	free(h);
}

static void disconnect(struct root_client *r)
{
	if (r->sock < 0)
		return;
	uv_close((uv_handle_t *)r->poll, on_poll_closed);
	close(r->sock);
	r->poll = NULL;
	r->sock = -1;
	strlist_deinit(&r->connections);
	strlist_deinit(&r->sessions);
}

static void lost(struct root_client *r)
{
	log_warn("noded-root is gone");
	disconnect(r);
	timer_once(r->retry, RETRY_MS);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct root_client *r = poll->data;
	char answer[ANSWER_SIZE];
	ssize_t len;

	(void)events;
	len = status == 0 ? packet_recv(r->sock, answer, sizeof(answer), NULL, 0, NULL) : 0;
	if (len > 0)
		on_packet(r, answer, (size_t)len);
	else
		lost(r);
}

static int send_request(struct root_client *r, struct packet *p, const int *fds, int count,
                        struct err *err)
{
	if (r->sock < 0)
		connect_now(r); /* it may be back already */
	if (r->sock < 0)
		return err_set(err, ERR_UNAVAILABLE, "noded-root is not running");
	if (packet_send(r->sock, p, fds, count) != 0)
		return err_set_errno(err, ERR_UNAVAILABLE, errno, "ask noded-root");
	return 0;
}

static void ask_list(struct root_client *r)
{
	char bytes[64];
	struct packet p;
	struct err ignored = { 0 };

	conns_expect_list(r->n);
	for (struct session *s = session_next(r->n, NULL); s != NULL; s = session_next(r->n, s))
		s->unconfirmed = true;
	r->list_seq = ++r->seq;
	packet_begin(&p, bytes, sizeof(bytes), REQUEST_LIST);
	packet_add_number(&p, "seq", r->list_seq);
	send_request(r, &p, NULL, 0, &ignored);
}

static int watch(struct root_client *r)
{
	r->poll = calloc(1, sizeof(*r->poll));
	if (r->poll == NULL)
		return -1;
	r->poll->data = r;
	if (uv_poll_init(r->n->loop, r->poll, r->sock) != 0) {
		free(r->poll);
		r->poll = NULL;
		return -1;
	}
	uv_poll_start(r->poll, UV_READABLE, on_readable);
	return 0;
}

static void connect_now(struct root_client *r)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" REQUEST_SOCKET, r->n->conf.root_run_dir);
	r->sock = packet_connect(path, CONNECT_MS);
	if (r->sock >= 0 && watch(r) != 0) {
		close(r->sock);
		r->sock = -1;
	}
	if (r->sock < 0) {
		timer_once(r->retry, RETRY_MS);
		return;
	}
	timer_stop(r->retry);
	log_info("noded-root is there");
	ask_list(r);
}

static void on_retry(void *owner)
{
	connect_now(owner);
}

int root_client_open(struct noded *n, struct root_client **out, struct err *err)
{
	struct root_client *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set_nomem(err);
	r->n = n;
	r->sock = -1;
	r->retry = timer_new(n->loop, on_retry, r);
	if (r->retry == NULL) {
		free(r);
		return err_set_nomem(err);
	}
	*out = r;
	connect_now(r);
	return 0;
}

void root_client_close(struct root_client *r)
{
	if (r == NULL)
		return;
	disconnect(r);
	timer_free(r->retry);
	free(r);
}

bool root_client_ready(const struct root_client *r)
{
	return r != NULL && r->sock >= 0;
}

/* --- requests -------------------------------------------------------------------------------- */

/* "192.0.2.7:51234" or "[2001:db8::1]:22" as SSH_CLIENT has it: "192.0.2.7 51234". */
static void client_with_blank(const char *client, char *out)
{
	const char *colon = strrchr(client, ':');
	size_t len = colon != NULL ? (size_t)(colon - client) : strlen(client);

	if (*client == '[' && len >= 2) {
		client++;
		len -= 2;
	}
	sprintf(out, "%.*s %s", (int)len, client, colon != NULL ? colon + 1 : "0");
}

int root_start_sshd(struct root_client *r, struct conn *c, int fd, int log_fd, struct err *err)
{
	const int fds[2] = { fd, log_fd };
	char client[sizeof(c->client) + 2];
	char bytes[REQUEST_SIZE];
	struct packet p;
	int interval, count;

	client_with_blank(c->client, client);
	c->request = ++r->seq;
	packet_begin(&p, bytes, sizeof(bytes), REQUEST_START_SSHD);
	packet_add_number(&p, "seq", c->request);
	packet_add(&p, "id", c->id);
	packet_add(&p, "client", client);
	settings_keep_alive(c->n, &interval, &count);
	packet_add_number(&p, "alive_interval", interval);
	packet_add_number(&p, "alive_count", count);
	if (send_request(r, &p, fds, 2, err) != 0)
		return err->code;
	c->unconfirmed = false; /* a list that was asked for on the way cannot know it */
	return 0;
}

void root_end_connection(struct root_client *r, const char *id)
{
	char bytes[REQUEST_SIZE];
	struct packet p;
	struct err ignored = { 0 };

	packet_begin(&p, bytes, sizeof(bytes), REQUEST_END_CONNECTION);
	packet_add_number(&p, "seq", ++r->seq);
	packet_add(&p, "id", id);
	send_request(r, &p, NULL, 0, &ignored);
}

void root_end_session(struct root_client *r, const char *sid, const char *reason)
{
	char bytes[REQUEST_SIZE];
	struct packet p;
	struct err ignored = { 0 };

	packet_begin(&p, bytes, sizeof(bytes), REQUEST_END_SESSION);
	packet_add_number(&p, "seq", ++r->seq);
	packet_add(&p, "id", sid);
	packet_add(&p, "reason", reason);
	send_request(r, &p, NULL, 0, &ignored);
}
