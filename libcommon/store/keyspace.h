/*
 * keyspace - sorted keys with values, revisions, expiry and a change log.
 *
 * The interface of every implementation: whoever opens one (store/keyspace_lmdb.h) is the last to
 * know which it is. store/keyspace_impl.h tells what an implementation provides.
 *
 * Reads are synchronous, on a local snapshot. Writes are asynchronous: keyspace_write() copies
 * what it is given and sends it on its way; when it is durable the callback comes from
 * keyspace_dispatch(). The program calls that whenever keyspace_fd() is readable, on the one
 * thread that also does everything else with the keyspace; only keyspace_get() and
 * keyspace_each() may run on any. No event loop is known here.
 *
 *   keyspace_write() --> queue --> durable commit, elsewhere --> fd readable
 *   keyspace_dispatch() --> callbacks of writes, then watchers get their events
 *
 * A write holds one or more operations. All conditions are checked first, on the
 * state before; then all actions happen, or none, under one new revision (64 bits,
 * growing, never used twice). Its events enter the change log in the same commit.
 * A read started inside the callback sees the write.
 *
 * Keys are UTF-8 without control characters, begin with '/', hold no empty part and
 * no part "..", and have at most KEYSPACE_KEY_MAX bytes. Keys under /secrets/ never
 * enter the change log, so that no watcher can be handed one.
 *
 * An item that has expired is gone for every read and condition at once; within two
 * seconds it is deleted for good, which watchers see as a DELETE. A lease is an item that expires
 * and is kept alive by keyspace_op_extend().
 *
 * Several processes may have one keyspace open (an upgrade): all read and write, each hears of
 * the others' writes at once (keyspace_fd), and one of them deletes what has expired.
 *
 * Errors of a write: ERR_EXISTS, ERR_NOT_FOUND, ERR_CONFLICT (a condition; nothing
 * happened), ERR_LIMIT (disk or map full), ERR_CORRUPT, ERR_IO. After the last
 * three nothing of it is stored and what was acknowledged before still is.
 */
#ifndef STORE_KEYSPACE_H
#define STORE_KEYSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct keyspace;
struct keyspace_watch;

#define KEYSPACE_KEY_MAX     480
#define KEYSPACE_VALUE_MAX   60000
#define KEYSPACE_OPS_MAX     1000 /* a watcher that is not behind takes that many at once */
#define KEYSPACE_SECRETS     "/secrets/"
#define KEYSPACE_WATCH_QUEUE 1024 /* events a watcher may be behind unless it asks for another */

/* Finishes the writes that are waiting (their callbacks come from within), closes watches
 * with ERR_UNAVAILABLE; their holders still call keyspace_watch_close(). */
void keyspace_close(struct keyspace *ks);

/* Becomes readable when keyspace_dispatch() has something to do. Not to be read or closed. */
int keyspace_fd(const struct keyspace *ks);

/* Runs due callbacks: never blocks, may be called at any time but not from a callback. */
void keyspace_dispatch(struct keyspace *ks);

/* A commit has failed half-way: every read and write fails (ERR_IO) until the keyspace is closed
 * and opened anew. Nothing that was acknowledged is lost. */
bool keyspace_is_broken(const struct keyspace *ks);

/* Whether it is this process that deletes what has expired, of those that have the keyspace open:
 * the first that asks, until it ends. What else only one of them may do goes by this too. */
bool keyspace_leads(const struct keyspace *ks);

/* The newest revision that is committed. */
uint64_t keyspace_revision(const struct keyspace *ks);

/* --- keys ------------------------------------------------------------------------------------ */

/* 0, or ERR_INVALID with what is wrong with the key. */
int keyspace_key_check(const char *key, struct err *err);

/* --- reads ----------------------------------------------------------------------------------- */

struct keyspace_item {
	char *key;
	uint8_t *value;
	size_t len;
	uint64_t revision; /* of the write that stored it */
	int64_t expires;   /* milliseconds since 1970; 0 = never */
};

/* A copy of the item in out_item, for keyspace_item_deinit(). ERR_NOT_FOUND: absent or expired. */
int keyspace_get(struct keyspace *ks, const char *key, struct keyspace_item *out_item,
                 struct err *err);

/* Overwrites the value before it frees it: it may be a secret. */
void keyspace_item_deinit(struct keyspace_item *item);

/*
 * Which keys to walk, in the order of their bytes. Unset fields do not restrict. The next page
 * begins `after` the last key of this one, whose children it does not skip.
 */
struct keyspace_query {
	const char *prefix; /* only keys that begin with these bytes */
	const char *from;   /* the first key, included */
	const char *after;  /* the first key, excluded; goes before `from` */
	const char *to;     /* the last key, included */
	size_t limit;       /* 0 = all */
	bool descending;    /* from the last key to the first; `after` is then the upper end */
};

/* The item is borrowed for the call. Anything but 0 ends the walk. Reads may be nested. */
typedef int (*keyspace_item_fn)(void *arg, const struct keyspace_item *item);

/*
 * Calls fn for each item on one snapshot; *out_revision (may be NULL) is the snapshot's, so that
 * a watch after it misses nothing. Returns 0 or what fn returned, or an ERR_ code with err set.
 */
int keyspace_each(struct keyspace *ks, const struct keyspace_query *query, keyspace_item_fn fn,
                  void *arg, uint64_t *out_revision, struct err *err);

/* --- writes ---------------------------------------------------------------------------------- */

enum keyspace_condition {
	KEYSPACE_IF_ANY,      /* always holds */
	KEYSPACE_IF_EXISTS,   /* else ERR_NOT_FOUND */
	KEYSPACE_IF_ABSENT,   /* else ERR_EXISTS */
	KEYSPACE_IF_REVISION, /* the item's revision is `revision`; else ERR_CONFLICT */
	KEYSPACE_IF_VALUE,    /* the item's value is `expected`; else ERR_CONFLICT */
};

enum keyspace_action {
	KEYSPACE_CHECK,        /* the condition only */
	KEYSPACE_PUT,          /* store value and expiry */
	KEYSPACE_EXTEND,       /* keep the value, store the expiry; the item must exist */
	KEYSPACE_DELETE,       /* absent is fine unless the condition says otherwise */
	KEYSPACE_DELETE_RANGE, /* from key to `to`, both included; `to` NULL: all that begin with
	                          key */
};

/* One operation; keyspace_op_...() below fill it. All bytes are copied by keyspace_write(). */
struct keyspace_op {
	enum keyspace_condition condition;
	enum keyspace_action action;
	const char *key;
	const char *to;
	const void *value;
	size_t len;
	const void *expected;
	size_t expected_len;
	uint64_t revision;
	int64_t expires; /* milliseconds since 1970; 0 = never */
};

/* err is NULL on success. A callback may read, write and close watches. */
typedef void (*keyspace_done_cb)(void *arg, uint64_t revision, const struct err *err);

/*
 * Starts a write of `count` operations. A key may occur twice; the last action counts. Fails
 * without a callback (ERR_INVALID: key or value; ERR_LIMIT: too many writes wait; ERR_NOMEM), or
 * returns 0 and calls back exactly once, later; `arg` must live until then.
 */
int keyspace_write(struct keyspace *ks, const struct keyspace_op *ops, size_t count,
                   keyspace_done_cb done, void *arg, struct err *err);

/* The same, waiting for the commit: for start-up, tools and tests. Other callbacks may run. */
int keyspace_write_wait(struct keyspace *ks, const struct keyspace_op *ops, size_t count,
                        uint64_t *out_revision, struct err *err);

static inline struct keyspace_op keyspace_op_put(const char *key, const void *value, size_t len,
                                                 int64_t expires)
{
	return (struct keyspace_op){ KEYSPACE_IF_ANY, KEYSPACE_PUT, .key = key,
		                     .value = value,  .len = len,   .expires = expires };
}

/* The key must be free. */
static inline struct keyspace_op keyspace_op_create(const char *key, const void *value, size_t len,
                                                    int64_t expires)
{
	struct keyspace_op op = keyspace_op_put(key, value, len, expires);

	op.condition = KEYSPACE_IF_ABSENT;
	return op;
}

/* The key must be there. */
static inline struct keyspace_op keyspace_op_update(const char *key, const void *value, size_t len,
                                                    int64_t expires)
{
	struct keyspace_op op = keyspace_op_put(key, value, len, expires);

	op.condition = KEYSPACE_IF_EXISTS;
	return op;
}

/* The item must be as it was read: its revision still the same. */
static inline struct keyspace_op keyspace_op_update_at(const char *key, uint64_t revision,
                                                       const void *value, size_t len,
                                                       int64_t expires)
{
	struct keyspace_op op = keyspace_op_put(key, value, len, expires);

	op.condition = KEYSPACE_IF_REVISION;
	op.revision = revision;
	return op;
}

/* Compare and swap by value. */
static inline struct keyspace_op keyspace_op_swap(const char *key, const void *expected,
                                                  size_t expected_len, const void *value,
                                                  size_t len, int64_t expires)
{
	struct keyspace_op op = keyspace_op_put(key, value, len, expires);

	op.condition = KEYSPACE_IF_VALUE;
	op.expected = expected;
	op.expected_len = expected_len;
	return op;
}

/* A lease kept alive: a new expiry for an item that must be there. */
static inline struct keyspace_op keyspace_op_extend(const char *key, int64_t expires)
{
	return (struct keyspace_op){ KEYSPACE_IF_EXISTS, KEYSPACE_EXTEND, .key = key,
		                     .expires = expires };
}

/* The key must be there. */
static inline struct keyspace_op keyspace_op_delete(const char *key)
{
	return (struct keyspace_op){ KEYSPACE_IF_EXISTS, KEYSPACE_DELETE, .key = key };
}

static inline struct keyspace_op keyspace_op_delete_at(const char *key, uint64_t revision)
{
	return (struct keyspace_op){ KEYSPACE_IF_REVISION, KEYSPACE_DELETE, .key = key,
		                     .revision = revision };
}

/* Every key from first to last, both included; last NULL: every key that begins with `first`. */
static inline struct keyspace_op keyspace_op_delete_range(const char *first, const char *last)
{
	return (struct keyspace_op){ KEYSPACE_IF_ANY, KEYSPACE_DELETE_RANGE, .key = first,
		                     .to = last };
}

/* --- watches --------------------------------------------------------------------------------- */

enum keyspace_event_type { KEYSPACE_EVENT_INIT, KEYSPACE_EVENT_PUT, KEYSPACE_EVENT_DELETE };

struct keyspace_event {
	enum keyspace_event_type type;
	struct keyspace_item item; /* INIT: only its revision; DELETE: no value */
};

/* There may be an event now where there was none, or the watch has ended. Runs in dispatch. */
typedef void (*keyspace_watch_cb)(void *arg);

struct keyspace_watch_options {
	const char *const *prefixes; /* an event is delivered once, however many match */
	size_t prefix_count;         /* 0 = every key */
	uint64_t after;              /* events behind this revision; 0 = from now on */
	size_t queue;                /* 0 = KEYSPACE_WATCH_QUEUE */
	/* Whether an event (borrowed) is to be delivered at all: the reader of what is not is not
	 * even called. May read the keyspace, and neither write nor watch. NULL: each is. */
	bool (*wants)(void *arg, const struct keyspace_event *event);
	keyspace_watch_cb ready;
	void *arg;
};

/*
 * Opens a watch; its first event is INIT with the revision that it begins behind, and waits
 * already. ERR_CONFLICT: `after` is compacted (older than the change log) or in the future; take
 * a snapshot with keyspace_each() and watch behind that.
 */
int keyspace_watch_open(struct keyspace *ks, const struct keyspace_watch_options *options,
                        struct keyspace_watch **out_watch, struct err *err);

/*
 * The next event in order of revisions, borrowed until the next call on the watch; NULL when none
 * waits. Fails once the watch has ended, for good: ERR_LIMIT (its reader was too slow and the
 * queue ran over), ERR_CONFLICT (compacted), ERR_UNAVAILABLE (keyspace closed), ERR_CORRUPT,
 * ERR_NOMEM. Events that were queued before are given up: read the state anew.
 */
int keyspace_watch_next(struct keyspace_watch *watch, const struct keyspace_event **out_event,
                        struct err *err);

/* The revision up to which the watch has handed out everything: where another may go on. */
uint64_t keyspace_watch_revision(const struct keyspace_watch *watch);

/* 0 while the watch goes on, else why it has ended, as keyspace_watch_next() would say; takes no
 * event. For readers who cannot take one now. */
int keyspace_watch_check(const struct keyspace_watch *watch, struct err *err);

void keyspace_watch_close(struct keyspace_watch *watch);

#endif
