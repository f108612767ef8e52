#include "proxyd/door.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/sshcert.h"
#include "ipc/packet.h"
#include "loop/packet_server.h"
#include "loop/splice.h"
#include "loop/stream.h"
#include "model/identity.h"
#include "proxyd/access.h"
#include "proxyd/door_files.h"
#include "proxyd/link.h"
#include "proxyd/proxyd.h"
#include "proxyd/reach.h"
#include "proxyd/visitor.h"

#include "proto/dial.pb.h"

#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HELPERS_MAX     512
#define ANSWER_MAX      2048
#define DOOR_TIMEOUT_MS 20 /* a full queue is an answer: nobody else may wait for it */

/* --- clients, to sshd ------------------------------------------------------------------------ */

static void on_client_done(void *owner, const struct splice_count *count, const struct err *err)
{
	(void)count;
	visitor_leave(owner);
	if (err != NULL)
		log_debug("door", "client gone", kv("reason", err->msg));
}

/* One end of a socketpair goes to proxyd-door with the client's address. */
static int send_to_door(const struct proxyd *p, int fd, const char *client, struct err *err)
{
	char bytes[256];
	struct packet packet;
	int sock = packet_connect(p->conf.door_socket, DOOR_TIMEOUT_MS);
	int rc = 0;

	if (sock < 0)
		return err_set_errno(err, ERR_UNAVAILABLE, errno, "reach the SSH door at '%s'",
		                     p->conf.door_socket);
	packet_begin(&packet, bytes, sizeof(bytes), "connection");
	packet_add(&packet, "client", client);
	if (packet_send(sock, &packet, &fd, 1) != 0)
		rc = err_set_errno(err, ERR_UNAVAILABLE, errno, "hand over to the SSH door");
	close(sock);
	return rc;
}

static int open_door(struct proxyd *p, const char *client, struct stream **out, struct err *err)
{
	int ends[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_set_errno(err, ERR_IO, errno, "make a socket pair");
	rc = send_to_door(p, ends[1], client, err);
	close(ends[1]);
	if (rc == 0)
		return stream_open_fd(p->loop, ends[0], out, err);
	close(ends[0]);
	return rc;
}

static int welcome(struct proxyd *p, const struct stream *s, struct visitor **out, struct err *err)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(from);

	if (p->door == NULL)
		return err_set(err, ERR_UNSUPPORTED, "this proxy has no SSH door");
	getpeername(stream_fd(s), (struct sockaddr *)&from, &len);
	return visitor_come(p->visitors, (struct sockaddr *)&from, stream_peer(s), out, err);
}

void door_serve_client(struct proxyd *p, struct stream *take_stream)
{
	struct visitor *visitor = NULL;
	struct stream *sshd = NULL;
	struct err err = { 0 };

	if (welcome(p, take_stream, &visitor, &err) == 0 &&
	    open_door(p, stream_peer(take_stream), &sshd, &err) == 0 &&
	    splice_start(take_stream, sshd, on_client_done, visitor) != NULL)
		return;
	visitor_leave(visitor);
	log_info("connection refused", kv("addr", stream_peer(take_stream)), kv("reason", err.msg));
	if (sshd != NULL)
		stream_reset(sshd, NULL);
	stream_reset(take_stream, &err);
}

/* --- helpers, to nodes ----------------------------------------------------------------------- */

/* A helper's request; lives until it is refused or the link that it became has ended. The helper
 * waits for its socket to close, and sshd for the helper. */
struct helper {
	struct proxyd *p;
	struct packet_peer *peer; /* NULL: went away */
	struct stream *client;    /* the descriptors it handed over */
	struct peer user;
	struct reach *reach;
};

static void helper_free(struct helper *h)
{
	if (h->client != NULL)
		stream_reset(h->client, NULL);
	peer_deinit(&h->user);
	free(h);
}

static void answer(struct helper *h, const char *word, const char *message)
{
	char bytes[ANSWER_MAX];
	struct packet packet;
	struct err ignored = { 0 };

	if (h->peer == NULL)
		return;
	packet_begin(&packet, bytes, sizeof(bytes), word);
	packet_add(&packet, "message", message);
	packet_peer_send(h->peer, &packet, NULL, 0, &ignored);
}

static void close_peer(struct helper *h)
{
	if (h->peer == NULL)
		return;
	packet_peer_set_data(h->peer, NULL);
	packet_peer_close(h->peer);
}

static void on_link_ended(void *arg)
{
	close_peer(arg);
	helper_free(arg);
}

static void refuse(struct helper *h, const struct err *why)
{
	char name[PEER_NAME_SIZE];

	log_info("dial refused", kv("peer", peer_name(&h->user, name, sizeof(name))),
	         kv("addr", h->user.addr), kv("reason", why->msg));
	answer(h, "error", why->msg);
	close_peer(h);
	helper_free(h);
}

/* The candidates of an ambiguous name, in the one line that the helper prints. */
static void add_candidates(struct err *err, const pv_DialResponse *response)
{
	for (pb_size_t i = 0; i < response->candidates_count; i++) {
		struct err so_far = *err;

		err_set(err, so_far.code, "%.400s%s %s (%s)", so_far.msg, i == 0 ? ":" : ",",
		        response->candidates[i].node_id, response->candidates[i].addr);
	}
}

static void on_reached(void *owner, struct stream *take_stream, const char *node_id,
                       const pv_DialResponse *response, const struct err *why)
{
	struct helper *h = owner;
	struct stream *client;
	struct err err = { 0 };

	h->reach = NULL;
	if (why != NULL) {
		err_copy(&err, why);
		add_candidates(&err, response);
		refuse(h, &err);
		return;
	}
	log_info("stream opened", kv("user", h->user.identity.user), kv("node", node_id),
	         kv("addr", h->user.addr));
	answer(h, "ok", "");
	client = h->client;
	h->client = NULL;
	if (link_start(h->p, &h->user, node_id, client, take_stream, on_link_ended, h, &err) != 0) {
		log_error("stream failed", kv("reason", err.msg));
		on_link_ended(h);
	}
}

/* The pipe or socket pair that sshd gave the helper, as one stream. */
static int open_client(struct proxyd *p, const int *take_fds, int count, struct stream **out,
                       struct err *err)
{
	struct stat st;

	if (count != 2) {
		while (count > 0)
			close(take_fds[--count]);
		return err_set(err, ERR_INVALID, "two descriptors are needed");
	}
	if (fstat(take_fds[0], &st) == 0 && S_ISSOCK(st.st_mode)) {
		close(take_fds[1]); /* the same socket, open twice */
		return stream_open_fd(p->loop, take_fds[0], out, err);
	}
	return stream_open_pair(p->loop, take_fds[0], take_fds[1], out, err);
}

static int read_certificate(struct helper *h, const char *data, size_t len, struct err *err)
{
	const char *line = packet_get(data, len, "certificate");
	const char *client = packet_get(data, len, "client");
	struct sshcert cert;
	int rc;

	if (line == NULL || client == NULL)
		return err_set(err, ERR_INVALID, "no certificate was shown");
	rc = sshcert_parse_line(line, &cert, err);
	if (rc != 0)
		return rc;
	rc = access_ssh_peer(h->p, &cert, client, &h->user, err);
	sshcert_deinit(&cert);
	return rc;
}

static int go(struct helper *h, const char *data, size_t len, struct err *err)
{
	pv_DialRequest request = {
		.kind = pv_StreamKind_STREAM_SSH,
		.target = (char *)packet_get(data, len, "host"),
		.port = (char *)packet_get(data, len, "port"),
	};

	if (!str_eq(data, "connect"))
		return err_set(err, ERR_INVALID, "'%.32s' is no request", data);
	if (read_certificate(h, data, len, err) != 0)
		return err->code;
	visitor_prove(h->p->visitors, h->user.addr);
	return reach_start(h->p, &h->user, &request, on_reached, h, &h->reach, err);
}

static bool is_door_user(const struct proxyd *p, const struct packet_peer *peer)
{
	const struct passwd *door = getpwnam(p->conf.door_user);

	return door != NULL && packet_peer_uid(peer) == door->pw_uid;
}

static void on_gone(void *owner, struct packet_peer *peer)
{
	struct helper *h = packet_peer_data(peer);

	(void)owner;
	if (h == NULL)
		return;
	h->peer = NULL;
	reach_cancel(h->reach); /* on_reached frees; NULL once the link stands */
}

static void on_packet(void *owner, struct packet_peer *peer, const char *data, size_t len,
                      const int *take_fds, int count)
{
	struct proxyd *p = owner;
	struct helper *h = calloc(1, sizeof(*h));
	struct err err = { 0 };
	int rc;

	if (h == NULL || packet_peer_data(peer) != NULL || !is_door_user(p, peer)) {
		on_gone(p, peer); /* a request that is under way must not answer it any more */
		while (count > 0)
			close(take_fds[--count]);
		packet_peer_close(peer);
		free(h);
		return;
	}
	h->p = p;
	h->peer = peer;
	packet_peer_set_data(peer, h);
	rc = open_client(p, take_fds, count, &h->client, &err);
	if (rc == 0)
		rc = go(h, data, len, &err);
	if (rc != 0)
		refuse(h, &err);
}

/* --- opening --------------------------------------------------------------------------------- */

int door_open(struct proxyd *p, struct err *err)
{
	static const struct packet_handler handler = { on_packet, on_gone };
	const struct passwd *door;

	if (p->conf.door_dir == NULL)
		return 0;
	door = getpwnam(p->conf.door_user);
	if (door == NULL)
		return err_set(err, ERR_NOT_FOUND, "door.user: no Unix user '%s'",
		               p->conf.door_user);
	if (door_files_write(p, err) != 0)
		return err->code;
	p->visitors = visitors_new();
	if (p->visitors == NULL)
		return err_set_nomem(err);
	return packet_server_open(p->loop, p->conf.door_helper_socket, 0660, door->pw_gid,
	                          HELPERS_MAX, &handler, p, &p->door, err);
}

void door_close(struct proxyd *p)
{
	packet_server_close(p->door);
	visitors_free(p->visitors);
	p->door = NULL;
	p->visitors = NULL;
}
