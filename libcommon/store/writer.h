/*
 * writer - the thread that commits writes, as many as wait in one fsync, and deletes what expired
 * if it is this process that does so.
 *
 * For keyspace.c only.
 *
 *   writer_add() --> queue --> thread: commit --> finished, descriptor readable --> writer_next()
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "base/err.h"
#include "base/list.h"
#include "store/keyspace.h"

struct lmdb;
struct peers;
struct writer;

/* A write on its way. The bytes of its operations follow the array, in the same block. */
struct write {
	struct list link;
	keyspace_done_cb done;
	void *arg;
	uint64_t revision;
	struct err err; /* why it failed; code 0 = it did not */
	size_t size;    /* of the whole block */
	size_t count;
	struct keyspace_op ops[];
};

struct writer_options {
	struct lmdb *db;
	struct peers *peers;
	const struct clock *clock;
	size_t log_events;
	int64_t log_age_ms;
	size_t waiting_max;
};

int writer_start(const struct writer_options *options, struct writer **out_writer, struct err *err);

/* Commits what is queued and ends the thread. Finished writes can still be taken. */
void writer_stop(struct writer *wr);
void writer_free(struct writer *wr);

/* Readable when a write has finished or expired items were deleted. */
int writer_fd(const struct writer *wr);

/* Makes the descriptor unreadable until something else happens. */
void writer_clear(struct writer *wr);

/* Another process has written: something may expire from now on. */
void writer_look(struct writer *wr);

/* Takes the write over on success. ERR_LIMIT: too many are on their way. */
int writer_add(struct writer *wr, struct write *w, struct err *err);

/* A write that has finished, in their order; it is the caller's to free. NULL: none. */
struct write *writer_next(struct writer *wr);

#endif
