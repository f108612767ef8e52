/*
 * lmdb_durable - one flush per commit: LMDB's own are left out, and the journal's stands for them.
 *
 *   open, alone:  the base's first pages are put back, its records made once more
 *   a write:      transaction --> record flushed to the journal --> commit, which flushes nothing
 *   now and then: all of data.mdb is flushed, and its first pages are the next base: a checkpoint
 *
 * LMDB never changes a page that a snapshot may read, but for its first two, which say where the
 * newest snapshots begin. So a reader is kept at each base, the pin: as long as it stands, all of
 * that snapshot is on the disk as it was flushed, whatever order the system has written later pages
 * in, and with the first two pages as they were then the file is that snapshot again. What came
 * behind it is in the journal.
 *
 * Invariants: who commits without flushing has a pin that is no younger than the base that counts;
 * base and pin are made under LMDB's lock of writers; a change that is not in the journal counts
 * only once a checkpoint is behind it, and nobody appends before that.
 *
 * Of several processes each has its own pin. One that has not written for a while lets go of it,
 * for it would keep pages from being used again.
 */
#ifndef STORE_LMDB_DURABLE_H
#define STORE_LMDB_DURABLE_H

#include "store/lmdb_change.h"

struct err;
struct lmdb;

/* Before LMDB opens the files. */
int lmdb_durable_open(struct lmdb *db, const char *dir, struct err *err);

/* Behind it: puts the base back, unless others have the files open. *out_reopen: LMDB has been
 * closed for it. */
int lmdb_durable_put_back(struct lmdb *db, const char *dir, bool *out_reopen, struct err *err);

/* With the tables open: makes once more what the journal tells. */
int lmdb_durable_replay(struct lmdb *db, struct err *err);

/* Everything that was committed is in data.mdb from now on, and the journal is empty. */
int lmdb_checkpoint(struct lmdb *db, struct err *err);

/* Ends with a checkpoint if there is something to put there; before LMDB closes. */
void lmdb_durable_close(struct lmdb *db);

/* Within the batch's fresh transaction: where its record goes. *out_again: nowhere, unless a
 * checkpoint is made first. */
int lmdb_durable_begin(struct lmdb_batch *b, bool *out_again, struct err *err);

/* Makes the record durable and commits the transaction, or neither. */
int lmdb_durable_commit(struct lmdb_batch *b, struct err *err);

#endif
