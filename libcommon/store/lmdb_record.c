#include "store/lmdb_record.h"

#include "base/buf.h"
#include "base/err.h"
#include "store/lmdb_env.h"
#include "store/lmdb_rows.h"

#include <string.h>

enum what { PUT = 1, DELETE };

struct change {
	uint8_t what;
	uint8_t table;
	uint16_t key_len;
	uint32_t len;
};

static MDB_dbi dbi_of(const struct lmdb *db, enum record_table table)
{
	const MDB_dbi all[RECORD_TABLES] = {
		[RECORD_ITEMS] = db->items,
		[RECORD_EXPIRY] = db->expiry,
		[RECORD_LOG] = db->log,
		[RECORD_META] = db->meta,
	};

	return all[table];
}

/* --- making changes -------------------------------------------------------------------------- */

static void note(struct lmdb_batch *b, enum what what, enum record_table table, MDB_val key,
                 MDB_val value)
{
	const struct change c = { (uint8_t)what, (uint8_t)table, (uint16_t)key.mv_size,
		                  (uint32_t)value.mv_size };

	if (!b->recording)
		return;
	buf_append(&b->record, &c, sizeof(c));
	buf_append(&b->record, key.mv_data, key.mv_size);
	buf_append(&b->record, value.mv_data, value.mv_size);
	if (b->record.failed != ERR_OK)
		lmdb_stop_recording(b);
}

int record_put(struct lmdb_batch *b, enum record_table table, MDB_val key,
               const struct record_part *parts, size_t count, unsigned flags)
{
	MDB_val value = { 0, NULL };
	uint8_t *to;
	int rc;

	for (size_t i = 0; i < count; i++)
		value.mv_size += parts[i].len;
	rc = mdb_put(b->txn, dbi_of(b->db, table), &key, &value, MDB_RESERVE | flags);
	if (rc != 0)
		return rc;
	to = value.mv_data;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(to, parts[i].data, parts[i].len);
		to += parts[i].len;
	}
	note(b, PUT, table, key, value);
	return 0;
}

int record_delete(struct lmdb_batch *b, enum record_table table, MDB_val key)
{
	int rc = mdb_del(b->txn, dbi_of(b->db, table), &key, NULL);

	if (rc == 0)
		record_deleted(b, table, key);
	return rc;
}

void record_deleted(struct lmdb_batch *b, enum record_table table, MDB_val key)
{
	note(b, DELETE, table, key, (MDB_val){ 0, NULL });
}

/* --- making them once more ------------------------------------------------------------------- */

static int replay_change(struct lmdb *db, MDB_txn *txn, const struct change *c,
                         const uint8_t *bytes)
{
	MDB_val key = row_bytes(bytes, c->key_len);
	MDB_val value = row_bytes(bytes + c->key_len, c->len);
	MDB_dbi dbi = dbi_of(db, (enum record_table)c->table);
	int rc;

	if (c->what == PUT)
		return mdb_put(txn, dbi, &key, &value, 0);
	rc = mdb_del(txn, dbi, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int record_replay(struct lmdb *db, MDB_txn *txn, const void *data, size_t len, struct err *err)
{
	const uint8_t *at = data;
	struct change c;

	for (size_t size; len > 0; at += size, len -= size) {
		int rc;

		size = sizeof(c);
		if (len >= size) {
			memcpy(&c, at, size);
			size += (size_t)c.key_len + c.len;
		}
		if (len < size || (c.what != PUT && c.what != DELETE) || c.table >= RECORD_TABLES)
			return err_set(err, ERR_CORRUPT, "keyspace: a record of its journal");
		rc = replay_change(db, txn, &c, at + sizeof(c));
		if (rc != 0)
			return lmdb_fail(err, rc, "replay its journal");
	}
	return 0;
}
