#include "store/lmdb_change.h"

#include "base/err.h"
#include "base/str.h"
#include "store/lmdb_env.h"
#include "store/lmdb_record.h"
#include "store/lmdb_rows.h"

#include <stdlib.h>
#include <string.h>

int change_load(struct lmdb_batch *b, const char *key, char key_room[KEYSPACE_KEY_MAX + 1],
                struct keyspace_item *out, struct err *err)
{
	MDB_val k = row_text(key);
	MDB_val v;
	int rc = mdb_get(b->txn, b->db->items, &k, &v);

	if (rc == MDB_NOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "no such key '%s'", key);
	if (rc != 0)
		return lmdb_fail(err, rc, "read");
	return row_item_parse(&k, &v, key_room, out, err);
}

static int log_event(struct lmdb_batch *b, enum keyspace_event_type type, const char *key,
                     const void *value, size_t len, int64_t expires, struct err *err)
{
	struct row_event head = { b->now, expires, type, (uint32_t)strlen(key) };
	const struct record_part parts[] = {
		{ &head, sizeof(head) },
		{ key, head.key_len },
		{ value, len },
	};
	uint8_t at[ROW_LOG_KEY];
	int rc;

	if (str_starts(key, KEYSPACE_SECRETS))
		return 0;
	row_log_key(at, (struct lmdb_position){ b->revision, b->index++ });
	rc = record_put(b, RECORD_LOG, row_bytes(at, sizeof(at)), parts, 3, MDB_APPEND);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "write the change log");
}

static int expiry_put(struct lmdb_batch *b, int64_t expires, const char *key, struct err *err)
{
	uint8_t row[ROW_EXPIRY_MAX];
	size_t len;
	int rc;

	if (expires == 0)
		return 0;
	len = row_expiry_key(row, expires, key);
	rc = record_put(b, RECORD_EXPIRY, row_bytes(row, len), NULL, 0, 0);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "write an expiry");
}

int change_expiry_remove(struct lmdb_batch *b, int64_t expires, const char *key, struct err *err)
{
	uint8_t row[ROW_EXPIRY_MAX];
	size_t len;
	int rc;

	if (expires == 0)
		return 0;
	len = row_expiry_key(row, expires, key);
	rc = record_delete(b, RECORD_EXPIRY, row_bytes(row, len));
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : lmdb_fail(err, rc, "remove an expiry");
}

int change_store(struct lmdb_batch *b, const char *key, const void *value, size_t len,
                 uint64_t revision, int64_t expires, struct err *err)
{
	const struct row_item head = { revision, expires };
	const struct record_part parts[] = { { &head, sizeof(head) }, { value, len } };
	int rc = record_put(b, RECORD_ITEMS, row_text(key), parts, 2, 0);

	return rc == 0 ? expiry_put(b, expires, key, err) : lmdb_fail(err, rc, "write");
}

int change_put(struct lmdb_batch *b, const char *key, const void *value, size_t len,
               int64_t expires, struct err *err)
{
	if (change_store(b, key, value, len, b->revision, expires, err) != 0)
		return err->code;
	return log_event(b, KEYSPACE_EVENT_PUT, key, value, len, expires, err);
}

int change_forget_expiry(struct lmdb_batch *b, const char *key, struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item old;
	int rc = change_load(b, key, key_room, &old, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	return rc == 0 ? change_expiry_remove(b, old.expires, key, err) : rc;
}

int change_delete(struct lmdb_batch *b, const char *key, struct err *err)
{
	int rc;

	if (change_forget_expiry(b, key, err) != 0)
		return err->code;
	rc = record_delete(b, RECORD_ITEMS, row_text(key));
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return lmdb_fail(err, rc, "delete");
	return log_event(b, KEYSPACE_EVENT_DELETE, key, NULL, 0, 0, err);
}

int lmdb_put_back(struct lmdb_batch *b, const struct keyspace_item *item, struct err *err)
{
	return change_store(b, item->key, item->value, item->len, item->revision, item->expires,
	                    err);
}

int lmdb_jump(struct lmdb_batch *b, uint64_t revision, struct err *err)
{
	b->revision = revision;
	return change_meta(b, LMDB_META_COMPACTED, revision, err);
}

int change_meta(struct lmdb_batch *b, const char *name, uint64_t value, struct err *err)
{
	const struct record_part part = { &value, sizeof(value) };
	int rc = record_put(b, RECORD_META, row_text(name), &part, 1, 0);

	return rc == 0 ? 0 : lmdb_fail(err, rc, "write its state");
}
