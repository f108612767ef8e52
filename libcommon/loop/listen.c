#include "loop/listen.h"

#include "loop/addr.h"
#include "loop/listen_socket.h"
#include "loop/stream.h"
#include "loop/tally.h"
#include "loop/timer.h"

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "conf/conf.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16  /* then others have their turn */
#define RETRY_MS         200 /* after running out of descriptors or memory */
#define MAX_DEFAULT      1024

/* One listening socket. */
struct door {
	struct list link;
	uv_poll_t poll;
	struct listen *listen; /* NULL: it is closing */
	struct listen_socket socket;
};

struct listen {
	uv_loop_t *loop;
	const struct listen_handler *handler;
	void *owner;
	struct list doors;
	struct tally *tally;
	struct timer *retry;
	bool paused;
};

static void on_retry(void *owner)
{
	listen_resume(owner);
}

struct listen *listen_new(uv_loop_t *loop, const struct listen_limits *limits,
                          const struct listen_handler *h, void *owner)
{
	struct listen *l = calloc(1, sizeof(*l));
	unsigned max = limits != NULL && limits->max != 0 ? limits->max : MAX_DEFAULT;

	if (l == NULL)
		return NULL;
	list_init(&l->doors);
	l->loop = loop;
	l->handler = h;
	l->owner = owner;
	l->tally = tally_new(max, limits != NULL ? limits->max_per_addr : 0);
	l->retry = timer_new(loop, on_retry, l);
	if (l->tally == NULL || l->retry == NULL) {
		listen_free(l);
		return NULL;
	}
	return l;
}

static void on_door_closed(uv_handle_t *h)
{
	free(container_of(h, struct door, poll));
}

static void door_close(struct door *d)
{
	list_remove(&d->link);
	d->listen = NULL;
	uv_close((uv_handle_t *)&d->poll, on_door_closed);
	listen_socket_close(&d->socket);
}

void listen_free(struct listen *l)
{
	if (l == NULL)
		return;
	while (!list_empty(&l->doors))
		door_close(container_of(l->doors.next, struct door, link));
	tally_unref(l->tally);
	timer_free(l->retry);
	free(l);
}

/* --- accepting -------------------------------------------------------------------------------- */

static void refuse(struct listen *l, const struct err *err)
{
	if (l->handler->on_refuse != NULL)
		l->handler->on_refuse(l->owner, err);
}

static void welcome(struct listen *l, int take_fd, const struct sockaddr *from)
{
	char peer[ADDR_TEXT_SIZE];
	struct stream *s;
	struct tally_entry *entry;
	struct err err;

	if (tally_add(l->tally, from, &entry, &err) != 0) {
		close(take_fd);
	} else if (stream_open_fd(l->loop, take_fd, &s, &err) != 0) {
		tally_remove(entry);
	} else {
		stream_on_free(s, tally_remove, entry);
		l->handler->on_accept(l->owner, s);
		return;
	}
	err_wrap(&err, "refuse '%s'", addr_print(from, peer));
	refuse(l, &err);
}

/* Whether another connection may be waiting. */
static bool accept_failed(struct listen *l, int errnum)
{
	struct err err;

	if (errnum == EAGAIN)
		return false;
	if (errnum == ECONNABORTED || errnum == EINTR || errnum == EPERM || errnum == EPROTO)
		return true;
	listen_pause(l);
	timer_once(l->retry, RETRY_MS);
	err_set_errno(&err, ERR_IO, errnum, "accept connections");
	refuse(l, &err);
	return false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct door *d = container_of(poll, struct door, poll);
	bool more = status == 0;

	(void)events;
	for (int i = 0; more && i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNIX };
		socklen_t len = sizeof(from);
		int fd = accept4(d->socket.fd, (struct sockaddr *)&from, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			welcome(d->listen, fd, (const struct sockaddr *)&from);
		else
			more = accept_failed(d->listen, errno);
		if (d->listen == NULL || d->listen->paused)
			return; /* a callback has closed or paused us */
	}
}

void listen_pause(struct listen *l)
{
	l->paused = true;
	timer_stop(l->retry);
	for (struct list *at = l->doors.next; at != &l->doors; at = at->next)
		uv_poll_stop(&container_of(at, struct door, link)->poll);
}

void listen_resume(struct listen *l)
{
	l->paused = false;
	timer_stop(l->retry);
	for (struct list *at = l->doors.next; at != &l->doors; at = at->next)
		uv_poll_start(&container_of(at, struct door, link)->poll, UV_READABLE, on_readable);
}

/* --- adding ----------------------------------------------------------------------------------- */

static int add_socket(struct listen *l, const struct listen_socket *take_socket, struct err *err)
{
	struct door *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL) {
		listen_socket_close(take_socket);
		return err_set_nomem(err);
	}
	d->socket = *take_socket;
	rc = uv_poll_init(l->loop, &d->poll, d->socket.fd);
	if (rc != 0) {
		listen_socket_close(&d->socket);
		free(d);
		return err_set(err, ERR_IO, "watch a socket: %s", uv_strerror(rc));
	}
	d->listen = l;
	list_append(&l->doors, &d->link);
	if (!l->paused)
		uv_poll_start(&d->poll, UV_READABLE, on_readable);
	return 0;
}

int listen_add_fd(struct listen *l, int take_fd, struct err *err)
{
	struct listen_socket socket = { .fd = take_fd };

	return add_socket(l, &socket, err);
}

int listen_add_unix(struct listen *l, const char *path, mode_t mode, gid_t group, struct err *err)
{
	struct listen_socket socket;

	if (listen_socket_unix(path, mode, group, &socket, err) != 0)
		return err->code;
	return add_socket(l, &socket, err);
}

static int add_tcp(struct listen *l, const struct conf_addr *addr, struct err *err)
{
	struct listen_socket sockets[LISTEN_SOCKETS];
	size_t n = 0;
	int rc = listen_socket_tcp(addr, sockets, &n, err);

	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_socket(l, &sockets[i], err);
		else
			listen_socket_close(&sockets[i]);
	}
	return rc;
}

static int add_inherited(struct listen *l, const char *name, struct err *err)
{
	struct listen_socket socket;

	if (listen_socket_inherited(name, &socket, err) != 0)
		return err->code;
	return add_socket(l, &socket, err);
}

int listen_add_addr(struct listen *l, const struct conf_addr *addr, struct err *err)
{
	if (add_tcp(l, addr, err) != 0)
		return err_wrap(err, "listen on '%s:%s'", addr->host, addr->port);
	return 0;
}

static int add_text(struct listen *l, const char *text, struct err *err)
{
	struct conf_addr addr;
	int rc;

	if (conf_addr_parse(text, NULL, &addr, err) != 0)
		return err->code;
	rc = add_tcp(l, &addr, err);
	conf_addr_deinit(&addr);
	return rc;
}

int listen_add(struct listen *l, const char *addr, struct err *err)
{
	int rc;

	if (str_starts(addr, "unix:"))
		rc = listen_add_unix(l, addr + strlen("unix:"), 0660, (gid_t)-1, err);
	else if (str_starts(addr, "systemd:"))
		rc = add_inherited(l, addr + strlen("systemd:"), err);
	else
		rc = add_text(l, addr, err);
	return rc == 0 ? 0 : err_wrap(err, "listen on '%s'", addr);
}

/* --- about it --------------------------------------------------------------------------------- */

unsigned listen_port(const struct listen *l)
{
	for (struct list *at = l->doors.next; at != &l->doors; at = at->next) {
		unsigned port = listen_socket_port(&container_of(at, struct door, link)->socket);

		if (port != 0)
			return port;
	}
	return 0;
}

unsigned listen_count(const struct listen *l)
{
	return tally_count(l->tally);
}
