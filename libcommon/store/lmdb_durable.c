#include "store/lmdb_durable.h"

#include "base/buf.h"
#include "base/err.h"
#include "store/journal.h"
#include "store/lmdb_env.h"
#include "store/lmdb_record.h"
#include "store/lmdb_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POSITION    "journal"
#define NOWHERE     UINT64_MAX /* what was committed is not in the journal */
#define COMMITS_MAX 256        /* between two checkpoints: each takes some pages anew */
#define REST_MS     2000

/* Where the next record goes; a row of the meta table, so that it is as old as the rest. */
struct position {
	uint64_t number; /* of the journal's head; another one than counts: to its beginning */
	uint64_t at;
};

static int read_position(struct lmdb *db, MDB_txn *txn, struct position *out, struct err *err)
{
	MDB_val key = row_text(POSITION);
	MDB_val value;
	int rc = mdb_get(txn, db->meta, &key, &value);

	*out = (struct position){ 0 };
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return lmdb_fail(err, rc, "read its state");
	if (value.mv_size != sizeof(*out))
		return err_set(err, ERR_CORRUPT, "keyspace: '%s' is damaged", POSITION);
	memcpy(out, value.mv_data, sizeof(*out));
	return 0;
}

static int write_position(struct lmdb *db, MDB_txn *txn, struct position position, struct err *err)
{
	MDB_val key = row_text(POSITION);
	MDB_val value = row_bytes(&position, sizeof(position));
	int rc = mdb_put(txn, db->meta, &key, &value, 0);

	return rc == 0 ? 0 : lmdb_fail(err, rc, "write its state");
}

/* --- the pin --------------------------------------------------------------------------------- */

static void let_go(struct lmdb *db)
{
	if (db->pin == NULL)
		return;
	mdb_env_set_flags(db->env, MDB_NOSYNC, 0);
	mdb_txn_abort(db->pin);
	db->pin = NULL;
}

/* At the newest snapshot, which is the base; nobody commits meanwhile. */
static int pin(struct lmdb *db, uint64_t number, struct err *err)
{
	MDB_txn *fresh;

	if (lmdb_begin_read(db, &fresh, err) != 0)
		return err->code;
	let_go(db);
	db->pin = fresh;
	db->pinned = number;
	db->commits = 0;
	mdb_env_set_flags(db->env, MDB_NOSYNC, 1);
	return 0;
}

void lmdb_rest(struct lmdb *db, int64_t now_mono_ms)
{
	if (db->wrote)
		db->wrote_ms = now_mono_ms;
	db->wrote = false;
	if (db->pin != NULL && now_mono_ms - db->wrote_ms > REST_MS &&
	    journal_number(db->journal) != db->pinned)
		let_go(db);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

static uint64_t newest_txn(const struct lmdb *db)
{
	MDB_envinfo info;

	mdb_env_info(db->env, &info);
	return info.me_last_txnid;
}

/* The number of the snapshot, and the pages that LMDB changes in place: they say where the newest
 * snapshots begin. */
static int read_base(struct lmdb *db, struct buf *out, struct err *err)
{
	uint64_t txn = newest_txn(db);
	MDB_stat stat;
	uint8_t *room;
	size_t len;
	int fd;

	mdb_env_stat(db->env, &stat);
	mdb_env_get_fd(db->env, &fd);
	len = 2 * (size_t)stat.ms_psize;
	buf_append(out, &txn, sizeof(txn));
	room = buf_reserve(out, len);
	if (room == NULL)
		return buf_check(out, err);
	if (pread(fd, room, len, 0) != (ssize_t)len)
		return err_set_errno(err, ERR_IO, errno, "keyspace: read its first pages");
	buf_commit(out, len);
	return 0;
}

/* The system forgets pages that it could not write, and the next flush would say that all is well:
 * so there is none, until they have been written once more from the journal. */
static int flush(struct lmdb *db, struct err *err)
{
	int rc = journal_is_broken(db->journal) ? EIO : mdb_env_sync(db->env, 1);

	if (rc == 0)
		return 0;
	journal_break(db->journal);
	return lmdb_fail(err, rc, "flush its file");
}

/* With writers kept out. */
static int make_base(struct lmdb *db, MDB_txn *lock, struct err *err)
{
	struct position position;
	struct buf base = { 0 };
	int rc = read_position(db, lock, &position, err);

	if (rc == 0)
		rc = read_base(db, &base, err);
	if (rc == 0)
		rc = flush(db, err);
	if (rc == 0)
		rc = journal_begin(db->journal, position.number, base.data, base.len, err);
	if (rc == 0)
		rc = pin(db, journal_number(db->journal), err);
	buf_deinit(&base);
	return rc;
}

int lmdb_checkpoint(struct lmdb *db, struct err *err)
{
	MDB_txn *lock;
	int rc = mdb_txn_begin(db->env, NULL, 0, &lock);

	if (rc != 0)
		return lmdb_fail(err, rc, "begin a checkpoint");
	rc = make_base(db, lock, err);
	mdb_txn_abort(lock);
	return rc;
}

/* --- open ------------------------------------------------------------------------------------ */

int lmdb_durable_open(struct lmdb *db, const char *dir, struct err *err)
{
	return journal_open(dir, &db->journal, err);
}

static int write_base(const char *dir, const void *pages, size_t len, struct err *err)
{
	char path[PATH_MAX];
	int rc = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || pwrite(fd, pages, len, 0) != (ssize_t)len)
		rc = err_set_errno(err, ERR_IO, errno, "keyspace: put its first pages back");
	if (fd >= 0)
		close(fd);
	return rc;
}

/* A file that is older than the base is another one, which was put in its place: the journal says
 * nothing of it. */
int lmdb_durable_put_back(struct lmdb *db, const char *dir, bool *out_reopen, struct err *err)
{
	struct buf base = { 0 };
	uint64_t txn = 0;
	int rc = 0;

	*out_reopen = false;
	if (!journal_was_alone(db->journal) || journal_number(db->journal) == 0)
		return 0;
	rc = journal_base(db->journal, &base, err);
	if (rc == 0 && base.len > sizeof(txn))
		memcpy(&txn, base.data, sizeof(txn));
	db->based = rc == 0 && txn > 0 && newest_txn(db) >= txn;
	if (db->based && newest_txn(db) > txn) {
		*out_reopen = true;
		mdb_env_close(db->env);
		db->env = NULL;
		rc = write_base(dir, base.data + sizeof(txn), base.len - sizeof(txn), err);
	}
	buf_deinit(&base);
	return rc;
}

/* All records in one transaction, as far as there are any. */
static int replay_all(struct lmdb *db, MDB_txn *txn, struct position *at, struct err *err)
{
	struct buf record = { 0 };
	int rc;

	while ((rc = journal_read(db->journal, at->at, &record, &at->at, err)) == 0) {
		rc = record_replay(db, txn, record.data, record.len, err);
		if (rc != 0)
			break;
		buf_clear(&record);
	}
	buf_wipe(&record);
	if (rc != ERR_NOT_FOUND)
		return rc;
	return write_position(db, txn, *at, err);
}

int lmdb_durable_replay(struct lmdb *db, struct err *err)
{
	struct position at;
	MDB_txn *txn;
	int rc;

	if (!db->based)
		return 0;
	at = (struct position){ journal_number(db->journal), journal_start(db->journal) };
	if (pin(db, at.number, err) != 0)
		return err->code;
	rc = mdb_txn_begin(db->env, NULL, 0, &txn);
	if (rc != 0)
		return lmdb_fail(err, rc, "replay its journal");
	if (replay_all(db, txn, &at, err) != 0) {
		mdb_txn_abort(txn);
		return err->code;
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "replay its journal");
}

/* The journal has it all, should this fail. */
void lmdb_durable_close(struct lmdb *db)
{
	struct err ignored;

	if (db->pin != NULL && db->commits > 0)
		lmdb_checkpoint(db, &ignored);
	let_go(db);
}

/* --- writes ---------------------------------------------------------------------------------- */

int lmdb_durable_begin(struct lmdb_batch *b, bool *out_again, struct err *err)
{
	struct lmdb *db = b->db;
	struct position position;
	uint64_t number = journal_number(db->journal);

	if (read_position(db, b->txn, &position, err) != 0)
		return err->code;
	*out_again = number == 0 || db->pin == NULL ||
	             (position.number == number && position.at == NOWHERE);
	b->number = number;
	b->at = position.number == number ? position.at : journal_start(db->journal);
	return 0;
}

/* More than a record may hold: all that the keyspace then is becomes the base. */
static int commit_all(struct lmdb_batch *b, struct err *err)
{
	struct lmdb *db = b->db;
	MDB_txn *txn = b->txn;
	int rc;

	if (write_position(db, txn, (struct position){ b->number, NOWHERE }, err) != 0)
		return err->code;
	b->txn = NULL;
	rc = mdb_txn_commit(txn);
	return rc == 0 ? lmdb_checkpoint(db, err)
	               : lmdb_fail(err, lmdb_file_error(db, rc), "commit");
}

static int commit_record(struct lmdb_batch *b, struct err *err)
{
	struct position next = { .number = b->number };
	struct lmdb *db = b->db;
	MDB_txn *txn = b->txn;
	int rc;

	if (journal_append(db->journal, b->at, b->record.data, b->record.len, &next.at, err) != 0)
		return err->code;
	rc = write_position(db, txn, next, err);
	if (rc == 0) {
		b->txn = NULL;
		rc = mdb_txn_commit(txn);
		if (rc != 0)
			rc = lmdb_fail(err, lmdb_file_error(db, rc), "commit");
	}
	if (rc != 0)
		journal_cancel(db->journal, b->at);
	b->at = next.at;
	return rc;
}

int lmdb_durable_commit(struct lmdb_batch *b, struct err *err)
{
	struct lmdb *db = b->db;
	struct err ignored; /* the journal goes on, and the next write tries again */

	if (!b->recording)
		return commit_all(b, err);
	if (commit_record(b, err) != 0)
		return err->code;
	db->wrote = true;
	if (++db->commits >= COMMITS_MAX || b->at >= JOURNAL_SIZE)
		lmdb_checkpoint(db, &ignored);
	return 0;
}
