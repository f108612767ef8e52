/*
 * lmdb_upkeep - what happens to rows without anybody asking: expired items go, old events leave the
 * log.
 */
#include "store/lmdb_change.h"

#include "base/err.h"
#include "store/lmdb_env.h"
#include "store/lmdb_record.h"
#include "store/lmdb_rows.h"

#include <string.h>

#define PRUNE_AT_ONCE 512 /* rows of the log; bounds what a write pays for those before it */

/* The key that expires first, if it has; ERR_NOT_FOUND when none has. */
static int first_expired(struct lmdb_batch *b, char key[KEYSPACE_KEY_MAX + 1], struct err *err)
{
	MDB_cursor *cursor = NULL;
	int64_t expires;
	MDB_val row;
	int rc = mdb_cursor_open(b->txn, b->db->expiry, &cursor);

	if (rc == 0)
		rc = mdb_cursor_get(cursor, &row, NULL, MDB_FIRST);
	if (rc == 0) {
		rc = row_expiry_parse(&row, &expires, key, err);
		if (rc == 0 && expires > b->now)
			rc = ERR_NOT_FOUND;
	} else {
		rc = rc == MDB_NOTFOUND ? ERR_NOT_FOUND : lmdb_fail(err, rc, "read");
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	return rc;
}

int lmdb_sweep(struct lmdb_batch *b, size_t max, struct err *err)
{
	char key[KEYSPACE_KEY_MAX + 1];
	int rc = 0;

	lmdb_next_revision(b);
	for (size_t i = 0; i < max && rc == 0; i++) {
		rc = first_expired(b, key, err);
		if (rc == 0)
			rc = change_delete(b, key, err);
	}
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Deletes the oldest event if it is to go, and tells its revision; ERR_NOT_FOUND: it stays. */
static int prune_first(struct lmdb_batch *b, MDB_cursor *cursor, bool too_many, int64_t keep_ms,
                       uint64_t *compacted, struct err *err)
{
	struct lmdb_position at;
	uint8_t key[ROW_LOG_KEY];
	struct row_event head;
	MDB_val k;
	MDB_val v;
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);

	if (rc == MDB_NOTFOUND)
		return ERR_NOT_FOUND;
	if (rc != 0)
		return lmdb_fail(err, rc, "read the change log");
	if (v.mv_size < sizeof(head))
		return err_set(err, ERR_CORRUPT, "keyspace: an event is cut");
	memcpy(&head, v.mv_data, sizeof(head));
	if (!too_many && b->now - head.time < keep_ms)
		return ERR_NOT_FOUND;
	if (row_log_key_parse(&k, &at, err) != 0)
		return err->code;
	row_log_key(key, at);
	rc = mdb_cursor_del(cursor, 0);
	if (rc != 0)
		return lmdb_fail(err, rc, "prune the change log");
	record_deleted(b, RECORD_LOG, row_bytes(key, sizeof(key)));
	*compacted = at.revision;
	return 0;
}

int lmdb_prune(struct lmdb_batch *b, size_t keep_events, int64_t keep_ms, struct err *err)
{
	uint64_t compacted = 0;
	MDB_cursor *cursor;
	MDB_stat stat;
	size_t excess;
	int rc = mdb_stat(b->txn, b->db->log, &stat);

	if (rc == 0)
		rc = mdb_cursor_open(b->txn, b->db->log, &cursor);
	if (rc != 0)
		return lmdb_fail(err, rc, "prune the change log");
	excess = stat.ms_entries > keep_events ? stat.ms_entries - keep_events : 0;
	for (size_t i = 0; i < PRUNE_AT_ONCE && rc == 0; i++)
		rc = prune_first(b, cursor, i < excess, keep_ms, &compacted, err);
	mdb_cursor_close(cursor);
	if (rc != 0 && rc != ERR_NOT_FOUND)
		return rc;
	if (compacted == 0)
		return 0;
	return change_meta(b, LMDB_META_COMPACTED, compacted, err);
}
