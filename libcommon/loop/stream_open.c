#include "loop/stream_private.h"

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEP_ALIVE_S 60
#define QUICK_ACKS   64 /* reads at the start: longer than any login takes */

static int family_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 ? ss.ss_family : AF_UNSPEC;
}

static void remember_peer(struct stream *s, int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		ss.ss_family = AF_UNIX;
	addr_print((const struct sockaddr *)&ss, s->peer);
}

static int open_tcp(uv_loop_t *loop, uv_tcp_t *tcp, int take_fd)
{
	int rc;

	uv_tcp_init(loop, tcp);
	rc = uv_tcp_open(tcp, take_fd);
	if (rc != 0) {
		close(take_fd);
		return rc;
	}
	uv_tcp_nodelay(tcp, 1);
	uv_tcp_keepalive(tcp, 1, KEEP_ALIVE_S);
	return 0;
}

/* Files cannot be waited for: libuv would abort on the first read. */
static bool can_wait_for(int fd)
{
	uv_handle_type type = uv_guess_handle(fd);

	return type == UV_NAMED_PIPE || type == UV_TTY;
}

static int open_pipe(uv_loop_t *loop, uv_pipe_t *pipe, int take_fd)
{
	int rc;

	uv_pipe_init(loop, pipe, 0);
	rc = can_wait_for(take_fd) ? uv_pipe_open(pipe, take_fd) : UV_ENOTSUP;
	if (rc != 0)
		close(take_fd);
	return rc;
}

struct stream *stream_new(uv_loop_t *loop)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->waiting = 1; /* until stream_shut() */
	s->out = &s->in.stream;
	uv_idle_init(loop, &s->kick);
	uv_timer_init(loop, &s->timer);
	str_copy(s->peer, sizeof(s->peer), "unix");
	return s;
}

static int opened(struct stream *s, int rc, struct stream **out, struct err *err)
{
	if (rc != 0) {
		stream_shut(s);
		return err_set(err, ERR_IO, "use a descriptor as a stream: %s", uv_strerror(rc));
	}
	s->in.handle.data = s;
	*out = s;
	return 0;
}

/*
 * libuv never closes descriptors 0 to 2, so the peer of one would wait for its end for ever: it
 * moves up, and /dev/null takes its place, for the numbers must not fall to something else.
 */
static int above_stdio(int fd)
{
	int moved, null;

	if (fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (moved < 0 || null < 0 || dup2(null, fd) < 0) {
		if (moved >= 0)
			close(moved);
		moved = fd;
	}
	if (null >= 0)
		close(null);
	return moved;
}

int stream_open_fd(uv_loop_t *loop, int take_fd, struct stream **out, struct err *err)
{
	struct stream *s = stream_new(loop);
	int family = family_of(take_fd);
	int rc;

	if (s == NULL) {
		close(take_fd);
		return err_set_nomem(err);
	}
	remember_peer(s, take_fd);
	if (family == AF_INET || family == AF_INET6) {
		rc = open_tcp(loop, &s->in.tcp, take_fd);
		s->quick_acks = QUICK_ACKS;
	} else {
		rc = open_pipe(loop, &s->in.pipe, take_fd);
	}
	return opened(s, rc, out, err);
}

int stream_open_pair(uv_loop_t *loop, int take_in, int take_out, struct stream **out,
                     struct err *err)
{
	uv_pipe_t *out_pipe = calloc(1, sizeof(*out_pipe));
	struct stream *s = out_pipe != NULL ? stream_new(loop) : NULL;
	int rc, out_rc;

	if (s == NULL) {
		free(out_pipe);
		close(take_in);
		close(take_out);
		return err_set_nomem(err);
	}
	s->out_pipe = out_pipe;
	s->out = (uv_stream_t *)out_pipe;
	rc = open_pipe(loop, &s->in.pipe, above_stdio(take_in));
	out_rc = open_pipe(loop, s->out_pipe, above_stdio(take_out));
	return opened(s, rc != 0 ? rc : out_rc, out, err);
}

uv_loop_t *stream_loop(const struct stream *s)
{
	return s->kick.loop;
}

const char *stream_peer(const struct stream *s)
{
	return s->peer;
}

void stream_set_peer(struct stream *s, const char *peer)
{
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
}

int stream_fd(const struct stream *s)
{
	uv_os_fd_t fd = -1;

	if (s->carrier == NULL)
		uv_fileno(&s->in.handle, &fd);
	return fd;
}

int stream_peer_cred(const struct stream *s, uid_t *out_uid, gid_t *out_gid, pid_t *out_pid,
                     struct err *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd = stream_fd(s);

	if (family_of(fd) != AF_UNIX)
		return err_set(err, ERR_UNSUPPORTED, "'%s' is not a local process", s->peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return err_set_errno(err, ERR_IO, errno, "ask who is at a unix socket");
	*out_uid = cred.uid;
	*out_gid = cred.gid;
	*out_pid = cred.pid;
	return 0;
}

static int dup_blocking(int fd, int *out_fd, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int flags = copy >= 0 ? fcntl(copy, F_GETFL) : -1;

	if (flags >= 0 && fcntl(copy, F_SETFL, flags & ~O_NONBLOCK) == 0) {
		*out_fd = copy;
		return 0;
	}
	err_set_errno(err, ERR_IO, errno, "take a connection's descriptor");
	if (copy >= 0)
		close(copy);
	return err->code;
}

int stream_take_fd(struct stream *s, int *out_fd, struct buf *out_unused, struct err *err)
{
	if (s->state != STREAM_OPEN || s->why != NULL || s->secure != NULL || s->carrier != NULL ||
	    s->out_pipe != NULL || s->output != OUT_OPEN || stream_queued(s) > 0)
		return err_set(err, ERR_INVALID, "the connection with '%s' is not free to hand on",
		               s->peer);
	if (s->offered != NULL)
		buf_append(out_unused, s->offered, s->offered_len);
	else
		buf_append(out_unused, s->kept.data, s->kept.len);
	if (buf_check(out_unused, err) != 0 || dup_blocking(stream_fd(s), out_fd, err) != 0)
		return err->code;
	stream_shut(s);
	return 0;
}
