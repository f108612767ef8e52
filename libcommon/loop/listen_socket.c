#include "loop/listen_socket.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG  511
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* --- TCP -------------------------------------------------------------------------------------- */

static int bind_and_listen(int fd, const struct sockaddr *sa, socklen_t len)
{
	const int on = 1, off = 0;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa->sa_family == AF_INET6) /* "[::]" means IPv4 too */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return bind(fd, sa, len) == 0 && listen(fd, BACKLOG) == 0 ? 0 : errno;
}

static int open_tcp(const struct addrinfo *ai, struct listen_socket *out, struct err *err)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int errnum = fd < 0 ? errno : bind_and_listen(fd, ai->ai_addr, ai->ai_addrlen);

	if (errnum == 0) {
		*out = (struct listen_socket){ .fd = fd };
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return err_set(err, errnum == EADDRINUSE ? ERR_EXISTS : ERR_IO, "%s", strerror(errnum));
}

/* Several addresses of one name share the port that the kernel chose for the first. */
static void share_port(const struct listen_socket *first, struct addrinfo *ai)
{
	struct sockaddr_in *sin = (void *)ai->ai_addr; /* the port lies as in sockaddr_in6 */

	if (sin->sin_port == 0)
		sin->sin_port = htons((uint16_t)listen_socket_port(first));
}

/* Opens what can be opened; an address in use fails them all, since half a service surprises. */
static int open_all(struct addrinfo *found, struct listen_socket *out, size_t *out_n,
                    struct err *err)
{
	size_t n = 0;
	int rc = 0;

	for (struct addrinfo *ai = found; ai != NULL && n < LISTEN_SOCKETS; ai = ai->ai_next) {
		if (n > 0)
			share_port(&out[0], ai);
		rc = open_tcp(ai, &out[n], err);
		if (rc == 0)
			n++;
		else if (rc == ERR_EXISTS)
			break;
	}
	if (n > 0 && rc != ERR_EXISTS) {
		*out_n = n;
		return 0;
	}
	while (n > 0)
		listen_socket_close(&out[--n]);
	return rc;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int listen_socket_tcp(const struct conf_addr *addr, struct listen_socket out[LISTEN_SOCKETS],
                      size_t *out_n, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	const char *everywhere = has_ipv6() ? "::" : "0.0.0.0";
	struct addrinfo *found;
	int rc;

	rc = getaddrinfo(addr->host[0] != 0 ? addr->host : everywhere, addr->port, &hints, &found);
	if (rc != 0)
		return err_set(err, ERR_NOT_FOUND, "%s", gai_strerror(rc));
	rc = open_all(found, out, out_n, err);
	freeaddrinfo(found);
	return rc;
}

unsigned listen_socket_port(const struct listen_socket *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(s->fd, (struct sockaddr *)&ss, &len) != 0 ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6))
		return 0;
	return ntohs(((struct sockaddr_in *)(void *)&ss)->sin_port);
}

/* --- unix ------------------------------------------------------------------------------------- */

static int unix_address(const char *path, struct sockaddr_un *out, struct err *err)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (*path == 0 || str_copy(out->sun_path, sizeof(out->sun_path), path) != 0)
		return err_set(err, ERR_INVALID, "'%s' is no path for a unix socket", path);
	return 0;
}

/* 0 when the path is free or holds a socket that nobody serves any more. */
static int check_stale(const char *path, struct err *err)
{
	struct sockaddr_un un;
	struct stat st;
	int fd, rc;

	if (unix_address(path, &un, err) != 0)
		return err->code;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_set_errno(err, ERR_IO, errno, "look at it");
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_EXISTS, "there is a file that is not a socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "socket");
	rc = connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return rc ? 0 : err_set(err, ERR_EXISTS, "another process serves it");
}

/* Everything is set before the first client can come. */
static int prepare(int fd, const char *path, mode_t mode, gid_t group, struct err *err)
{
	struct sockaddr_un un;

	if (unix_address(path, &un, err) != 0)
		return err->code;
	unlink(path);
	if (bind(fd, (const struct sockaddr *)&un, sizeof(un)) != 0)
		return err_set_errno(err, ERR_IO, errno, "bind '%s'", path);
	if (group != (gid_t)-1 && chown(path, (uid_t)-1, group) != 0)
		return err_set_errno(err, ERR_IO, errno, "give it to group %u", (unsigned)group);
	if (chmod(path, mode) != 0)
		return err_set_errno(err, ERR_IO, errno, "set its mode");
	if (listen(fd, BACKLOG) != 0)
		return err_set_errno(err, ERR_IO, errno, "listen");
	return 0;
}

static int put_in_place(int fd, const char *path, mode_t mode, gid_t group, struct stat *out_st,
                        struct err *err)
{
	char *temp = str_printf("%s.%d", path, (int)getpid());
	int rc;

	if (temp == NULL)
		return err_set_nomem(err);
	rc = prepare(fd, temp, mode, group, err);
	if (rc == 0 && (stat(temp, out_st) != 0 || rename(temp, path) != 0))
		rc = err_set_errno(err, ERR_IO, errno, "rename '%s'", temp);
	if (rc != 0)
		unlink(temp);
	free(temp);
	return rc;
}

int listen_socket_unix(const char *path, mode_t mode, gid_t group, struct listen_socket *out,
                       struct err *err)
{
	struct listen_socket s = { .fd = -1, .path = strdup(path) };
	struct stat st;
	int rc;

	if (s.path == NULL)
		return err_set_nomem(err);
	rc = check_stale(path, err);
	if (rc != 0)
		goto out;
	s.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s.fd < 0) {
		rc = err_set_errno(err, ERR_IO, errno, "socket");
		goto out;
	}
	rc = put_in_place(s.fd, path, mode, group, &st, err);
out:
	if (rc != 0) {
		listen_socket_close(&s);
		return rc;
	}
	s.dev = st.st_dev;
	s.ino = st.st_ino;
	*out = s;
	return 0;
}

void listen_socket_close(const struct listen_socket *s)
{
	struct stat st;

	if (s->path != NULL && s->ino != 0 && stat(s->path, &st) == 0 && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlink(s->path);
	free(s->path);
	if (s->fd >= 0)
		close(s->fd);
}

/* --- from systemd: see sd_listen_fds(3) ------------------------------------------------------- */

static int inherited_count(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	struct err ignored;
	int64_t n;

	if (pid == NULL || count == NULL || str_to_i64(pid, 1, INT32_MAX, &n, &ignored) != 0 ||
	    n != getpid() || str_to_i64(count, 0, 1024, &n, &ignored) != 0)
		return 0;
	return (int)n;
}

/* The place of `name` in "a:b:c"; -1: not there. */
static int place_of(const char *names, const char *name)
{
	size_t len = strlen(name);
	int place = 0;

	while (names != NULL) {
		size_t here = strcspn(names, ":");

		if (here == len && strncmp(names, name, len) == 0)
			return place;
		names = names[here] == ':' ? names + here + 1 : NULL;
		place++;
	}
	return -1;
}

int listen_socket_inherited(const char *name, struct listen_socket *out, struct err *err)
{
	int count = inherited_count();
	int place = place_of(getenv("LISTEN_FDNAMES"), name);
	struct err ignored;
	int64_t number;
	int fd, flags;

	if (str_to_i64(name, 0, INT32_MAX, &number, &ignored) == 0)
		place = (int)number;
	if (place < 0 || place >= count)
		return err_set(err, ERR_NOT_FOUND, "no such descriptor came from systemd");
	fd = FIRST_FD + place;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return err_set_errno(err, ERR_IO, errno, "use descriptor %d", fd);
	*out = (struct listen_socket){ .fd = fd };
	return 0;
}
