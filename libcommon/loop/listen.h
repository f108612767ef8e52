/*
 * listen - accept connections on TCP addresses, unix sockets and inherited descriptors, at most
 * so many in all and per address.
 *
 * A connection above a bound is closed at once and on_refuse is told, so that nobody can fill
 * the process up. Running out of descriptors pauses accepting for a moment instead of spinning.
 * A connection counts until its stream is freed or its descriptor taken out.
 */
#ifndef LOOP_LISTEN_H
#define LOOP_LISTEN_H

#include <sys/types.h>

#include <uv.h>

struct conf_addr;
struct err;
struct listen;
struct stream;

struct listen_handler {
	/* A connection, not yet attached; TCP_NODELAY and keep-alive are set. */
	void (*on_accept)(void *owner, struct stream *take_stream);
	/* One was turned away: ERR_LIMIT with the bound's name and the peer, or ERR_IO. May be
	 * NULL. */
	void (*on_refuse)(void *owner, const struct err *err);
};

struct listen_limits {
	unsigned max;          /* connections in all; 0 = 1024 */
	unsigned max_per_addr; /* from one IP address (IPv6: one /64); 0 = no own bound. Unix
	                          peers count in all only */
};

/* NULL when memory runs out. The handler is borrowed. */
struct listen *listen_new(uv_loop_t *loop, const struct listen_limits *limits,
                          const struct listen_handler *h, void *owner);

/* Stops accepting; open connections live on. No call comes after it. NULL allowed. */
void listen_free(struct listen *l);

/*
 * "host:port", or ":port" (every address, IPv6 and IPv4), "unix:/path" (mode 0660, own group), or
 * "systemd:name" (the descriptor that the unit's FileDescriptorName= or its order number names,
 * see sd_listen_fds(3)). Port 0 lets the kernel choose. May be called several times. ERR_INVALID,
 * ERR_NOT_FOUND, ERR_EXISTS (in use), ERR_IO.
 */
int listen_add(struct listen *l, const char *addr, struct err *err);

/* The same of an address from a configuration; host "" = every address. */
int listen_add_addr(struct listen *l, const struct conf_addr *addr, struct err *err);

/* A unix socket with this mode and group ((gid_t)-1: the process's own). One that a dead process
 * left behind is replaced; one that answers is ERR_EXISTS. */
int listen_add_unix(struct listen *l, const char *path, mode_t mode, gid_t group, struct err *err);

/* An open listening socket; closed on failure. */
int listen_add_fd(struct listen *l, int take_fd, struct err *err);

/* Of the first TCP socket; 0 when there is none. */
unsigned listen_port(const struct listen *l);

/* Connections that count now. */
unsigned listen_count(const struct listen *l);

/* Accept no more for now, or again. */
void listen_pause(struct listen *l);
void listen_resume(struct listen *l);

#endif
