#include "store/lmdb_schema.h"

#include "base/err.h"
#include "store/lmdb.h"
#include "store/lmdb_durable.h"
#include "store/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_ROOM 1024

/* --- this program's schema ------------------------------------------------------------------- */

static int begin_counting(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	if (lmdb_meta_put(db, txn, LMDB_META_REVISION, LMDB_FIRST_EVER, err) != 0)
		return err->code;
	return lmdb_meta_put(db, txn, LMDB_META_COMPACTED, LMDB_FIRST_EVER, err);
}

/* A program that knows of none would write past it: this keeps it out. */
static int keep_journal(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	(void)db, (void)txn, (void)err;
	return 0;
}

/* Steps are only ever added, at the end. */
static const struct lmdb_migration steps[] = {
	{ "begin to count revisions", begin_counting },
	{ "keep a journal", keep_journal },
};

const struct lmdb_schema *lmdb_schema(void)
{
	static const struct lmdb_schema schema = { steps, sizeof(steps) / sizeof(*steps) };

	return &schema;
}

/* --- the copy that is made first ------------------------------------------------------------- */

static int copy_to(struct lmdb *db, const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd >= 0 ? mdb_env_copyfd2(db->env, fd, MDB_CP_COMPACT) : errno;

	if (rc == 0 && fsync(fd) != 0)
		rc = errno;
	if (fd >= 0)
		close(fd);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "copy it before it is migrated");
}

/* Under its name only once it is whole. */
static int keep_copy(struct lmdb *db, const char *dir, uint64_t version, struct err *err)
{
	char path[PATH_ROOM];
	char fresh[PATH_ROOM + 4];

	snprintf(path, sizeof(path), "%s/schema-%llu.mdb", dir, (unsigned long long)version);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (copy_to(db, fresh, err) != 0)
		return err->code;
	if (rename(fresh, path) != 0)
		return err_set_errno(err, ERR_IO, errno, "keyspace: rename '%s'", fresh);
	return 0;
}

/* --- migration ------------------------------------------------------------------------------- */

static int open_tables(struct lmdb *db, MDB_txn *txn, const char *dir, bool *out_done,
                       struct err *err)
{
	const struct {
		const char *name;
		MDB_dbi *dbi;
	} tables[] = {
		{ "items", &db->items },
		{ "expiry", &db->expiry },
		{ "log", &db->log },
		{ "meta", &db->meta },
	};

	(void)dir;
	*out_done = false;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		int rc = mdb_dbi_open(txn, tables[i].name, MDB_CREATE, tables[i].dbi);

		if (rc != 0)
			return lmdb_fail(err, rc, "open a table");
	}
	return 0;
}

static int refuse_newer(const struct lmdb *db, uint64_t version, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
	               "keyspace: written by a newer version (schema %llu, known is %zu)",
	               (unsigned long long)version, db->schema->version);
}

static int run_steps(struct lmdb *db, MDB_txn *txn, uint64_t version, struct err *err)
{
	for (uint64_t at = version; at < db->schema->version; at++) {
		const struct lmdb_migration *step = &db->schema->steps[at];

		if (step->run(db, txn, err) != 0)
			return err_wrap(err, "migrate to schema %llu (%s)",
			                (unsigned long long)at + 1, step->what);
	}
	return lmdb_meta_put(db, txn, LMDB_META_SCHEMA, db->schema->version, err);
}

static int migrate(struct lmdb *db, MDB_txn *txn, const char *dir, bool *out_done, struct err *err)
{
	uint64_t version;

	*out_done = false;
	if (lmdb_meta_get(db, txn, LMDB_META_SCHEMA, &version, err) != 0)
		return err->code;
	if (version > db->schema->version)
		return refuse_newer(db, version, err);
	if (version == db->schema->version)
		return 0;
	*out_done = true;
	if (version > 0 && keep_copy(db, dir, version, err) != 0)
		return err->code;
	return run_steps(db, txn, version, err);
}

typedef int (*change_fn)(struct lmdb *db, MDB_txn *txn, const char *dir, bool *out_done,
                         struct err *err);

static int change(struct lmdb *db, change_fn fn, const char *dir, bool *out_done, struct err *err)
{
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(db->env, NULL, 0, &txn);

	if (rc != 0)
		return lmdb_fail(err, rc, "open");
	if (fn(db, txn, dir, out_done, err) != 0) {
		mdb_txn_abort(txn);
		return err->code;
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : lmdb_fail(err, rc, "open");
}

/* A migration is not in the journal: it is the next base. */
int lmdb_schema_open(struct lmdb *db, const char *dir, struct err *err)
{
	bool migrated;

	if (change(db, open_tables, dir, &migrated, err) != 0 ||
	    lmdb_durable_replay(db, err) != 0 || change(db, migrate, dir, &migrated, err) != 0)
		return err->code;
	return migrated ? lmdb_checkpoint(db, err) : 0;
}

int lmdb_schema_check(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	uint64_t version;

	if (lmdb_meta_get(db, txn, LMDB_META_SCHEMA, &version, err) != 0)
		return err->code;
	return version == db->schema->version ? 0 : refuse_newer(db, version, err);
}
