/*
 * lmdb_schema - which version the rows on disk have, and how they get to that of this program.
 *
 * A schema is a table of steps; the version is how many of them the environment has behind it. A
 * new environment runs them all. An older one is copied first, to schema-<version>.mdb beside it,
 * then runs what it lacks; copy and steps happen within one transaction, which keeps writers out,
 * and a checkpoint follows, for the journal does not tell of them.
 * A newer one is refused, and a process that has it open when another migrates it can no longer
 * write.
 */
#ifndef STORE_LMDB_SCHEMA_H
#define STORE_LMDB_SCHEMA_H

#include <lmdb.h>
#include <stddef.h>

struct err;
struct lmdb;

struct lmdb_migration {
	const char *what; /* "migrate to schema 2 (<what>): ..." */
	int (*run)(struct lmdb *db, MDB_txn *txn, struct err *err);
};

struct lmdb_schema {
	const struct lmdb_migration *steps;
	size_t version; /* how many steps there are */
};

/* This program's. */
const struct lmdb_schema *lmdb_schema(void);

/* Opens the tables of db->env and brings them to db->schema. ERR_UNSUPPORTED: they are newer. */
int lmdb_schema_open(struct lmdb *db, const char *dir, struct err *err);

/* ERR_UNSUPPORTED: another process has migrated the environment since it was opened. */
int lmdb_schema_check(struct lmdb *db, MDB_txn *txn, struct err *err);

#endif
