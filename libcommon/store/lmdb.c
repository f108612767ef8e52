#include "store/lmdb.h"

#include "base/err.h"
#include "base/str.h"
#include "store/journal.h"
#include "store/lmdb_durable.h"
#include "store/lmdb_env.h"
#include "store/lmdb_rows.h"
#include "store/lmdb_schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define READERS 1024 /* read transactions at once, over all processes */

int lmdb_fail(struct err *err, int rc, const char *doing)
{
	switch (rc) {
	case MDB_MAP_FULL:
		return err_set(err, ERR_LIMIT, "keyspace: %s: the map is full", doing);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return err_set(err, ERR_LIMIT, "keyspace: %s: the disk is full", doing);
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
		return err_set(err, ERR_CORRUPT, "keyspace: %s: the files are damaged: %s", doing,
		               mdb_strerror(rc));
	case EIO: /* LMDB says this of a write that was cut short, too */
		return err_set(err, ERR_IO, "keyspace: %s: the disk is full or failing", doing);
	case ENOMEM:
		return err_set_nomem(err);
	case MDB_PANIC:
		return err_set(err, ERR_IO,
		               "keyspace: %s: a commit has failed half-way: open it anew", doing);
	default:
		return err_set(err, ERR_IO, "keyspace: %s: %s", doing, mdb_strerror(rc));
	}
}

/* --- meta numbers ---------------------------------------------------------------------------- */

int lmdb_meta_get(struct lmdb *db, MDB_txn *txn, const char *name, uint64_t *out, struct err *err)
{
	MDB_val key = row_text(name);
	MDB_val value;
	int rc = mdb_get(txn, db->meta, &key, &value);

	if (rc == MDB_NOTFOUND) {
		*out = 0;
		return 0;
	}
	if (rc != 0)
		return lmdb_fail(err, rc, "read its state");
	if (value.mv_size != sizeof(*out))
		return err_set(err, ERR_CORRUPT, "keyspace: '%s' is damaged", name);
	memcpy(out, value.mv_data, sizeof(*out));
	return 0;
}

int lmdb_meta_put(struct lmdb *db, MDB_txn *txn, const char *name, uint64_t value, struct err *err)
{
	MDB_val key = row_text(name);
	MDB_val bytes = row_bytes(&value, sizeof(value));
	int rc = mdb_put(txn, db->meta, &key, &bytes, 0);

	return rc == 0 ? 0 : lmdb_fail(err, rc, "write its state");
}

/* --- open and close -------------------------------------------------------------------------- */

static int open_env(struct lmdb *db, const char *dir, size_t map_size, struct err *err)
{
	int rc = mdb_env_create(&db->env);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(db->env, 8);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(db->env, READERS);
	if (rc == 0)
		rc = mdb_env_set_mapsize(db->env, map_size);
	if (rc == 0) /* a reader is a transaction, not a thread, so that reads may be nested */
		rc = mdb_env_open(db->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600);
	if (rc == 0)
		lmdb_forget_dead(db);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "open");
}

/* As it was at the last checkpoint, if that is known: what came then is in the journal. */
static int open_base(struct lmdb *db, const char *dir, size_t map_size, struct err *err)
{
	bool reopen;

	if (open_env(db, dir, map_size, err) != 0 ||
	    lmdb_durable_put_back(db, dir, &reopen, err) != 0)
		return err->code;
	return reopen ? open_env(db, dir, map_size, err) : 0;
}

int lmdb_open(const char *dir, size_t map_size, struct lmdb **out_db, struct err *err)
{
	return lmdb_open_with(dir, map_size, lmdb_schema(), out_db, err);
}

int lmdb_open_with(const char *dir, size_t map_size, const struct lmdb_schema *schema,
                   struct lmdb **out_db, struct err *err)
{
	struct lmdb *db;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "keyspace: make folder '%s'", dir);
	db = calloc(1, sizeof(*db));
	if (db == NULL)
		return err_set_nomem(err);
	db->schema = schema;
	if (lmdb_file_reserve(dir, READERS, err) != 0 || lmdb_durable_open(db, dir, err) != 0 ||
	    open_base(db, dir, map_size, err) != 0 || lmdb_file_check(db, err) != 0 ||
	    lmdb_schema_open(db, dir, err) != 0) {
		lmdb_close(db);
		return err_wrap(err, "'%s'", dir);
	}
	journal_opened(db->journal);
	*out_db = db;
	return 0;
}

void lmdb_close(struct lmdb *db)
{
	if (db == NULL)
		return;
	lmdb_durable_close(db);
	if (db->env != NULL)
		mdb_env_close(db->env);
	journal_close(db->journal);
	free(db);
}

void lmdb_forget_dead(struct lmdb *db)
{
	int ignored; /* how many; and a failure is met again by whoever needs a place */

	mdb_reader_check(db->env, &ignored);
}

/* --- reads ----------------------------------------------------------------------------------- */

int lmdb_begin_read(struct lmdb *db, MDB_txn **out_txn, struct err *err)
{
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, out_txn);

	return rc == 0 ? 0 : lmdb_fail(err, rc, "read");
}

static int copy_item(const struct keyspace_item *from, struct keyspace_item *out, struct err *err)
{
	*out = *from;
	out->key = strdup(from->key);
	out->value = malloc(from->len + 1);
	if (out->key == NULL || out->value == NULL) {
		free(out->key);
		free(out->value);
		return err_set_nomem(err);
	}
	memcpy(out->value, from->value, from->len);
	out->value[from->len] = 0;
	return 0;
}

int lmdb_get(struct lmdb *db, const char *key, int64_t now, struct keyspace_item *out_item,
             struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	struct keyspace_item item;
	MDB_val k = row_text(key);
	MDB_val v;
	MDB_txn *txn;
	int rc;

	if (lmdb_begin_read(db, &txn, err) != 0)
		return err->code;
	err->code = 0;
	rc = mdb_get(txn, db->items, &k, &v);
	if (rc == MDB_NOTFOUND)
		err_set(err, ERR_NOT_FOUND, "no such key '%s'", key);
	else if (rc != 0)
		lmdb_fail(err, rc, "read");
	else if (row_item_parse(&k, &v, key_room, &item, err) == 0 &&
	         row_item_is_expired(&item, now))
		err_set(err, ERR_NOT_FOUND, "key '%s' has expired", key);
	else if (err->code == 0)
		copy_item(&item, out_item, err);
	mdb_txn_abort(txn);
	return err->code;
}

bool lmdb_is_broken(struct lmdb *db)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc == 0)
		mdb_txn_abort(txn);
	return rc == MDB_PANIC || journal_is_broken(db->journal);
}

int lmdb_revisions(struct lmdb *db, uint64_t *out_newest, uint64_t *out_compacted, struct err *err)
{
	MDB_txn *txn;
	int rc;

	if (lmdb_begin_read(db, &txn, err) != 0)
		return err->code;
	rc = lmdb_meta_get(db, txn, LMDB_META_REVISION, out_newest, err);
	if (rc == 0)
		rc = lmdb_meta_get(db, txn, LMDB_META_COMPACTED, out_compacted, err);
	mdb_txn_abort(txn);
	return rc;
}

int lmdb_expiry(struct lmdb *db, int64_t now, bool *out_any, bool *out_due, struct err *err)
{
	char key[KEYSPACE_KEY_MAX + 1];
	MDB_cursor *cursor = NULL;
	int64_t expires;
	MDB_val row;
	MDB_txn *txn;
	int rc;

	*out_any = *out_due = false;
	if (lmdb_begin_read(db, &txn, err) != 0)
		return err->code;
	err->code = 0;
	rc = mdb_cursor_open(txn, db->expiry, &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &row, NULL, MDB_FIRST);
	if (rc == 0 && row_expiry_parse(&row, &expires, key, err) == 0) {
		*out_any = true;
		*out_due = expires <= now;
	} else if (rc != 0 && rc != MDB_NOTFOUND) {
		lmdb_fail(err, rc, "read");
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return err->code;
}

/* --- the change log -------------------------------------------------------------------------- */

static int walk_log(MDB_cursor *cursor, struct lmdb_position after, lmdb_event_fn fn, void *arg,
                    struct err *err)
{
	char key_room[KEYSPACE_KEY_MAX + 1];
	uint8_t start[ROW_LOG_KEY];
	struct keyspace_event event;
	struct lmdb_position at;
	MDB_val k = { sizeof(start), start };
	MDB_val v;
	int rc;

	if (after.index == LMDB_WHOLE)
		row_log_key(start, (struct lmdb_position){ after.revision + 1, 0 });
	else
		row_log_key(start, (struct lmdb_position){ after.revision, after.index + 1 });
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
		if (row_log_key_parse(&k, &at, err) != 0 ||
		    row_event_parse(at, &v, key_room, &event, err) != 0)
			return err->code;
		if (fn(arg, at, &event) != 0)
			return 0;
	}
	return rc == MDB_NOTFOUND ? 0 : lmdb_fail(err, rc, "read the change log");
}

/* Within a revision that is partly pruned nobody can go on either. */
static bool is_compacted(struct lmdb_position after, uint64_t compacted)
{
	return after.revision < compacted ||
	       (after.revision == compacted && after.index != LMDB_WHOLE);
}

int lmdb_log_each(struct lmdb *db, struct lmdb_position after, lmdb_event_fn fn, void *arg,
                  uint64_t *out_newest, struct err *err)
{
	MDB_cursor *cursor = NULL;
	uint64_t compacted;
	MDB_txn *txn;
	int opened;
	int rc;

	if (lmdb_begin_read(db, &txn, err) != 0)
		return err->code;
	rc = lmdb_meta_get(db, txn, LMDB_META_REVISION, out_newest, err);
	if (rc == 0)
		rc = lmdb_meta_get(db, txn, LMDB_META_COMPACTED, &compacted, err);
	if (rc == 0 && is_compacted(after, compacted))
		rc = err_set(err, ERR_CONFLICT,
		             "revision %llu is compacted: the change log begins behind %llu",
		             (unsigned long long)after.revision, (unsigned long long)compacted);
	if (rc == 0) {
		opened = mdb_cursor_open(txn, db->log, &cursor);
		rc = opened == 0 ? walk_log(cursor, after, fn, arg, err)
		                 : lmdb_fail(err, opened, "read the change log");
	}
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return rc;
}
