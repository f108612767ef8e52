/*
 * lmdb_change - what lmdb_batch.c (writes) and lmdb_upkeep.c (expiry, pruning) both do to rows.
 *
 * Invariants: an item with an expiry has exactly one row in the expiry table; every change of
 * an item outside /secrets/ has one row in the log, under the revision that the item then has.
 */
#ifndef STORE_LMDB_CHANGE_H
#define STORE_LMDB_CHANGE_H

#include "base/buf.h"
#include "store/lmdb.h"

#include <lmdb.h>

struct lmdb_batch {
	struct lmdb *db;
	MDB_txn *txn;
	int64_t now;
	uint64_t revision; /* the newest given out */
	uint32_t index;    /* of the next event within it */
	struct buf record; /* its changes, for the journal */
	bool recording;    /* they are not too many for it */
	uint64_t number;   /* of the journal, and where in it the record goes */
	uint64_t at;
};

/* There are too many changes for a record. */
void lmdb_stop_recording(struct lmdb_batch *b);

/* A number of the meta table. */
int change_meta(struct lmdb_batch *b, const char *name, uint64_t value, struct err *err);

/* What follows happens under a new revision. */
void lmdb_next_revision(struct lmdb_batch *b);

/* The item's row, expired or not; ERR_NOT_FOUND when there is none. Its value lives until the
 * next change. */
int change_load(struct lmdb_batch *b, const char *key, char key_room[KEYSPACE_KEY_MAX + 1],
                struct keyspace_item *out, struct err *err);

/* Stores item and expiry row; the second tells the log too. An old expiry row is not theirs to
 * remove. */
int change_store(struct lmdb_batch *b, const char *key, const void *value, size_t len,
                 uint64_t revision, int64_t expires, struct err *err);
int change_put(struct lmdb_batch *b, const char *key, const void *value, size_t len,
               int64_t expires, struct err *err);

/* One expiry row; or that of the item that is there now, if any. */
int change_expiry_remove(struct lmdb_batch *b, int64_t expires, const char *key, struct err *err);
int change_forget_expiry(struct lmdb_batch *b, const char *key, struct err *err);

/* The item with all that belongs to it, and its event; 0 when there is none. */
int change_delete(struct lmdb_batch *b, const char *key, struct err *err);

#endif
