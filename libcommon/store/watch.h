/*
 * watch - one watch of a keyspace: its prefixes, its bounded queue, how it catches up.
 *
 * For events.c only, which owns the states drawn in events.h and feeds it.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "base/err.h"
#include "base/list.h"
#include "store/keyspace_impl.h"
#include "store/lmdb.h"

struct prefix;
struct prefixes;
struct recent;

/* An event that the queues of many watches share. */
struct shared {
	int refs;
	struct keyspace_event event;
	char bytes[]; /* key, 0, value */
};

enum watch_state { WATCH_CATCHING_UP, WATCH_LIVE, WATCH_ENDED };

struct watch {
	struct keyspace_watch base;
	struct list link;      /* in events->watches */
	struct list due;       /* in events->due while its callback is owed */
	struct events *events; /* NULL once the keyspace is closed */
	enum watch_state state;
	struct err end; /* why it ended */
	struct prefix *prefixes;
	size_t prefix_count;
	struct lmdb_position position; /* what was read from the log, until it is live */
	struct shared **queue;         /* a ring that grows as it must */
	size_t queue_size;
	size_t queue_max;
	size_t first;
	size_t count;
	struct shared *current; /* what the reader has borrowed */
	uint64_t delivered;     /* every revision before this one was handed out whole */
	bool (*wants)(void *arg, const struct keyspace_event *event);
	keyspace_watch_cb ready;
	void *arg;
};

/* All watches, and what has been pushed to them. */
struct events {
	struct lmdb *db;
	uint64_t head; /* everything up to here was pushed */
	struct prefixes *index;
	struct recent
	        *recent; /* of the log up to the head; NULL until a watch begins in the past */
	struct list watches;
	struct list due;
};

/* A copy with one reference; NULL when memory runs out. */
struct shared *shared_new(const struct keyspace_event *event);
void shared_unref(struct shared *s); /* NULL allowed */

/* For `base`, of every watch. */
const struct keyspace_watch_impl *watch_impl(void);

/* Takes prefixes from the options, queues INIT; live at once if there is nothing for it before the
 * head. On failure watch_free() releases what there is. */
int watch_init(struct watch *w, const struct keyspace_watch_options *options, struct err *err);

void watch_free(struct watch *w);

/* Whether it is to be queued, its key having matched. */
bool watch_wants(const struct watch *w, const struct keyspace_event *event);

/* Queues one event (adding a reference); ends the watch when the queue is full. */
void watch_push(struct watch *w, struct shared *s);

/* Ends it for good, unless it has ended: why is what its reader is told. */
void watch_end(struct watch *w, const struct err *why);

#endif
