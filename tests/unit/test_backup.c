/*
 * A keyspace written out and made anew from it.
 */
#include "store/backup.h"

#include "tests/unit/keyspace_fixture.h"

static FILE *backup_of(struct fixture *f)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(backup_write(f->ks, file, &f->err), 0);
	rewind(file);
	return file;
}

/* The store is emptied first, as if it were another machine's. */
static int restore(struct fixture *f, FILE *from)
{
	size_t items = 0;
	char path[128];

	keyspace_close(f->ks);
	f->ks = NULL;
	snprintf(path, sizeof(path), "%s/data.mdb", f->store);
	unlink(path);
	return backup_restore(f->store, from, &items, &f->err);
}

static void all_items_come_back_as_they_were(void **state)
{
	static uint8_t big[KEYSPACE_VALUE_MAX];
	struct fixture *f = *state;
	struct keyspace_item before;
	struct keyspace_item item;
	FILE *file;

	memset(big, 7, sizeof(big));
	put(f, "/users/alice", "a");
	put(f, KEYSPACE_SECRETS "ca", "private");
	put(f, "/empty", "");
	put_for(f, "/lease", "l", 5000);
	put_for(f, "/expired", "x", 10);
	run_op(f, keyspace_op_put("/big", big, sizeof(big), 0));
	assert_int_equal(keyspace_get(f->ks, "/users/alice", &before, &f->err), 0);
	clock_fake_advance(&f->clock, 10);
	file = backup_of(f);
	assert_int_equal(restore(f, file), 0);
	fixture_open(f);
	assert_keys(f, (struct keyspace_query){ 0 },
	            "/big /empty /lease /secrets/ca /users/alice ");
	assert_value(f, "/users/alice", "a");
	assert_value(f, KEYSPACE_SECRETS "ca", "private");
	assert_value(f, "/empty", "");
	assert_int_equal(keyspace_get(f->ks, "/users/alice", &item, &f->err), 0);
	assert_int_equal(item.revision, before.revision);
	keyspace_item_deinit(&before);
	keyspace_item_deinit(&item);
	assert_int_equal(keyspace_get(f->ks, "/big", &item, &f->err), 0);
	assert_int_equal(item.len, sizeof(big));
	assert_memory_equal(item.value, big, sizeof(big));
	keyspace_item_deinit(&item);
	clock_fake_advance(&f->clock, 5000);
	assert_value(f, "/lease", NULL);
	fclose(file);
}

static void who_saw_later_revisions_must_read_anew(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch_options o = { 0 };
	struct keyspace_watch *w;
	FILE *file;

	put(f, "/a", "1");
	file = backup_of(f);
	put(f, "/a", "lost");
	o.after = keyspace_revision(f->ks);
	assert_int_equal(restore(f, file), 0);
	fixture_open(f);
	put(f, "/a", "2");
	assert_true(keyspace_revision(f->ks) > o.after);
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), ERR_CONFLICT);
	assert_non_null(strstr(f->err.msg, "is compacted"));
	fclose(file);
}

struct tee {
	struct fixture *f;
	FILE *to;
	bool once;
};

/* Somebody writes while the backup is on its way. */
static ssize_t tee_write(void *cookie, const char *data, size_t len)
{
	struct tee *t = cookie;

	if (!t->once) {
		t->once = true;
		assert_int_equal(put(t->f, "/k/499", "changed"), 0);
		assert_int_equal(put(t->f, "/k/later", "new"), 0);
	}
	return fwrite(data, 1, len, t->to) == len ? (ssize_t)len : 0;
}

static void a_backup_is_one_snapshot(void **state)
{
	const cookie_io_functions_t functions = { .write = tee_write };
	struct fixture *f = *state;
	struct tee t = { f, tmpfile(), false };
	FILE *file = fopencookie(&t, "w", functions);

	for (int i = 0; i < 500; i++) {
		char key[16];

		snprintf(key, sizeof(key), "/k/%03d", i);
		put(f, key, "v");
	}
	assert_int_equal(backup_write(f->ks, file, &f->err), 0);
	assert_true(t.once);
	assert_value(f, "/k/later", "new");
	fclose(file);
	rewind(t.to);
	assert_int_equal(restore(f, t.to), 0);
	fixture_open(f);
	assert_value(f, "/k/499", "v");
	assert_value(f, "/k/later", NULL);
	fclose(t.to);
}

static void a_disk_that_is_full_fails_the_backup(void **state)
{
	struct fixture *f = *state;
	FILE *full = fopen("/dev/full", "w");

	put(f, "/a", "1");
	assert_int_equal(backup_write(f->ks, full, &f->err), ERR_IO);
	assert_string_equal(f->err.msg, "write the backup: No space left on device");
	fclose(full);
}

static void what_was_written_to_is_not_restored_into(void **state)
{
	struct fixture *f = *state;
	FILE *file = backup_of(f);
	size_t items;

	put(f, "/a", "1");
	keyspace_close(f->ks);
	f->ks = NULL;
	assert_int_equal(backup_restore(f->store, file, &items, &f->err), ERR_EXISTS);
	fixture_open(f);
	assert_value(f, "/a", "1");
	fclose(file);
}

static size_t read_all(FILE *file, uint8_t *room, size_t size)
{
	size_t len = fread(room, 1, size, file);

	fclose(file);
	return len;
}

static int restore_bytes(struct fixture *f, uint8_t *bytes, size_t len)
{
	FILE *file = fmemopen(bytes, len, "r");
	size_t items;
	int rc = backup_restore(f->store, file, &items, &f->err);

	fclose(file);
	return rc;
}

/* Every byte counts, and what does not hold together leaves nothing behind. */
static void a_damaged_or_cut_backup_restores_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[512];
	char path[128];
	size_t len;

	put(f, "/a", "one");
	put(f, "/b", "two");
	len = read_all(backup_of(f), bytes, sizeof(bytes));
	keyspace_close(f->ks);
	f->ks = NULL;
	snprintf(path, sizeof(path), "%s/data.mdb", f->store);
	unlink(path);
	for (size_t i = 0; i < len; i++) {
		int rc;

		bytes[i] ^= 0x41;
		rc = restore_bytes(f, bytes, len);
		assert_true(rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED);
		bytes[i] ^= 0x41;
	}
	for (size_t i = 1; i < len; i++)
		assert_int_equal(restore_bytes(f, bytes, i), ERR_CORRUPT);
	assert_int_equal(restore_bytes(f, bytes, len), 0);
	fixture_open(f);
	assert_keys(f, (struct keyspace_query){ 0 }, "/a /b ");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_items_come_back_as_they_were),
		CASE(who_saw_later_revisions_must_read_anew),
		CASE(a_backup_is_one_snapshot),
		CASE(a_disk_that_is_full_fails_the_backup),
		CASE(what_was_written_to_is_not_restored_into),
		CASE(a_damaged_or_cut_backup_restores_nothing),
	};

	return unit_run(tests);
}
