#include "loop/packet_server.h"

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "loop/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

struct packet_server {
	uv_poll_t poll;
	int fd;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	unsigned max_peers;
	unsigned peer_count;
	const struct packet_handler *handler;
	void *owner;
	struct list peers;
	char *buffer; /* PACKET_MAX, for whichever peer is read */
};

struct packet_peer {
	struct list link;
	uv_poll_t poll;
	struct packet_server *server; /* NULL: closed, waiting for libuv */
	struct timer *silence;
	int fd;
	uid_t uid;
	pid_t pid;
	void *data;
};

/* --- peers ----------------------------------------------------------------------------------- */

static void on_peer_closed(uv_handle_t *h)
{
	struct packet_peer *p = container_of(h, struct packet_peer, poll);

	close(p->fd);
	free(p);
}

void packet_peer_close(struct packet_peer *p)
{
	if (p->server == NULL)
		return;
	p->server->peer_count--;
	p->server = NULL;
	list_remove(&p->link);
	timer_free(p->silence);
	shutdown(p->fd, SHUT_RDWR);
	uv_close((uv_handle_t *)&p->poll, on_peer_closed);
}

static void peer_gone(struct packet_peer *p)
{
	struct packet_server *s = p->server;

	if (s->handler->on_gone != NULL)
		s->handler->on_gone(s->owner, p);
	packet_peer_close(p);
}

static void on_peer_readable(uv_poll_t *poll, int status, int events)
{
	struct packet_peer *p = container_of(poll, struct packet_peer, poll);
	struct packet_server *s = p->server;
	int fds[PACKET_FDS];
	int count = 0;
	ssize_t len;

	(void)events;
	len = status == 0 ? packet_recv(p->fd, s->buffer, PACKET_MAX, fds, PACKET_FDS, &count) : 0;
	if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (len <= 0) {
		peer_gone(p);
		return;
	}
	timer_stop(p->silence);
	s->handler->on_packet(s->owner, p, s->buffer, (size_t)len, fds, count);
}

static void on_silence(void *owner)
{
	peer_gone(owner);
}

static int read_credentials(struct packet_peer *p)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -1;
	p->uid = cred.uid;
	p->pid = cred.pid;
	return 0;
}

static struct packet_peer *peer_new(struct packet_server *s, int fd)
{
	struct packet_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->fd = fd;
	p->server = s;
	list_init(&p->link);
	p->silence = timer_new(s->poll.loop, on_silence, p);
	if (p->silence == NULL || read_credentials(p) != 0 ||
	    uv_poll_init(s->poll.loop, &p->poll, fd) != 0) {
		timer_free(p->silence);
		free(p);
		return NULL;
	}
	return p;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct packet_server *s = container_of(poll, struct packet_server, poll);
	struct packet_peer *p = NULL;
	int fd;

	(void)events;
	fd = status == 0 ? accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
	if (fd < 0)
		return;
	if (s->peer_count < s->max_peers)
		p = peer_new(s, fd);
	if (p == NULL) {
		close(fd);
		return;
	}
	s->peer_count++;
	list_append(&s->peers, &p->link);
	timer_once(p->silence, PACKET_SILENCE_MS);
	uv_poll_start(&p->poll, UV_READABLE, on_peer_readable);
}

uid_t packet_peer_uid(const struct packet_peer *p)
{
	return p->uid;
}

pid_t packet_peer_pid(const struct packet_peer *p)
{
	return p->pid;
}

void packet_peer_set_data(struct packet_peer *p, void *data)
{
	p->data = data;
}

void *packet_peer_data(const struct packet_peer *p)
{
	return p->data;
}

int packet_peer_send(struct packet_peer *p, const struct packet *packet, const int *fds, int count,
                     struct err *err)
{
	if (packet_send(p->fd, packet, fds, count) != 0)
		return err_set_errno(err, ERR_IO, errno, "answer process %d", (int)p->pid);
	return 0;
}

/* --- the server ------------------------------------------------------------------------------ */

static int bind_socket(struct packet_server *s, mode_t mode, gid_t group, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (str_copy(addr.sun_path, sizeof(addr.sun_path), s->path) != 0)
		return err_set(err, ERR_INVALID, "socket path '%s' is too long", s->path);
	unlink(s->path);
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		return err_set_errno(err, ERR_IO, errno, "make socket '%s'", s->path);
	if ((group != (gid_t)-1 && chown(s->path, (uid_t)-1, group) != 0) ||
	    chmod(s->path, mode) != 0 || listen(s->fd, BACKLOG) != 0)
		return err_set_errno(err, ERR_IO, errno, "open socket '%s'", s->path);
	return 0;
}

static void server_free(struct packet_server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->buffer);
	free(s);
}

static void on_server_closed(uv_handle_t *h)
{
	server_free(container_of(h, struct packet_server, poll));
}

int packet_server_open(uv_loop_t *loop, const char *path, mode_t mode, gid_t group,
                       unsigned max_peers, const struct packet_handler *h, void *owner,
                       struct packet_server **out, struct err *err)
{
	struct packet_server *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_set_nomem(err);
	s->fd = -1;
	s->max_peers = max_peers;
	s->handler = h;
	s->owner = owner;
	list_init(&s->peers);
	s->buffer = malloc(PACKET_MAX);
	if (s->buffer == NULL)
		rc = err_set_nomem(err);
	else if (str_copy(s->path, sizeof(s->path), path) != 0)
		rc = err_set(err, ERR_INVALID, "socket path '%s' is too long", path);
	else
		rc = bind_socket(s, mode, group, err);
	if (rc == 0 && uv_poll_init(loop, &s->poll, s->fd) != 0)
		rc = err_set(err, ERR_IO, "watch socket '%s'", path);
	if (rc != 0) {
		server_free(s);
		return rc;
	}
	uv_poll_start(&s->poll, UV_READABLE, on_acceptable);
	*out = s;
	return 0;
}

void packet_server_stop(struct packet_server *s)
{
	if (s == NULL || s->path[0] == 0)
		return;
	uv_poll_stop(&s->poll);
	unlink(s->path);
	s->path[0] = 0; /* from now on somebody else's */
}

void packet_server_close(struct packet_server *s)
{
	if (s == NULL)
		return;
	packet_server_stop(s);
	while (!list_empty(&s->peers))
		peer_gone(container_of(s->peers.next, struct packet_peer, link));
	uv_close((uv_handle_t *)&s->poll, on_server_closed);
}
