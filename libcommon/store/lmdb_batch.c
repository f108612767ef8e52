/*
 * lmdb_batch - changes: many writes in one LMDB transaction, hence one fsync.
 *
 * Invariants: an item with an expiry has exactly one row in the expiry table; every change of
 * an item outside /secrets/ has one row in the log, under the revision that the item then has.
 */
#include "store/lmdb.h"

#include "base/err.h"
#include "base/str.h"
#include "store/lmdb_env.h"
#include "store/lmdb_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRUNE_AT_ONCE 512 /* rows of the log; bounds what a write pays for those before it */

struct lmdb_batch {
	struct lmdb *db;
	MDB_txn *txn;
	int64_t now;
	uint64_t revision; /* the newest given out */
	uint32_t index;    /* of the next event within it */
};

int lmdb_begin(struct lmdb *db, int64_t now, struct lmdb_batch **out_batch, struct err *err)
{
	struct lmdb_batch *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return err_set_nomem(err);
	b->db = db;
	b->now = now;
	rc = mdb_txn_begin(db->env, NULL, 0, &b->txn);
	if (rc != 0) {
		free(b);
		return lmdb_fail(err, rc, "begin a write");
	}
	if (lmdb_meta_get(db, b->txn, LMDB_META_REVISION, &b->revision, err) != 0) {
		lmdb_abort(b);
		return err->code;
	}
	*out_batch = b;
	return 0;
}

static void next_revision(struct lmdb_batch *b)
{
	b->revision++;
	b->index = 0;
}

/* --- one item -------------------------------------------------------------------------------- */

/* The item's row, expired or not; ERR_NOT_FOUND when there is none. Its value lives until the
 * next change. */
static int load(struct lmdb_batch *b, const char *key, char key_room[KEYSPACE_KEY_MAX + 1],
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
	uint8_t at[ROW_LOG_KEY];
	MDB_val k = { sizeof(at), at };
	MDB_val v = { sizeof(head) + head.key_len + len, NULL };
	uint8_t *bytes;
	int rc;

	if (str_starts(key, KEYSPACE_SECRETS))
		return 0;
	row_log_key(at, (struct lmdb_position){ b->revision, b->index++ });
	rc = mdb_put(b->txn, b->db->log, &k, &v, MDB_RESERVE | MDB_APPEND);
	if (rc != 0)
		return lmdb_fail(err, rc, "write the change log");
	bytes = v.mv_data;
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), key, head.key_len);
	if (len > 0)
		memcpy(bytes + sizeof(head) + head.key_len, value, len);
	return 0;
}

static int expiry_put(struct lmdb_batch *b, int64_t expires, const char *key, struct err *err)
{
	uint8_t row[ROW_EXPIRY_MAX];
	MDB_val k = { 0, row };
	MDB_val nothing = { 0, NULL };
	int rc;

	if (expires == 0)
		return 0;
	k.mv_size = row_expiry_key(row, expires, key);
	rc = mdb_put(b->txn, b->db->expiry, &k, &nothing, 0);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "write an expiry");
}

static int expiry_remove(struct lmdb_batch *b, int64_t expires, const char *key, struct err *err)
{
	uint8_t row[ROW_EXPIRY_MAX];
	MDB_val k = { 0, row };
	int rc;

	if (expires == 0)
		return 0;
	k.mv_size = row_expiry_key(row, expires, key);
	rc = mdb_del(b->txn, b->db->expiry, &k, NULL);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : lmdb_fail(err, rc, "remove an expiry");
}

static int store_item(struct lmdb_batch *b, const char *key, const void *value, size_t len,
                      int64_t expires, struct err *err)
{
	struct row_item head = { b->revision, expires };
	MDB_val k = row_text(key);
	MDB_val v = { sizeof(head) + len, NULL };
	int rc = mdb_put(b->txn, b->db->items, &k, &v, MDB_RESERVE);

	if (rc != 0)
		return lmdb_fail(err, rc, "write");
	memcpy(v.mv_data, &head, sizeof(head));
	if (len > 0)
		memcpy((uint8_t *)v.mv_data + sizeof(head), value, len);
	if (expiry_put(b, expires, key, err) != 0)
		return err->code;
	return log_event(b, KEYSPACE_EVENT_PUT, key, value, len, expires, err);
}

/* --- actions --------------------------------------------------------------------------------- */

static int act_check(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	(void)b, (void)op, (void)err;
	return 0;
}

/* The expiry row of the item that is there now, if any, goes. */
static int forget_expiry(struct lmdb_batch *b, const char *key, struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item old;
	int rc = load(b, key, key_room, &old, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	return rc == 0 ? expiry_remove(b, old.expires, key, err) : rc;
}

static int act_put(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	if (forget_expiry(b, op->key, err) != 0)
		return err->code;
	return store_item(b, op->key, op->value, op->len, op->expires, err);
}

/* The value is copied first: it lies in the map that is about to change. */
static int act_extend(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item old;
	struct keyspace_op put;
	uint8_t *copy;
	int rc;

	rc = load(b, op->key, key_room, &old, err);
	if (rc == ERR_NOT_FOUND) /* it was there for the condition: this write deletes it */
		return err_set(err, ERR_INVALID, "'%s' is deleted and extended at once", op->key);
	if (rc != 0)
		return rc;
	copy = malloc(old.len + 1);
	if (copy == NULL)
		return err_set_nomem(err);
	memcpy(copy, old.value, old.len);
	put = keyspace_op_put(op->key, copy, old.len, op->expires);
	rc = act_put(b, &put, err);
	explicit_bzero(copy, old.len);
	free(copy);
	return rc;
}

static int act_delete(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	MDB_val k = row_text(op->key);
	int rc;

	if (forget_expiry(b, op->key, err) != 0)
		return err->code;
	rc = mdb_del(b->txn, b->db->items, &k, NULL);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return lmdb_fail(err, rc, "delete");
	return log_event(b, KEYSPACE_EVENT_DELETE, op->key, NULL, 0, 0, err);
}

static bool is_in_range(const struct keyspace_op *op, const char *key)
{
	return op->to != NULL ? strcmp(key, op->to) <= 0 : str_starts(key, op->key);
}

/* The first key of the range that is still there; ERR_NOT_FOUND at its end. */
static int first_in_range(struct lmdb_batch *b, const struct keyspace_op *op,
                          char key_room[KEYSPACE_KEY_MAX + 1], struct err *err)
{
	struct keyspace_item item;
	MDB_cursor *cursor = NULL;
	MDB_val k = row_text(op->key);
	MDB_val v;
	int rc = mdb_cursor_open(b->txn, b->db->items, &cursor);

	if (rc == 0)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	if (rc == 0) {
		rc = row_item_parse(&k, &v, key_room, &item, err);
		if (rc == 0 && !is_in_range(op, key_room))
			rc = ERR_NOT_FOUND;
	} else {
		rc = rc == MDB_NOTFOUND ? ERR_NOT_FOUND : lmdb_fail(err, rc, "read");
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	return rc;
}

static int act_delete_range(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	char key[KEYSPACE_KEY_MAX + 1];
	struct keyspace_op one = keyspace_op_delete(key);
	int rc;

	while ((rc = first_in_range(b, op, key, err)) == 0)
		if (act_delete(b, &one, err) != 0)
			return err->code;
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int (*const actions[])(struct lmdb_batch *b, const struct keyspace_op *op,
                              struct err *err) = {
	[KEYSPACE_CHECK] = act_check,
	[KEYSPACE_PUT] = act_put,
	[KEYSPACE_EXTEND] = act_extend,
	[KEYSPACE_DELETE] = act_delete,
	[KEYSPACE_DELETE_RANGE] = act_delete_range,
};

/* --- conditions ------------------------------------------------------------------------------ */

bool lmdb_is_condition(int code)
{
	return code == ERR_EXISTS || code == ERR_NOT_FOUND || code == ERR_CONFLICT;
}

static int check_value(const struct keyspace_op *op, const struct keyspace_item *item,
                       struct err *err)
{
	if (item != NULL && item->len == op->expected_len &&
	    (item->len == 0 || memcmp(item->value, op->expected, item->len) == 0))
		return 0;
	return err_set(err, ERR_CONFLICT, "the value of '%s' is another one", op->key);
}

static int check_revision(const struct keyspace_op *op, const struct keyspace_item *item,
                          struct err *err)
{
	if (item != NULL && item->revision == op->revision)
		return 0;
	if (item == NULL)
		return err_set(err, ERR_CONFLICT, "'%s' has changed: it is gone", op->key);
	return err_set(err, ERR_CONFLICT, "'%s' has changed: its revision is %llu", op->key,
	               (unsigned long long)item->revision);
}

/* `item` is NULL when there is none, or an expired one. */
static int check(const struct keyspace_op *op, const struct keyspace_item *item, struct err *err)
{
	bool needed = op->condition == KEYSPACE_IF_EXISTS || op->action == KEYSPACE_EXTEND;

	if (needed && item == NULL)
		return err_set(err, ERR_NOT_FOUND, "no such key '%s'", op->key);
	if (op->condition == KEYSPACE_IF_ABSENT && item != NULL)
		return err_set(err, ERR_EXISTS, "key '%s' exists", op->key);
	if (op->condition == KEYSPACE_IF_REVISION)
		return check_revision(op, item, err);
	if (op->condition == KEYSPACE_IF_VALUE)
		return check_value(op, item, err);
	return 0;
}

static int check_op(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item item;
	int rc;

	if (op->condition == KEYSPACE_IF_ANY && op->action != KEYSPACE_EXTEND)
		return 0;
	rc = load(b, op->key, key_room, &item, err);
	if (rc != 0 && rc != ERR_NOT_FOUND)
		return rc;
	if (rc == 0 && item.expires != 0 && item.expires <= b->now)
		rc = ERR_NOT_FOUND;
	return check(op, rc == 0 ? &item : NULL, err);
}

int lmdb_apply(struct lmdb_batch *b, const struct keyspace_op *ops, size_t count,
               uint64_t *out_revision, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (check_op(b, &ops[i], err) != 0)
			return err->code;
	next_revision(b);
	for (size_t i = 0; i < count; i++)
		if (actions[ops[i].action](b, &ops[i], err) != 0)
			return err->code;
	*out_revision = b->revision;
	return 0;
}

/* --- housekeeping ---------------------------------------------------------------------------- */

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
	struct keyspace_op one = keyspace_op_delete(key);
	int rc = 0;

	next_revision(b);
	for (size_t i = 0; i < max && rc == 0; i++) {
		rc = first_expired(b, key, err);
		if (rc == 0)
			rc = act_delete(b, &one, err);
	}
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Deletes the oldest event if it is to go, and tells its revision; ERR_NOT_FOUND: it stays. */
static int prune_first(struct lmdb_batch *b, MDB_cursor *cursor, bool too_many, int64_t keep_ms,
                       uint64_t *compacted, struct err *err)
{
	struct lmdb_position at;
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
	rc = mdb_cursor_del(cursor, 0);
	if (rc != 0)
		return lmdb_fail(err, rc, "prune the change log");
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
	return lmdb_meta_put(b->db, b->txn, LMDB_META_COMPACTED, compacted, err);
}

int lmdb_commit(struct lmdb_batch *take_b, struct err *err)
{
	int rc;

	if (lmdb_meta_put(take_b->db, take_b->txn, LMDB_META_REVISION, take_b->revision, err) !=
	    0) {
		lmdb_abort(take_b);
		return err->code;
	}
	rc = mdb_txn_commit(take_b->txn);
	free(take_b);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "commit");
}

void lmdb_abort(struct lmdb_batch *take_b)
{
	if (take_b == NULL)
		return;
	mdb_txn_abort(take_b->txn);
	free(take_b);
}
