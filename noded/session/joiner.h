/*
 * joiner - others who watch a terminal session, and may type if they are peers.
 *
 * noded connects to the session's socket for each of them, sends JoinStart, and then only passes
 * bytes on (proto/dial.proto). By a JoinStart with limits it changes the session's. All see the
 * same frames. Who does not take them in time is let go of; nobody waits for him.
 */
#ifndef NODED_SESSION_JOINER_H
#define NODED_SESSION_JOINER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct event_end;
struct joiners;
struct outlet;

#define JOINER_MAX      16
#define JOINER_SLOTS    (JOINER_MAX + 1) /* one for noded, who tells limits */
#define JOINER_POLL_MAX (JOINER_SLOTS + 1)

/* What the session hears of them. */
struct joiner_handler {
	void (*on_input)(void *owner, const void *data, size_t len);
	void (*on_change)(void *owner, const char *user, const char *mode, bool joined);
	void (*on_limits)(void *owner, int64_t idle_ms, const char *idle_message); /* noded's */
};

/* Listens at `path`, which must not be in use; only our own user and root may connect. `user`
 * owns the session. ERR_IO, ERR_NOMEM. */
int joiner_open(struct joiners **out, const char *path, const char *user,
                const struct joiner_handler *h, void *owner, struct err *err);

/* Says the end to all, as far as they take it at once, and removes the socket. */
void joiner_close(struct joiners *j, const struct event_end *end);

void joiner_output(struct joiners *j, const void *data, size_t len);
void joiner_resize(struct joiners *j, unsigned columns, unsigned rows);

/* Fills in at most JOINER_POLL_MAX entries and returns how many; joiner_step() takes them back
 * after poll(2). `listen` says whether peers may type now. */
size_t joiner_poll(struct joiners *j, struct pollfd *fds, bool listen);
void joiner_step(struct joiners *j, const struct pollfd *fds, size_t count);

#endif
