/*
 * LMDB's keyspace: what every keyspace must do, and what is its own: its files, its map, its disk.
 */
#include "store/keyspace_lmdb.h"

#include "tests/unit/keyspace_fixture.h"
#include "tests/unit/keyspace_suite.h"

#include <signal.h>
#include <sys/resource.h>

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

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_full_map_answers_clearly_and_keeps_what_was_there),
		CASE(a_full_disk_answers_clearly_and_loses_nothing),
		CASE(damaged_files_are_refused_with_a_clear_error),
	};

	return keyspace_suite_run(NULL) + unit_run(tests);
}
