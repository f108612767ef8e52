/*
 * keyspace_peer - a second process on the fixture's keyspace, which does as it is told.
 *
 * Forked while the fixture's keyspace is closed, for LMDB's environment does not survive a fork.
 */
#ifndef TESTS_UNIT_KEYSPACE_PEER_H
#define TESTS_UNIT_KEYSPACE_PEER_H

#include "tests/unit/keyspace_fixture.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct peer_order {
	int (*run)(struct fixture *f, const struct peer_order *order); /* in the peer */
	char key[64];
	char value[64];
	int64_t ms;
};

struct peer {
	pid_t pid;
	int fd;
};

/* The peer's own end, for orders that answer before they are done. */
static int peer_fd = -1;

static inline void peer_answer(int code)
{
	if (write(peer_fd, &code, sizeof(code)) != sizeof(code))
		_exit(2);
}

static inline void peer_run(const struct fixture *ours)
{
	struct fixture own = *ours; /* with a clock of its own */
	struct fixture *f = &own;
	struct peer_order order;

	own.options.clock = &own.clock.clock;
	fixture_open(f);
	peer_answer(0);
	for (;;) {
		struct pollfd fds[2] = { { .fd = peer_fd, .events = POLLIN },
			                 { .fd = keyspace_fd(f->ks), .events = POLLIN } };

		poll(fds, 2, -1);
		keyspace_dispatch(f->ks);
		if (fds[0].revents == 0)
			continue;
		if (read(peer_fd, &order, sizeof(order)) != sizeof(order))
			_exit(0);
		peer_answer(order.run(f, &order));
	}
}

static inline int peer_wait(struct peer *p)
{
	int code = -1;

	assert_int_equal(read(p->fd, &code, sizeof(code)), sizeof(code));
	return code;
}

static inline void peer_send(struct peer *p,
                             int (*run)(struct fixture *, const struct peer_order *),
                             const char *key, const char *value, int64_t ms)
{
	struct peer_order order = { .run = run, .ms = ms };

	snprintf(order.key, sizeof(order.key), "%s", key);
	snprintf(order.value, sizeof(order.value), "%s", value);
	assert_int_equal(write(p->fd, &order, sizeof(order)), sizeof(order));
}

/* Gives an order and waits for its answer. */
static inline int peer_do(struct peer *p, int (*run)(struct fixture *, const struct peer_order *),
                          const char *key, const char *value, int64_t ms)
{
	peer_send(p, run, key, value, ms);
	return peer_wait(p);
}

/* Closes the fixture's keyspace, starts the peer, and opens the keyspace again behind it. */
static inline struct peer peer_start(struct fixture *f)
{
	struct peer p;
	int fds[2];

	keyspace_close(f->ks);
	f->ks = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (p.pid == 0) {
		close(fds[0]);
		peer_fd = fds[1];
		peer_run(f);
	}
	close(fds[1]);
	p.fd = fds[0];
	assert_int_equal(peer_wait(&p), 0);
	fixture_open(f);
	return p;
}

static inline void peer_kill(struct peer *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->fd);
}

/* --- orders ---------------------------------------------------------------------------------- */

/* Puts, for order->ms if that is not 0. */
static inline int peer_put(struct fixture *f, const struct peer_order *order)
{
	return order->ms != 0 ? put_for(f, order->key, order->value, order->ms)
	                      : put(f, order->key, order->value);
}

#endif
