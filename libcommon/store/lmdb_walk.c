/*
 * lmdb_walk - items in the order of their keys, up or down, on one snapshot.
 *
 * A walk down begins before the smallest key that is above all that the query allows: keys are
 * UTF-8 without control characters, so nothing but what begins with it lies between a prefix and
 * the prefix with a byte 0xff, and nothing at all between a key and the key with a byte 1.
 */
#include "store/lmdb.h"

#include "base/err.h"
#include "base/str.h"
#include "store/lmdb_env.h"
#include "store/lmdb_rows.h"

#include <string.h>

#define BOUND_SIZE 512 /* more than LMDB takes as a key */

struct walk {
	const struct keyspace_query *query;
	int64_t now;
	keyspace_item_fn fn;
	void *arg;
	char bound[BOUND_SIZE]; /* the first key, or what lies above it for a walk down */
	size_t count;
};

static void take_lower(char bound[BOUND_SIZE], const char *key, const char *suffix)
{
	char candidate[BOUND_SIZE];

	if (key == NULL)
		return;
	str_copy(candidate, sizeof(candidate), key);
	strncat(candidate, suffix, sizeof(candidate) - strlen(candidate) - 1);
	if (strcmp(candidate, bound) < 0)
		memcpy(bound, candidate, sizeof(candidate));
}

static void take_higher(char bound[BOUND_SIZE], const char *key)
{
	if (key != NULL && strcmp(key, bound) > 0)
		str_copy(bound, BOUND_SIZE, key);
}

static void find_bound(struct walk *w)
{
	const struct keyspace_query *q = w->query;

	if (q->descending) {
		memcpy(w->bound, "\xff", 2);
		take_lower(w->bound, q->prefix, "\xff");
		take_lower(w->bound, q->to, "\x01");
		take_lower(w->bound, q->after, "");
	} else {
		memcpy(w->bound, "/", 2);
		take_higher(w->bound, q->prefix);
		take_higher(w->bound, q->after != NULL ? q->after : q->from);
	}
}

/* The first row: at or above the bound, or below it. */
static int first_row(const struct walk *w, MDB_cursor *cursor, MDB_val *k, MDB_val *v)
{
	int rc;

	*k = row_text(w->bound);
	rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
	if (!w->query->descending)
		return rc;
	return mdb_cursor_get(cursor, k, v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
}

static bool is_behind(const struct keyspace_query *q, const char *key)
{
	if (q->prefix != NULL && !str_starts(key, q->prefix))
		return true;
	if (q->descending)
		return q->from != NULL && strcmp(key, q->from) < 0;
	return q->to != NULL && strcmp(key, q->to) > 0;
}

static bool is_left_out(const struct walk *w, const struct keyspace_item *item)
{
	return row_item_is_expired(item, w->now) ||
	       (w->query->after != NULL && strcmp(item->key, w->query->after) == 0);
}

static int walk(struct walk *w, MDB_cursor *cursor, struct err *err)
{
	MDB_cursor_op step = w->query->descending ? MDB_PREV : MDB_NEXT;
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item item;
	MDB_val k;
	MDB_val v;
	int rc = first_row(w, cursor, &k, &v);

	for (; rc == 0; rc = mdb_cursor_get(cursor, &k, &v, step)) {
		if (row_item_parse(&k, &v, key_room, &item, err) != 0)
			return err->code;
		if (is_behind(w->query, key_room))
			return 0;
		if (is_left_out(w, &item))
			continue;
		if (w->query->limit != 0 && w->count++ == w->query->limit)
			return 0;
		rc = w->fn(w->arg, &item);
		if (rc != 0)
			return rc;
	}
	return rc == MDB_NOTFOUND ? 0 : lmdb_fail(err, rc, "read");
}

int lmdb_each(struct lmdb *db, const struct keyspace_query *query, int64_t now, keyspace_item_fn fn,
              void *arg, uint64_t *out_revision, struct err *err)
{
	struct walk w = { .query = query, .now = now, .fn = fn, .arg = arg };
	MDB_cursor *cursor = NULL;
	uint64_t revision;
	MDB_txn *txn;
	int rc;

	find_bound(&w);
	if (lmdb_begin_read(db, &txn, err) != 0)
		return err->code;
	rc = lmdb_meta_get(db, txn, LMDB_META_REVISION, &revision, err);
	if (rc == 0) {
		int opened = mdb_cursor_open(txn, db->items, &cursor);

		rc = opened == 0 ? walk(&w, cursor, err) : lmdb_fail(err, opened, "read");
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	if (rc == 0 && out_revision != NULL)
		*out_revision = revision;
	return rc;
}
