/*
 * lmdb_batch - changes: many writes in one LMDB transaction, hence one flush.
 */
#include "store/lmdb_change.h"

#include "base/err.h"
#include "base/str.h"
#include "store/lmdb_durable.h"
#include "store/lmdb_env.h"
#include "store/lmdb_rows.h"
#include "store/lmdb_schema.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_MAX (1u << 20) /* bytes of changes that go through the journal */
#define TRIES      3          /* checkpoints before a write gives up */

/* A transaction, and where its record goes. */
static int begin(struct lmdb_batch *b, bool *out_again, struct err *err)
{
	int rc = mdb_txn_begin(b->db->env, NULL, 0, &b->txn);

	if (rc != 0)
		return lmdb_fail(err, rc, "begin a write");
	if (lmdb_schema_check(b->db, b->txn, err) != 0 ||
	    lmdb_durable_begin(b, out_again, err) != 0)
		return err->code;
	return lmdb_meta_get(b->db, b->txn, LMDB_META_REVISION, &b->revision, err);
}

int lmdb_begin(struct lmdb *db, int64_t now, struct lmdb_batch **out_batch, struct err *err)
{
	struct lmdb_batch *b = calloc(1, sizeof(*b));
	bool again = false;
	int rc;

	if (b == NULL)
		return err_set_nomem(err);
	b->db = db;
	b->now = now;
	b->recording = true;
	buf_init(&b->record, RECORD_MAX);
	rc = begin(b, &again, err);
	for (int i = 0; rc == 0 && again; i++) { /* others may write between the two */
		mdb_txn_abort(b->txn);
		b->txn = NULL;
		rc = i < TRIES
		             ? lmdb_checkpoint(db, err)
		             : err_set(err, ERR_UNAVAILABLE, "keyspace: no checkpoint comes about");
		if (rc == 0)
			rc = begin(b, &again, err);
	}
	if (rc != 0) {
		lmdb_abort(b);
		return rc;
	}
	*out_batch = b;
	return 0;
}

void lmdb_stop_recording(struct lmdb_batch *b)
{
	b->recording = false;
	buf_wipe(&b->record);
}

void lmdb_next_revision(struct lmdb_batch *b)
{
	b->revision++;
	b->index = 0;
}

int lmdb_commit(struct lmdb_batch *take_b, struct err *err)
{
	int rc = change_meta(take_b, LMDB_META_REVISION, take_b->revision, err);

	if (rc == 0)
		rc = lmdb_durable_commit(take_b, err);
	lmdb_abort(take_b);
	return rc;
}

void lmdb_abort(struct lmdb_batch *take_b)
{
	if (take_b == NULL)
		return;
	if (take_b->txn != NULL)
		mdb_txn_abort(take_b->txn);
	buf_wipe(&take_b->record);
	free(take_b);
}

/* --- actions --------------------------------------------------------------------------------- */

static int act_check(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	(void)b, (void)op, (void)err;
	return 0;
}

static int act_put(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	if (change_forget_expiry(b, op->key, err) != 0)
		return err->code;
	return change_put(b, op->key, op->value, op->len, op->expires, err);
}

/* The value is copied first: it lies in the map that is about to change. */
static int act_extend(struct lmdb_batch *b, const struct keyspace_op *op, struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item old;
	struct keyspace_op put;
	uint8_t *copy;
	int rc;

	rc = change_load(b, op->key, key_room, &old, err);
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
	return change_delete(b, op->key, err);
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
	int rc;

	while ((rc = first_in_range(b, op, key, err)) == 0)
		if (change_delete(b, key, err) != 0)
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
	rc = change_load(b, op->key, key_room, &item, err);
	if (rc != 0 && rc != ERR_NOT_FOUND)
		return rc;
	if (rc == 0 && row_item_is_expired(&item, b->now))
		rc = ERR_NOT_FOUND;
	return check(op, rc == 0 ? &item : NULL, err);
}

int lmdb_apply(struct lmdb_batch *b, const struct keyspace_op *ops, size_t count,
               uint64_t *out_revision, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (check_op(b, &ops[i], err) != 0)
			return err->code;
	lmdb_next_revision(b);
	for (size_t i = 0; i < count; i++)
		if (actions[ops[i].action](b, &ops[i], err) != 0)
			return err->code;
	*out_revision = b->revision;
	return 0;
}
