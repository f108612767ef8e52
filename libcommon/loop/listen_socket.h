/*
 * listen_socket - making the listening sockets that listen accepts on; used by it alone.
 */
#ifndef LOOP_LISTEN_SOCKET_H
#define LOOP_LISTEN_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

struct conf_addr;
struct err;

#define LISTEN_SOCKETS 8 /* addresses behind one name */

struct listen_socket {
	int fd;
	char *path; /* of a unix socket that we made, and which file it was: it is removed with us,
	               but not the one that a successor has put in its place */
	dev_t dev;
	ino_t ino;
};

/* One socket per address that the name stands for; "" = every address. */
int listen_socket_tcp(const struct conf_addr *addr, struct listen_socket out[LISTEN_SOCKETS],
                      size_t *out_n, struct err *err);

/* See listen_add_unix(). The socket is put in place with its mode and group set, in one step. */
int listen_socket_unix(const char *path, mode_t mode, gid_t group, struct listen_socket *out,
                       struct err *err);

/* What systemd handed over under this name or number (LISTEN_FDS, LISTEN_FDNAMES). */
int listen_socket_inherited(const char *name, struct listen_socket *out, struct err *err);

unsigned listen_socket_port(const struct listen_socket *s); /* 0: not TCP */

void listen_socket_close(const struct listen_socket *s);

#endif
