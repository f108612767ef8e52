/*
 * The power fails: of data.mdb any of the pages that were written since the last checkpoint are on
 * the disk and others are not, and the journal ends somewhere. What was acknowledged is there.
 *
 * A copy of the files is made as a disk could have them, and opened.
 */
#include "store/journal.h"

#include "tests/unit/keyspace_fixture.h"

#include "base/rand.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PAGE   4096
#define WRITES 40

struct image {
	uint8_t *bytes;
	size_t len;
};

static struct image load(const char *dir, const char *name)
{
	struct image i = { 0 };
	char path[160];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	i.len = (size_t)st.st_size;
	i.bytes = malloc(i.len + 1);
	assert_int_equal(pread(fd, i.bytes, i.len, 0), i.len);
	close(fd);
	return i;
}

static void store(const char *dir, const char *name, const struct image *i)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, i->bytes, i->len), i->len);
	close(fd);
}

/* A keyspace as some disk has it, beside the one of the fixture. */
struct disk {
	char dir[96];
	struct image before; /* data.mdb as of the checkpoint */
	struct image data;
	struct image journals[2];
};

/* In memory, if that can be had: it is opened a thousand times. */
static void disk_name(struct fixture *f, struct disk *d)
{
	const char *in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : f->dir;

	snprintf(d->dir, sizeof(d->dir), "%s/postern-test-power-%d", in, (int)getpid());
}

static void disk_take_before(struct fixture *f, struct disk *d)
{
	disk_name(f, d);
	d->before = load(f->store, "data.mdb");
}

/* Where a journal's records end: behind them it is reserved, and 0. */
static size_t end_of(const struct image *i)
{
	size_t len = i->len;

	while (len > 0 && i->bytes[len - 1] == 0)
		len--;
	return len;
}

static void disk_take(struct fixture *f, struct disk *d)
{
	d->data = load(f->store, "data.mdb");
	d->journals[0] = load(f->store, "journal.0");
	d->journals[1] = load(f->store, "journal.1");
	for (int i = 0; i < 2; i++)
		d->journals[i].len = end_of(&d->journals[i]);
}

static void disk_write(const struct disk *d, const struct image *data)
{
	mkdir(d->dir, 0700);
	store(d->dir, "data.mdb", data);
	store(d->dir, "journal.0", &d->journals[0]);
	store(d->dir, "journal.1", &d->journals[1]);
}

static void disk_remove(const struct disk *d)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "journal.0", "journal.1",
		                             "peers" };
	char path[160];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->dir, names[i]);
		unlink(path);
	}
	rmdir(d->dir);
}

static void disk_deinit(struct disk *d)
{
	disk_remove(d);
	free(d->before.bytes);
	free(d->data.bytes);
	free(d->journals[0].bytes);
	free(d->journals[1].bytes);
}

static struct keyspace *disk_open(struct fixture *f, const struct disk *d)
{
	struct keyspace_lmdb_options options = f->options;
	struct keyspace *ks;

	options.dir = d->dir;
	if (keyspace_lmdb_open(&options, &ks, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	return ks;
}

/* --- what is written ------------------------------------------------------------------------- */

static void nth_key(int i, char key[32])
{
	snprintf(key, 32, "/k/%d", i % 7 == 6 ? i - 3 : i);
}

static void write_nth(struct fixture *f, int i)
{
	static uint8_t value[9000];
	char key[32];

	nth_key(i, key);
	memset(value, 'a' + i % 26, sizeof(value));
	if (i % 11 == 10)
		assert_int_equal(run_op(f, keyspace_op_delete("/k/1")),
		                 i == 10 ? 0 : ERR_NOT_FOUND);
	assert_int_equal(run_op(f, keyspace_op_put(key, value, i % 5 == 4 ? sizeof(value) : 20, 0)),
	                 0);
}

static int count_item(void *arg, const struct keyspace_item *item)
{
	(void)item;
	++*(int *)arg;
	return 0;
}

struct told {
	struct keyspace *ks;
	struct err err;
};

/* Both have the same items. */
static int compare_item(void *arg, const struct keyspace_item *item)
{
	struct told *t = arg;
	struct keyspace_item other;

	assert_int_equal(keyspace_get(t->ks, item->key, &other, &t->err), 0);
	assert_int_equal(other.revision, item->revision);
	assert_int_equal(other.len, item->len);
	assert_memory_equal(other.value, item->value, item->len);
	keyspace_item_deinit(&other);
	return 0;
}

static void assert_same(struct fixture *f, struct keyspace *ks)
{
	const struct keyspace_query all = { 0 };
	struct told t = { .ks = ks };
	int ours = 0, theirs = 0;

	assert_int_equal(keyspace_revision(ks), keyspace_revision(f->ks));
	assert_int_equal(keyspace_each(f->ks, &all, compare_item, &t, NULL, &f->err), 0);
	keyspace_each(f->ks, &all, count_item, &ours, NULL, &f->err);
	keyspace_each(ks, &all, count_item, &theirs, NULL, &f->err);
	assert_int_equal(ours, theirs);
}

/* Opening it once more changes nothing, and it takes writes. */
static void assert_whole(struct fixture *f, const struct disk *d)
{
	struct keyspace *ks = disk_open(f, d);
	struct keyspace_op op = keyspace_op_put("/more", "1", 1, 0);
	struct keyspace_item item;

	assert_same(f, ks);
	keyspace_close(ks);
	ks = disk_open(f, d);
	assert_same(f, ks);
	assert_int_equal(keyspace_write_wait(ks, &op, 1, NULL, &f->err), 0);
	keyspace_close(ks);
	ks = disk_open(f, d);
	assert_int_equal(keyspace_get(ks, "/more", &item, &f->err), 0);
	keyspace_item_deinit(&item);
	keyspace_close(ks);
	disk_remove(d);
}

/* --- pages ----------------------------------------------------------------------------------- */

/* The file as it was at the checkpoint, with some of the pages as they are now. */
static struct image mix(const struct disk *d, unsigned percent)
{
	struct image i = { .len = d->data.len };

	i.bytes = calloc(1, i.len);
	memcpy(i.bytes, d->before.bytes, d->before.len < i.len ? d->before.len : i.len);
	for (size_t at = 0; at < i.len; at += PAGE)
		if (rand_below(100) < percent)
			memcpy(i.bytes + at, d->data.bytes + at, PAGE);
	return i;
}

static void whichever_pages_are_on_the_disk_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	struct disk d;

	for (int i = 0; i < WRITES; i++)
		write_nth(f, i);
	keyspace_close(f->ks);
	fixture_open(f);
	disk_take_before(f, &d);
	for (int i = WRITES; i < 2 * WRITES; i++)
		assert_int_equal(run_op(f, keyspace_op_put(i % 2 ? "/k/3" : "/n", "later", 5, 0)),
		                 0);
	disk_take(f, &d);
	for (unsigned percent = 0; percent <= 100; percent += 2) {
		struct image i = mix(&d, percent);

		disk_write(&d, &i);
		assert_whole(f, &d);
		free(i.bytes);
	}
	disk_deinit(&d);
}

/* The newest first pages, and nothing that they lead to. */
static void first_pages_that_came_too_early_are_not_believed(void **state)
{
	struct fixture *f = *state;
	struct image early;
	struct disk d;

	put(f, "/a", "1");
	keyspace_close(f->ks);
	fixture_open(f);
	disk_take_before(f, &d);
	for (int i = 0; i < WRITES; i++)
		write_nth(f, i);
	disk_take(f, &d);
	early = mix(&d, 0);
	memcpy(early.bytes, d.data.bytes, (size_t)2 * PAGE);
	disk_write(&d, &early);
	assert_whole(f, &d);
	free(early.bytes);
	disk_deinit(&d);
}

/* --- the journal's end ----------------------------------------------------------------------- */

/* The last write may be lost with its record, and only that one. */
static void assert_all_but_last(struct fixture *f, const struct disk *d, uint64_t revision)
{
	struct keyspace *ks = disk_open(f, d);
	struct keyspace_item item;

	assert_int_equal(keyspace_revision(ks), revision);
	assert_int_equal(keyspace_get(ks, "/acked", &item, &f->err), 0);
	assert_int_equal(item.revision, revision);
	keyspace_item_deinit(&item);
	assert_int_equal(keyspace_get(ks, "/last", &item, &f->err), ERR_NOT_FOUND);
	keyspace_close(ks);
	disk_remove(d);
}

static void a_journal_that_is_torn_anywhere_keeps_all_before_it(void **state)
{
	struct fixture *f = *state;
	size_t begin[2], end[2];
	struct disk d;
	uint64_t revision;
	struct image *torn;

	put(f, "/a", "1");
	disk_take_before(f, &d);
	put(f, "/acked", "2");
	revision = keyspace_revision(f->ks);
	disk_take(f, &d);
	for (int i = 0; i < 2; i++) {
		begin[i] = end_of(&d.journals[i]);
		free(d.journals[i].bytes);
	}
	free(d.data.bytes);
	put(f, "/last", "3");
	disk_take(f, &d);
	for (int i = 0; i < 2; i++)
		end[i] = end_of(&d.journals[i]);
	torn = &d.journals[end[1] != begin[1]];
	begin[0] = begin[end[1] != begin[1]];
	end[0] = end[end[1] != begin[1]];
	assert_in_range(end[0] - begin[0], 100, 1000);
	for (size_t at = begin[0]; at < end[0]; at++) {
		uint8_t *tail = malloc(end[0] - at);
		struct image before = { d.before.bytes, d.before.len };

		memcpy(tail, torn->bytes + at, end[0] - at);
		if (tail[0] != 0) { /* cutting zeros off cuts nothing */
			memset(torn->bytes + at, 0, end[0] - at);
			disk_write(&d, &before);
			assert_all_but_last(f, &d, revision);
		}
		memcpy(torn->bytes + at, tail, end[0] - at);
		torn->bytes[at] ^= 0x40;
		disk_write(&d,
		           &d.data); /* all of LMDB's pages were written, as a kill leaves them */
		assert_all_but_last(f, &d, revision);
		torn->bytes[at] ^= 0x40;
		free(tail);
	}
	disk_write(&d, &d.before);
	assert_whole(f, &d);
	disk_deinit(&d);
}

/* --- many ------------------------------------------------------------------------------------ */

/* Through several checkpoints, and with one write that no record holds. */
static void a_journal_that_is_full_begins_anew(void **state)
{
	static uint8_t big[KEYSPACE_VALUE_MAX];
	struct keyspace_op ops[KEYSPACE_OPS_MAX];
	char keys[KEYSPACE_OPS_MAX][32];
	struct fixture *f = *state;
	struct disk d = { 0 };

	disk_name(f, &d);
	for (int i = 0; i < 700; i++)
		put(f, "/count", "x");
	for (int i = 0; i < KEYSPACE_OPS_MAX; i++) {
		snprintf(keys[i], sizeof(keys[i]), "/big/%d", i);
		memset(big, i, sizeof(big));
		ops[i] = keyspace_op_put(keys[i], big, sizeof(big), 0);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(keyspace_write_wait(f->ks, ops, KEYSPACE_OPS_MAX, NULL, &f->err),
		                 0);
	put(f, "/after", "1");
	disk_take(f, &d);
	disk_write(&d, &d.data);
	assert_whole(f, &d);
	disk_deinit(&d);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whichever_pages_are_on_the_disk_nothing_is_lost),
		CASE(first_pages_that_came_too_early_are_not_believed),
		CASE(a_journal_that_is_torn_anywhere_keeps_all_before_it),
		CASE(a_journal_that_is_full_begins_anew),
	};

	return unit_run(tests);
}
