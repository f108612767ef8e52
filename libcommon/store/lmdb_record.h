/*
 * lmdb_record - changes of rows, as a batch makes them and as the journal keeps them.
 *
 *   record = changes: u8 what (1 put, 2 delete), u8 table, u16 length of the key, u32 length of the
 *            value, key, value
 */
#ifndef STORE_LMDB_RECORD_H
#define STORE_LMDB_RECORD_H

#include "store/lmdb_change.h"

#include <lmdb.h>
#include <stddef.h>
#include <stdint.h>

enum record_table { RECORD_ITEMS, RECORD_EXPIRY, RECORD_LOG, RECORD_META, RECORD_TABLES };

/* A part of a value. */
struct record_part {
	const void *data;
	size_t len;
};

/* Puts a row whose value the parts make up. Returns LMDB's code. */
int record_put(struct lmdb_batch *b, enum record_table table, MDB_val key,
               const struct record_part *parts, size_t count, unsigned flags);

/* Deletes a row; MDB_NOTFOUND: there is none. */
int record_delete(struct lmdb_batch *b, enum record_table table, MDB_val key);

/* The row was deleted by a cursor. */
void record_deleted(struct lmdb_batch *b, enum record_table table, MDB_val key);

/* Makes the changes of a record once more. ERR_CORRUPT: it is none. */
int record_replay(struct lmdb *db, MDB_txn *txn, const void *data, size_t len, struct err *err);

#endif
