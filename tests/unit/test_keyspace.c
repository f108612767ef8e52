/*
 * LMDB's keyspace: what every keyspace must do, and what is its own: its files, its map, its disk.
 */
#include "store/keyspace_lmdb.h"

#include "tests/unit/keyspace_fixture.h"
#include "tests/unit/keyspace_suite.h"

#include <lmdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void a_full_map_answers_clearly_and_keeps_what_was_there(void **state)
{
	static uint8_t big[KEYSPACE_VALUE_MAX];
	struct fixture *f = *state;
	int stored = 0;
	char key[16];
	int rc = 0;

	keyspace_close(f->ks);
	f->options.map_size = 2 << 20;
	fixture_open(f);
	for (; rc == 0 && stored < 1000; stored += rc == 0) {
		snprintf(key, sizeof(key), "/k%03d", stored);
		rc = run_op(f, keyspace_op_put(key, big, sizeof(big), 0));
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_non_null(strstr(f->err.msg, "the map is full"));
	for (int i = 0; i < stored; i++) {
		struct keyspace_item item;

		snprintf(key, sizeof(key), "/k%03d", i);
		assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
		keyspace_item_deinit(&item);
	}
}

/* Writes until the file may not grow any more, then once more when it may. */
static void a_full_disk_answers_clearly_and_loses_nothing(void **state)
{
	static uint8_t big[20000];
	struct fixture *f = *state;
	struct rlimit old;
	struct rlimit small;
	int stored = 0;
	char key[16];
	int rc = 0;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 1 << 20, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	for (; rc == 0 && stored < 1000; stored += rc == 0) {
		snprintf(key, sizeof(key), "/k%03d", stored);
		rc = run_op(f, keyspace_op_put(key, big, sizeof(big), 0));
	}
	assert_true(rc == ERR_LIMIT || rc == ERR_IO);
	assert_non_null(strstr(f->err.msg, "the disk is full"));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(put(f, "/after", "room"), 0);
	keyspace_close(f->ks);
	fixture_open(f);
	assert_value(f, "/after", "room");
	for (int i = 0; i < stored; i++) {
		struct keyspace_item item;

		snprintf(key, sizeof(key), "/k%03d", i);
		assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
		assert_int_equal(item.len, sizeof(big));
		keyspace_item_deinit(&item);
	}
}

static void damaged_files_are_refused_with_a_clear_error(void **state)
{
	static const uint8_t garbage[8192] = "this is no keyspace";
	struct fixture *f = *state;
	struct keyspace *ks;
	char path[128];
	FILE *file;

	keyspace_close(f->ks);
	snprintf(path, sizeof(path), "%s/data.mdb", f->store);
	file = fopen(path, "w");
	fwrite(garbage, sizeof(garbage), 1, file);
	fclose(file);
	assert_int_equal(keyspace_lmdb_open(&f->options, &ks, &f->err), ERR_CORRUPT);
	assert_non_null(strstr(f->err.msg, "damaged"));
	unlink(path);
	fixture_open(f);
}

/* Stores less than the head of an item, behind the keyspace's back. */
static void damage_item(struct fixture *f, const char *key)
{
	MDB_val k = { strlen(key), (void *)(uintptr_t)key };
	MDB_val v = { 3, (char[]){ "cut" } };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi items;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
	assert_int_equal(mdb_env_open(env, f->store, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "items", 0, &items), 0);
	assert_int_equal(mdb_put(txn, items, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	fixture_forget_journal(f);
}

#define PAGE 4096

static off_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* The file without its last pages: 0, all is there that was; or ERR_CORRUPT, and nothing is
 * changed. */
static int open_cut(struct fixture *f, const char *path, int pages)
{
	off_t size = file_size(path) - (off_t)pages * PAGE;
	struct keyspace *ks;
	int rc;

	assert_int_equal(truncate(path, size), 0);
	rc = keyspace_lmdb_open(&f->options, &ks, &f->err);
	if (rc != 0) {
		assert_int_equal(rc, ERR_CORRUPT);
		assert_non_null(strstr(f->err.msg, "data.mdb is cut"));
		assert_int_equal(file_size(path), size);
		return rc;
	}
	f->ks = ks;
	assert_value(f, "/a", "1");
	assert_value(f, "/b", "2");
	assert_int_equal(put(f, "/b", "2"), 0);
	keyspace_close(ks);
	return 0;
}

static void a_file_that_was_cut_is_refused_unless_nothing_is_missing(void **state)
{
	static uint8_t big[KEYSPACE_VALUE_MAX];
	struct fixture *f = *state;
	char path[128];

	put(f, "/a", "1");
	for (int i = 0; i < 3; i++) {
		run_op(f, keyspace_op_put("/secrets/big", big, sizeof(big), 0));
		run_op(f, keyspace_op_delete("/secrets/big"));
	}
	for (int i = 0; i < 3; i++) { /* what is free can be used only behind a checkpoint */
		keyspace_close(f->ks);
		fixture_open(f);
		put(f, "/b", "2");
	}
	keyspace_close(f->ks);
	snprintf(path, sizeof(path), "%s/data.mdb", f->store);
	assert_int_equal(open_cut(f, path, 1), 0); /* of a value that is no more */
	while (open_cut(f, path, 2) == 0)
		;
	unlink(path);
	fixture_open(f);
}

static void damaged_rows_are_reported_and_the_others_are_served(void **state)
{
	struct fixture *f = *state;
	struct keyspace_item item;

	put(f, "/a", "1");
	put(f, "/b", "2");
	keyspace_close(f->ks);
	damage_item(f, "/a");
	fixture_open(f);
	assert_int_equal(keyspace_get(f->ks, "/a", &item, &f->err), ERR_CORRUPT);
	assert_string_equal(f->err.msg, "keyspace: an item is cut");
	assert_value(f, "/b", "2");
	assert_int_equal(put(f, "/b", "3"), 0);
	assert_int_equal(put(f, "/a", "4"), ERR_CORRUPT);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_full_map_answers_clearly_and_keeps_what_was_there),
		CASE(a_full_disk_answers_clearly_and_loses_nothing),
		CASE(damaged_files_are_refused_with_a_clear_error),
		CASE(a_file_that_was_cut_is_refused_unless_nothing_is_missing),
		CASE(damaged_rows_are_reported_and_the_others_are_served),
	};

	return keyspace_suite_run(NULL) + unit_run(tests);
}
