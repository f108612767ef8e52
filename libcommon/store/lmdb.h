/*
 * lmdb - the keyspace on disk: items, their expiry and the change log in one LMDB environment.
 *
 * For keyspace.c only. Four tables:
 *
 *   items   key                     -> revision, expires, value
 *   expiry  expires (big-endian) key -> nothing; one row per item that expires
 *   log     revision, index (big-endian) -> time, type, expires, key, value
 *   meta    "schema" "revision" "compacted" -> a number each; "journal" (lmdb_durable.h)
 *
 * Reads may come from any thread, several at once. Changes come from one thread, as a batch:
 * begin, any number of applied writes, commit or abort. A transaction never outlives the
 * function that the caller sees, but for the batch.
 */
#ifndef STORE_LMDB_H
#define STORE_LMDB_H

#include "store/keyspace.h"

struct lmdb;
struct lmdb_batch;
struct lmdb_schema;

/* Where an event stands in the log; ordered by both. */
struct lmdb_position {
	uint64_t revision;
	uint32_t index; /* LMDB_WHOLE: behind all events of the revision */
};

#define LMDB_WHOLE UINT32_MAX

/* The revision of an empty keyspace; 0 means "none" to watchers. */
#define LMDB_FIRST_EVER 1

int lmdb_open(const char *dir, size_t map_size, struct lmdb **out_db, struct err *err);

/* The same with another schema than this program's (borrowed), for tests of migrations. */
int lmdb_open_with(const char *dir, size_t map_size, const struct lmdb_schema *schema,
                   struct lmdb **out_db, struct err *err);
void lmdb_close(struct lmdb *db);

/* Clears what processes that ended while they read have left in the table of readers. */
void lmdb_forget_dead(struct lmdb *db);

/* --- reads: `now` is the wall time that expiry is judged by ---------------------------------- */

int lmdb_get(struct lmdb *db, const char *key, int64_t now, struct keyspace_item *out_item,
             struct err *err);
int lmdb_each(struct lmdb *db, const struct keyspace_query *query, int64_t now, keyspace_item_fn fn,
              void *arg, uint64_t *out_revision, struct err *err);

/* The newest revision, and the newest one whose events are no longer in the log. */
int lmdb_revisions(struct lmdb *db, uint64_t *out_newest, uint64_t *out_compacted, struct err *err);

/* A write has failed such that nobody knows what is on the disk; nothing is written, and perhaps
 * not read either, until the environment is opened anew. */
bool lmdb_is_broken(struct lmdb *db);

/* Whether any item expires at all, and whether one has expired by `now`. */
int lmdb_expiry(struct lmdb *db, int64_t now, bool *out_any, bool *out_due, struct err *err);

/* The event is borrowed. Anything but 0 ends the walk after this event. */
typedef int (*lmdb_event_fn)(void *arg, struct lmdb_position at,
                             const struct keyspace_event *event);

/*
 * Calls fn for the events behind `after`, in order; ERR_CONFLICT when some of them are compacted.
 * *out_newest is the newest revision of the snapshot that was read.
 */
int lmdb_log_each(struct lmdb *db, struct lmdb_position after, lmdb_event_fn fn, void *arg,
                  uint64_t *out_newest, struct err *err);

/* --- changes --------------------------------------------------------------------------------- */

int lmdb_begin(struct lmdb *db, int64_t now, struct lmdb_batch **out_batch, struct err *err);

/* Whether an error of lmdb_apply() is about the write alone; after any other the batch is
 * good for lmdb_abort() only. */
bool lmdb_is_condition(int code);

/* Checks all conditions, then does all actions under a new revision. */
int lmdb_apply(struct lmdb_batch *b, const struct keyspace_op *ops, size_t count,
               uint64_t *out_revision, struct err *err);

/* Deletes up to `max` items that have expired, under one revision. */
int lmdb_sweep(struct lmdb_batch *b, size_t max, struct err *err);

/* For a restore: stores the item with its own revision, and tells the log nothing. */
int lmdb_put_back(struct lmdb_batch *b, const struct keyspace_item *item, struct err *err);

/* Goes on behind this revision; all before it counts as compacted. */
int lmdb_jump(struct lmdb_batch *b, uint64_t revision, struct err *err);

/* Forgets the oldest events, some at a time: those older than `keep_ms`, and all above
 * `keep_events`. */
int lmdb_prune(struct lmdb_batch *b, size_t keep_events, int64_t keep_ms, struct err *err);

/* To be called now and then by who commits: whoever has not for a while no longer keeps pages from
 * being used again. */
void lmdb_rest(struct lmdb *db, int64_t now_mono_ms);

/* Durable when it returns 0. Frees the batch either way. */
int lmdb_commit(struct lmdb_batch *take_b, struct err *err);
void lmdb_abort(struct lmdb_batch *take_b);

#endif
