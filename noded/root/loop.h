/*
 * loop - descriptors and what to call when they are ready, on epoll(7).
 *
 * noded-root needs no more of a loop. One event is taken at a time, so a callback may free any
 * source, its own and others'.
 */
#ifndef NODED_ROOT_LOOP_H
#define NODED_ROOT_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct err;

/* Embed it, zeroed: not watched, as long as there is nothing to call. */
struct source {
	int fd;
	int loop;
	void (*ready)(struct source *s);
};

/* Watches take_fd; on failure it is closed. ERR_IO. */
int loop_watch(int loop, struct source *s, int take_fd, uint32_t events,
               void (*ready)(struct source *s), struct err *err);

/* Forgets and closes the descriptor. (Closing alone would not do: a child may hold a copy, and
 * epoll goes by the open file.) */
void loop_close(struct source *s);

/* Waits for one event, at most timeout_ms (-1: for ever), and calls. */
void loop_once(int loop, int timeout_ms);

#endif
