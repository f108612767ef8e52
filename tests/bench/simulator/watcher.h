/*
 * watcher - a member that does nothing but watch: opens a stream, and opens it anew, with the
 * pauses of a daemon, when it ends.
 */
#ifndef SIMULATOR_WATCHER_H
#define SIMULATOR_WATCHER_H

#include "base/backoff.h"

struct err;
struct member;
struct rpc_stream;
struct rpc_stream_events;
struct timer;

/* What a member needs for it; { 0 } before it starts. */
struct watcher {
	const struct watcher_way *way;
	struct timer *again; /* NULL: stopped */
	struct rpc_stream *stream;
	struct backoff pause;
};

/* How the target is watched. */
struct watcher_way {
	/* Begins the stream with these events and the member as its data. */
	int (*open)(struct member *m, const struct rpc_stream_events *events,
	            struct rpc_stream **out, struct err *err);
	/* One answer came; tells herd_live(), herd_saw(). */
	void (*message)(struct member *m, const void *message);
};

int watcher_start(struct member *m, const struct watcher_way *way, struct err *err);
void watcher_stop(struct member *m);

#endif
