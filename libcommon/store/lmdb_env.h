/*
 * lmdb_env - the open environment that lmdb.c (reads) and lmdb_batch.c (changes) share.
 */
#ifndef STORE_LMDB_ENV_H
#define STORE_LMDB_ENV_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct journal;
struct lmdb_schema;

struct lmdb {
	const struct lmdb_schema *schema;
	MDB_env *env;
	MDB_dbi items;
	MDB_dbi expiry;
	MDB_dbi log;
	MDB_dbi meta;

	/* lmdb_durable.c's */
	struct journal *journal;
	bool based;       /* the base was put back: the journal's records follow */
	MDB_txn *pin;     /* NULL: commits flush by themselves */
	uint64_t pinned;  /* number of the base that it was made with */
	unsigned commits; /* since then */
	bool wrote;       /* since lmdb_rest() looked */
	int64_t wrote_ms;
};

#define LMDB_META_SCHEMA    "schema"
#define LMDB_META_REVISION  "revision"
#define LMDB_META_COMPACTED "compacted"

/* LMDB's or the system's error `rc` as ours: a full disk, damaged files, anything else. */
int lmdb_fail(struct err *err, int rc, const char *doing);

/* Before the environment is opened: room for its whole table of readers. ERR_LIMIT: the disk has
 * none. */
int lmdb_file_reserve(const char *dir, unsigned readers, struct err *err);

/* After it was opened, and before its tables are: ERR_CORRUPT when data.mdb is cut. */
int lmdb_file_check(struct lmdb *db, struct err *err);

/* The error of a write as it most likely is: LMDB calls one that was cut short an I/O error. */
int lmdb_file_error(struct lmdb *db, int rc);

/* A snapshot; mdb_txn_abort() it. */
int lmdb_begin_read(struct lmdb *db, MDB_txn **out_txn, struct err *err);

/* A number of the meta table; 0 when it was never set. */
int lmdb_meta_get(struct lmdb *db, MDB_txn *txn, const char *name, uint64_t *out, struct err *err);
int lmdb_meta_put(struct lmdb *db, MDB_txn *txn, const char *name, uint64_t value, struct err *err);

#endif
