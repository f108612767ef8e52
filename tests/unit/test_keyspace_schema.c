/*
 * Migrations of the keyspace's layout: once, whole or not at all, behind a copy.
 */
#include "store/lmdb_schema.h"

#include "tests/unit/keyspace_fixture.h"

#include "store/lmdb.h"
#include "store/lmdb_change.h"
#include "store/lmdb_env.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MAP (16 << 20)

static int runs;

static int step_first(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	return lmdb_schema()->steps[0].run(db, txn, err);
}

static int step_second(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	return lmdb_schema()->steps[1].run(db, txn, err);
}

/* Moves the item /old to /new, as a real step would change rows. */
static int step_move(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	struct lmdb_batch b = { .db = db, .txn = txn, .revision = 7 };

	runs++;
	if (change_delete(&b, "/old", err) != 0)
		return err->code;
	return change_put(&b, "/new", "moved", 5, 0, err);
}

static int step_fail(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	if (step_move(db, txn, err) != 0)
		return err->code;
	return err_set(err, ERR_CORRUPT, "a row that makes no sense");
}

static int step_die(struct lmdb *db, MDB_txn *txn, struct err *err)
{
	step_move(db, txn, err);
	kill(getpid(), SIGKILL);
	return 0;
}

static const struct lmdb_migration moving[] = { { "first", step_first },
	                                        { "second", step_second },
	                                        { "move", step_move } };
static const struct lmdb_migration failing[] = { { "first", step_first },
	                                         { "second", step_second },
	                                         { "move", step_fail } };
static const struct lmdb_migration dying[] = { { "first", step_first },
	                                       { "second", step_second },
	                                       { "move", step_die } };

static const struct lmdb_schema old = { moving, 2 };
static const struct lmdb_schema new = { moving, 3 };
static const struct lmdb_schema bad = { failing, 3 };
static const struct lmdb_schema deadly = { dying, 3 };

static int has_key(const char *dir, const struct lmdb_schema *schema, const char *key)
{
	struct keyspace_item item;
	struct lmdb *db;
	struct err err;
	int rc;

	assert_int_equal(lmdb_open_with(dir, MAP, schema, &db, &err), 0);
	rc = lmdb_get(db, key, 0, &item, &err);
	if (rc == 0)
		keyspace_item_deinit(&item);
	lmdb_close(db);
	return rc == 0;
}

/* A keyspace of the old schema with one item, /old. */
static int setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	put(f, "/old", "1");
	keyspace_close(f->ks);
	f->ks = NULL;
	runs = 0;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/schema-2.mdb", f->store);
	unlink(path);
	snprintf(path, sizeof(path), "%s/schema-2.mdb.new", f->store);
	unlink(path);
	return fixture_teardown(state);
}

static void a_migration_runs_once(void **state)
{
	struct fixture *f = *state;

	assert_true(has_key(f->store, &new, "/new"));
	assert_int_equal(runs, 1);
	assert_false(has_key(f->store, &new, "/old"));
	assert_int_equal(runs, 1);
}

static void a_new_keyspace_needs_no_copy(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/data.mdb", f->store);
	unlink(path);
	assert_true(has_key(f->store, &new, "/new"));
	snprintf(path, sizeof(path), "%s/schema-2.mdb", f->store);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_was_there_before_is_kept_as_a_copy(void **state)
{
	struct fixture *f = *state;
	char copy[128];
	char data[128];
	struct stat st;

	assert_true(has_key(f->store, &new, "/new"));
	snprintf(copy, sizeof(copy), "%s/schema-2.mdb", f->store);
	snprintf(data, sizeof(data), "%s/data.mdb", f->store);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(rename(copy, data), 0);
	assert_true(has_key(f->store, &old, "/old"));
	assert_false(has_key(f->store, &old, "/new"));
}

static void a_step_that_fails_leaves_all_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct lmdb *db;

	assert_int_equal(lmdb_open_with(f->store, MAP, &bad, &db, &f->err), ERR_CORRUPT);
	assert_non_null(
	        strstr(f->err.msg, "migrate to schema 3 (move): a row that makes no sense"));
	assert_int_equal(runs, 1);
	assert_true(has_key(f->store, &old, "/old"));
	assert_false(has_key(f->store, &old, "/new"));
}

static void a_process_that_is_killed_in_a_step_leaves_all_as_it_was(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct lmdb *db;

		_exit(lmdb_open_with(f->store, MAP, &deadly, &db, &f->err));
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_true(has_key(f->store, &old, "/old"));
	assert_true(has_key(f->store, &new, "/new"));
}

static void a_newer_keyspace_is_refused_by_an_older_program(void **state)
{
	struct fixture *f = *state;
	struct keyspace *ks;

	assert_true(has_key(f->store, &new, "/new"));
	assert_int_equal(keyspace_lmdb_open(&f->options, &ks, &f->err), ERR_UNSUPPORTED);
	assert_non_null(strstr(f->err.msg, "written by a newer version (schema 3, known is 2)"));
	assert_true(has_key(f->store, &new, "/new"));
}

static void a_program_that_was_overtaken_can_no_longer_write(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP); /* until the other one has it open */
		_exit(has_key(f->store, &new, "/new") ? 0 : 1);
	}
	waitpid(pid, &status, WUNTRACED);
	fixture_open(f);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(put(f, "/late", "1"), ERR_UNSUPPORTED);
	assert_non_null(strstr(f->err.msg, "written by a newer version"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_migration_runs_once),
		CASE(a_new_keyspace_needs_no_copy),
		CASE(what_was_there_before_is_kept_as_a_copy),
		CASE(a_step_that_fails_leaves_all_as_it_was),
		CASE(a_process_that_is_killed_in_a_step_leaves_all_as_it_was),
		CASE(a_newer_keyspace_is_refused_by_an_older_program),
		CASE(a_program_that_was_overtaken_can_no_longer_write),
	};

	return unit_run(tests);
}
