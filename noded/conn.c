#include "noded/conn.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "base/strlist.h"
#include "loop/tally.h"
#include "loop/timer.h"
#include "noded/conn_file.h"
#include "noded/conn_table.h"
#include "noded/noded.h"
#include "noded/quick.h"
#include "noded/recheck.h"
#include "noded/report.h"
#include "noded/root_client.h"
#include "noded/session.h"
#include "noded/slot.h"
#include "noded/sshd_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MAX_MS  (3600 * 1000LL) /* wall clocks jump: look again at least this often */
#define LAST_WORD_MS 1500            /* for its sessions to show why it ends */
#define SENT_MS      100             /* for sshd to send what the last one showed */
#define ROOT_WAIT_MS 5000            /* for a noded-root that is being restarted */

struct conns {
	struct list all;
	struct map *by_id;
	size_t max;
	struct tally *unproven;
};

/* --- the table ------------------------------------------------------------------------------- */

void conn_free(struct conn *c)
{
	list_remove(&c->link);
	if (map_get(c->n->conns->by_id, c->id) == c)
		map_remove(c->n->conns->by_id, c->id);
	tally_remove(c->unproven);
	timer_free(c->deadline);
	slot_free(c->slot);
	identity_deinit(&c->identity);
	free(c->login);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* A noded-root that is away hears of it when it is back, after the sessions: end_again(). */
static void end_now(const struct conn *c)
{
	if (root_client_ready(c->n->root))
		root_end_connection(c->n->root, c->id);
}

/* A line before the identification string (RFC 4253, 4.2), as sshd says "Exceeded MaxStartups".
 * What the client has sent is read first: closing over unread bytes would take our line back. */
static void say_why(int fd, const struct err *why)
{
	char bytes[1024];

	(void)!recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	snprintf(bytes, sizeof(bytes), "postern: %.200s\r\n", why->msg);
	(void)!send(fd, bytes, strlen(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void give_up(struct conn *c)
{
	static const struct err why = { ERR_UNAVAILABLE, "noded-root is not running" };

	log_warn("connection refused", kv("addr", c->client), kv("reason", why.msg));
	say_why(c->fd, &why);
	conn_forget(c);
}

static void on_deadline(void *owner)
{
	struct conn *c = owner;

	if (c->ending)
		end_now(c);
	else if (!c->started)
		give_up(c);
	else if (c->state == CONN_PROVEN)
		recheck_conn(c);
	else
		conn_end(c, "took too long to log in");
}

struct conn *conn_new(struct noded *n, struct err *err)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	c->n = n;
	c->fd = -1;
	list_init(&c->link);
	c->deadline = timer_new(n->loop, on_deadline, c);
	if (c->deadline == NULL) {
		free(c);
		err_set_nomem(err);
		return NULL;
	}
	return c;
}

int conn_add(struct conn *c, struct err *err)
{
	struct conns *all = c->n->conns;

	if (map_count(all->by_id) >= all->max)
		return err_set(err, ERR_LIMIT, "more than %zu connections", all->max);
	if (map_put(all->by_id, c->id, c, NULL) != 0)
		return err_set_nomem(err);
	list_append(&all->all, &c->link);
	return 0;
}

int conns_open(struct noded *n, struct conns **out, struct err *err)
{
	struct conns *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return err_set_nomem(err);
	list_init(&all->all);
	all->max = (size_t)n->conf.max_connections;
	all->by_id = map_new();
	all->unproven = tally_new((unsigned)n->conf.max_unauthenticated,
	                          (unsigned)n->conf.max_unauthenticated_per_addr);
	*out = all;
	if (all->by_id == NULL || all->unproven == NULL)
		return err_set_nomem(err);
	return conn_files_load(n, err);
}

void conns_close(struct conns *all)
{
	if (all == NULL)
		return;
	/* The connections live on; their files tell the next noded of them. */
	while (!list_empty(&all->all))
		conn_free(container_of(all->all.next, struct conn, link));
	map_free(all->by_id);
	tally_unref(all->unproven);
	free(all);
}

struct conn *conn_find(const struct noded *n, const char *id)
{
	return map_get(n->conns->by_id, id);
}

struct conn *conn_next(const struct noded *n, const struct conn *at)
{
	struct list *next = at != NULL ? at->link.next : n->conns->all.next;

	return next != &n->conns->all ? container_of(next, struct conn, link) : NULL;
}

struct conn *conn_by_peer(const struct noded *n, const char *addr, const char *port)
{
	char want[sizeof(((struct conn *)NULL)->peer)];

	snprintf(want, sizeof(want), "%s %s", addr, port);
	for (struct conn *c = conn_next(n, NULL); c != NULL; c = conn_next(n, c))
		if (str_eq(c->peer, want))
			return c;
	return NULL;
}

/* --- beginning ------------------------------------------------------------------------------- */

/* "192.0.2.7 51234": how sshd's log names the other end. */
static void peer_text(const struct sockaddr_storage *from, char *out, size_t size)
{
	char addr[INET6_ADDRSTRLEN] = "";
	unsigned port = 0;

	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)from;

		inet_ntop(AF_INET, &in->sin_addr, addr, sizeof(addr));
		port = ntohs(in->sin_port);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;

		inet_ntop(IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) ? AF_INET : AF_INET6,
		          IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)
		                  ? (const void *)&in->sin6_addr.s6_addr[12]
		                  : (const void *)&in->sin6_addr,
		          addr, sizeof(addr));
		port = ntohs(in->sin6_port);
	}
	snprintf(out, size, "%s %u", addr, port);
}

/* The client's own address, so that a proxy in front does not share one bound among all. */
static void client_sockaddr(const char *client, struct sockaddr_storage *out)
{
	const char *colon = strrchr(client, ':');
	size_t len = colon != NULL ? (size_t)(colon - client) : strlen(client);
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	char host[INET6_ADDRSTRLEN + 2];

	*out = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (*client == '[' && len >= 2) {
		client++;
		len -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, client);
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1)
		out->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1)
		out->ss_family = AF_INET6;
}

static int count_unproven(struct conn *c, struct err *err)
{
	struct sockaddr_storage from;

	client_sockaddr(c->client, &from);
	return tally_add(c->n->conns->unproven, (struct sockaddr *)&from, &c->unproven, err);
}

/* If noded-root is not there, it is asked when it is back: conns_reconcile(). */
static void ask_start(struct conn *c)
{
	struct err err = { 0 };

	if (root_start_sshd(c->n->root, c, c->fd, sshd_log_fd(c->n->sshd_log), &err) != 0)
		log_info("connection waits", kv("conn", c->id), kv("addr", c->client),
		         kv("reason", err.msg));
}

static void set_started(struct conn *c)
{
	if (c->started)
		return;
	c->started = true;
	if (c->state != CONN_PROVEN && !c->ending)
		timer_once(c->deadline, c->n->conf.login_grace);
}

static int begin(struct conn *c, int fd, const char *client, struct err *err)
{
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);

	rand_uuid(c->id);
	if (str_copy(c->client, sizeof(c->client), client) != 0)
		return err_set(err, ERR_INVALID, "client address is too long");
	if (getpeername(fd, (struct sockaddr *)&from, &len) == 0)
		peer_text(&from, c->peer, sizeof(c->peer));
	if (count_unproven(c, err) != 0 || conn_add(c, err) != 0)
		return err->code;
	c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (conn_file_write(c, err) != 0)
		return err->code;
	timer_once(c->deadline, ROOT_WAIT_MS);
	quick_start(c->n->quick, fd);
	ask_start(c);
	return 0;
}

int conn_start(struct noded *n, int take_fd, const char *client, struct err *err)
{
	struct conn *c = conn_new(n, err);
	int rc = c != NULL ? begin(c, take_fd, client, err) : err->code;

	if (rc == ERR_LIMIT)
		say_why(take_fd, err);
	close(take_fd);
	if (rc != 0 && c != NULL) {
		conn_file_remove(c);
		conn_free(c);
	}
	return rc;
}

/* --- who it is ------------------------------------------------------------------------------- */

int conn_set_candidate(struct conn *c, pv_Identity *take_identity, const char *login,
                       struct err *err)
{
	char *copy = strdup(login);

	if (copy == NULL)
		return err_set_nomem(err);
	identity_deinit(&c->identity);
	c->identity = *take_identity;
	*take_identity = (pv_Identity){ 0 };
	free(c->login);
	c->login = copy;
	c->state = CONN_CANDIDATE;
	return conn_file_write(c, err);
}

static void wait_for_end(struct conn *c, int64_t end)
{
	int64_t wait = end - clock_wall_ms(c->n->clock);

	timer_stop(c->deadline);
	if (end == 0)
		return;
	timer_once(c->deadline, wait > WAIT_MAX_MS ? WAIT_MAX_MS : wait > 0 ? wait : 0);
}

void conn_set_proven(struct conn *c, int64_t end)
{
	struct err err = { 0 };

	if (c->state != CONN_PROVEN) {
		tally_remove(c->unproven);
		c->unproven = NULL;
		c->state = CONN_PROVEN;
		log_info("logged in", kv("user", c->identity.user), kv("login", c->login),
		         kv("client", c->client), kv("conn", c->id));
		if (conn_file_write(c, &err) != 0)
			log_warn("connection not saved", kv("reason", err.msg));
	}
	wait_for_end(c, end);
}

/* --- ending ---------------------------------------------------------------------------------- */

static bool end_sessions(struct conn *c, const char *reason)
{
	struct noded *n = c->n;
	bool any = false;

	for (struct session *s = session_next(n, NULL); s != NULL; s = session_next(n, s))
		if (str_eq(s->conn, c->id)) {
			session_end(n, s, reason);
			any = true;
		}
	return any;
}

/* The kernel's word for the end must not overtake the reason on its way to the terminal. */
void conn_end(struct conn *c, const char *reason)
{
	struct noded *n = c->n;

	if (c->ending)
		return;
	c->ending = true;
	log_info("connection ended", kv("conn", c->id), kv("user", c->identity.user),
	         kv("client", c->client), kv("reason", reason));
	if (c->state == CONN_PROVEN)
		report_disconnect(n, c->identity.user, c->login, c->client, NULL, reason);
	if (end_sessions(c, reason))
		timer_once(c->deadline, LAST_WORD_MS);
	else
		root_end_connection(n->root, c->id);
	/* Whoever reads no longer learns at once, even if sshd is stuck. */
	if (c->state != CONN_PROVEN && c->fd >= 0)
		shutdown(c->fd, SHUT_RDWR);
}

void conn_session_over(const struct noded *n, const char *id)
{
	struct conn *c = conn_find(n, id);

	if (c != NULL && !c->ending)
		recheck_idle(c);
	if (c == NULL || !c->ending)
		return;
	for (struct session *s = session_next(n, NULL); s != NULL; s = session_next(n, s))
		if (str_eq(s->conn, id))
			return;
	timer_once(c->deadline, SENT_MS);
}

void conn_forget(struct conn *c)
{
	slot_release(c);
	conn_file_remove(c);
	conn_free(c);
}

void conns_started(struct noded *n, long long request)
{
	for (struct conn *c = conn_next(n, NULL); c != NULL; c = conn_next(n, c))
		if (c->request == request)
			set_started(c);
}

void conns_refused(struct noded *n, long long request)
{
	struct conn *next;

	for (struct conn *c = conn_next(n, NULL); c != NULL; c = next) {
		next = conn_next(n, c);
		if (c->request == request)
			conn_forget(c);
	}
}

void conns_expect_list(struct noded *n)
{
	for (struct conn *c = conn_next(n, NULL); c != NULL; c = conn_next(n, c))
		c->unconfirmed = true;
}

/* What was asked of a noded-root that was not there, or died. */
static void end_again(const struct noded *n)
{
	for (struct session *s = session_next(n, NULL); s != NULL; s = session_next(n, s))
		if (s->end_reason != NULL)
			root_end_session(n->root, s->sid, s->end_reason);
	for (struct conn *c = conn_next(n, NULL); c != NULL; c = conn_next(n, c))
		if (c->ending)
			timer_once(c->deadline, LAST_WORD_MS);
}

/* The list shows it, or does not. */
static void reconcile(struct conn *c, bool lives)
{
	if (lives)
		set_started(c);
	else if (c->unconfirmed && !c->started && c->fd >= 0)
		ask_start(c);
	else if (c->unconfirmed)
		conn_forget(c);
	if (lives)
		c->unconfirmed = false;
}

void conns_reconcile(struct noded *n, char *const *ids, size_t count)
{
	struct conn *next;

	for (struct conn *c = conn_next(n, NULL); c != NULL; c = next) {
		next = conn_next(n, c);
		reconcile(c, str_in(c->id, ids, count));
	}
	end_again(n);
}
