/*
 * The compliance suite of a keyspace: what every implementation of the interface must do.
 */
#include "store/keyspace.h"

#include "tests/unit/keyspace_fixture.h"

#include "base/rand.h"

#include <signal.h>
#include <sys/resource.h>

static void an_item_lives_from_create_to_delete(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_op(f, keyspace_op_update("/a", "x", 1, 0)), ERR_NOT_FOUND);
	assert_int_equal(create(f, "/a", "one"), 0);
	assert_int_equal(create(f, "/a", "two"), ERR_EXISTS);
	assert_value(f, "/a", "one");
	assert_keys(f, (struct keyspace_query){ .prefix = "/a" }, "/a ");
	assert_int_equal(run_op(f, keyspace_op_update("/a", "three", 5, 0)), 0);
	assert_value(f, "/a", "three");
	assert_int_equal(run_op(f, keyspace_op_delete("/a")), 0);
	assert_value(f, "/a", NULL);
	assert_int_equal(run_op(f, keyspace_op_delete("/a")), ERR_NOT_FOUND);
	assert_int_equal(put(f, "/b", "new"), 0);
	assert_int_equal(put(f, "/b", "again"), 0);
	assert_value(f, "/b", "again");
}

static void keys_and_values_have_clear_bounds(void **state)
{
	static uint8_t big[KEYSPACE_VALUE_MAX + 1];
	struct fixture *f = *state;
	struct keyspace_item item;
	char key[KEYSPACE_KEY_MAX + 2];

	rand_bytes(big, sizeof(big));
	memset(key, 'k', sizeof(key));
	key[0] = '/';
	key[KEYSPACE_KEY_MAX] = 0;
	assert_int_equal(run_op(f, keyspace_op_put(key, big, KEYSPACE_VALUE_MAX, 0)), 0);
	assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
	assert_int_equal(item.len, KEYSPACE_VALUE_MAX);
	assert_memory_equal(item.value, big, item.len);
	keyspace_item_deinit(&item);
	assert_int_equal(run_op(f, keyspace_op_put("/v", big, sizeof(big), 0)), ERR_INVALID);
	assert_string_equal(f->err.msg, "a value of 60001 bytes: at most 60000 are allowed");
	key[KEYSPACE_KEY_MAX] = 'k';
	key[KEYSPACE_KEY_MAX + 1] = 0;
	assert_int_equal(put(f, key, "x"), ERR_INVALID);
	assert_string_equal(f->err.msg, "a key of 481 bytes: at most 480 are allowed");
}

static void keys_that_could_mislead_are_refused(void **state)
{
	static const char *const bad[] = { "",      "/",       "a",     "/a//b",  "//a", "/a/..",
		                           "/../a", "/a/../b", "/a\nb", "/a\x7f", "/a/", NULL };
	static const char *const good[] = {
		"/a",     "/a/..b",           "/a/b..",          "/users/a@b.c+d",
		"/a/b c", "/users/a,O=admin", "/users/\xc3\xa9", NULL
	};
	struct fixture *f = *state;

	for (size_t i = 0; bad[i] != NULL; i++)
		assert_int_equal(put(f, bad[i], "x"), ERR_INVALID);
	for (size_t i = 0; good[i] != NULL; i++)
		assert_int_equal(put(f, good[i], "x"), 0);
}

static void ranges_are_sorted_and_paged(void **state)
{
	struct fixture *f = *state;

	put(f, "/prefix/c/c2", "4");
	put(f, "/prefix/a", "1");
	put(f, "/prefix/c/c1", "3");
	put(f, "/a", "0");
	put(f, "/prefix/b", "2");
	put(f, "/prefixes", "sibling");
	assert_keys(f, (struct keyspace_query){ .prefix = "/prefix/" },
	            "/prefix/a /prefix/b /prefix/c/c1 /prefix/c/c2 ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/prefix/c/" },
	            "/prefix/c/c1 /prefix/c/c2 ");
	assert_keys(f, (struct keyspace_query){ .from = "/prefix/c/c1", .to = "/prefix/cz" },
	            "/prefix/c/c1 /prefix/c/c2 ");
	assert_keys(f, (struct keyspace_query){ .from = "/prefix/a", .to = "/prefix/b" },
	            "/prefix/a /prefix/b ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/prefix/", .limit = 2 },
	            "/prefix/a /prefix/b ");
	assert_keys(
	        f,
	        (struct keyspace_query){ .prefix = "/prefix/", .after = "/prefix/b", .limit = 2 },
	        "/prefix/c/c1 /prefix/c/c2 ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/prefix/", .after = "/prefix/c/c2" },
	            "");
	assert_keys(f, (struct keyspace_query){ .prefix = "/none" }, "");
}

static void the_next_page_never_skips_children_of_the_last_key(void **state)
{
	struct fixture *f = *state;

	put(f, "/p/a", "1");
	put(f, "/p/a/child", "2");
	put(f, "/p/ab", "3");
	assert_keys(f, (struct keyspace_query){ .prefix = "/p/", .limit = 1 }, "/p/a ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/p/", .after = "/p/a" },
	            "/p/a/child /p/ab ");
}

static int stop_at_once(void *arg, const struct keyspace_item *item)
{
	(void)item;
	(*(int *)arg)++;
	return 77;
}

static void a_walk_ends_when_its_callback_says_so(void **state)
{
	struct fixture *f = *state;
	struct keyspace_query all = { 0 };
	int calls = 0;

	put(f, "/a", "1");
	put(f, "/b", "2");
	assert_int_equal(keyspace_each(f->ks, &all, stop_at_once, &calls, NULL, &f->err), 77);
	assert_int_equal(calls, 1);
}

static int read_within(void *arg, const struct keyspace_item *item)
{
	struct fixture *f = arg;
	struct keyspace_item again;

	assert_int_equal(keyspace_get(f->ks, item->key, &again, &f->err), 0);
	assert_int_equal(again.revision, item->revision);
	keyspace_item_deinit(&again);
	return 0;
}

static void reads_may_be_nested(void **state)
{
	struct fixture *f = *state;
	struct keyspace_query all = { 0 };

	put(f, "/a", "1");
	put(f, "/b", "2");
	assert_int_equal(keyspace_each(f->ks, &all, read_within, f, NULL, &f->err), 0);
}

static void a_range_is_deleted_and_nothing_beside_it(void **state)
{
	struct fixture *f = *state;

	put(f, "/prefix/a", "1");
	put(f, "/prefix/b", "2");
	put(f, "/prefix/c/c1", "3");
	put(f, "/prefix/c/c2", "4");
	put(f, "/prefiy", "5");
	assert_int_equal(run_op(f, keyspace_op_delete_range("/prefix/c/", NULL)), 0);
	assert_keys(f, (struct keyspace_query){ 0 }, "/prefix/a /prefix/b /prefiy ");
	assert_int_equal(run_op(f, keyspace_op_delete_range("/prefix/a", "/prefix/b")), 0);
	assert_keys(f, (struct keyspace_query){ 0 }, "/prefiy ");
	assert_int_equal(run_op(f, keyspace_op_delete_range("/none", NULL)), 0);
}

static void several_puts_are_one_write_and_the_last_of_a_key_counts(void **state)
{
	struct fixture *f = *state;
	struct keyspace_op ops[] = {
		keyspace_op_put("/a", "1", 1, 0),
		keyspace_op_put("/b", "2", 1, 0),
		keyspace_op_put("/a", "3", 1, 0),
	};
	struct keyspace_item a;
	struct keyspace_item b;
	uint64_t revision;

	assert_int_equal(keyspace_write_wait(f->ks, ops, 3, &revision, &f->err), 0);
	assert_value(f, "/a", "3");
	assert_int_equal(keyspace_get(f->ks, "/a", &a, &f->err), 0);
	assert_int_equal(keyspace_get(f->ks, "/b", &b, &f->err), 0);
	assert_int_equal(a.revision, revision);
	assert_int_equal(b.revision, revision);
	keyspace_item_deinit(&a);
	keyspace_item_deinit(&b);
}

static void compare_and_swap_compares_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_op(f, keyspace_op_swap("/a", "1", 1, "2", 1, 0)), ERR_CONFLICT);
	create(f, "/a", "1");
	assert_int_equal(run_op(f, keyspace_op_swap("/a", "1", 1, "2", 1, 0)), 0);
	assert_int_equal(run_op(f, keyspace_op_swap("/a", "1", 1, "3", 1, 0)), ERR_CONFLICT);
	assert_int_equal(run_op(f, keyspace_op_swap("/a", "", 0, "3", 1, 0)), ERR_CONFLICT);
	assert_value(f, "/a", "2");
}

static void updates_and_deletes_by_revision_refuse_a_stale_one(void **state)
{
	struct fixture *f = *state;
	struct keyspace_op op = keyspace_op_create("/a", "1", 1, 0);
	uint64_t first;
	uint64_t second;

	assert_int_equal(keyspace_write_wait(f->ks, &op, 1, &first, &f->err), 0);
	op = keyspace_op_update_at("/a", first, "2", 1, 0);
	assert_int_equal(keyspace_write_wait(f->ks, &op, 1, &second, &f->err), 0);
	assert_true(second > first);
	assert_int_equal(run_op(f, keyspace_op_update_at("/a", first, "3", 1, 0)), ERR_CONFLICT);
	assert_int_equal(run_op(f, keyspace_op_delete_at("/a", first)), ERR_CONFLICT);
	assert_int_equal(run_op(f, keyspace_op_delete_at("/a", second)), 0);
	assert_int_equal(run_op(f, keyspace_op_update_at("/a", second, "3", 1, 0)), ERR_CONFLICT);
	assert_value(f, "/a", NULL);
}

static void a_write_of_several_keys_happens_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct keyspace_op ops[] = {
		keyspace_op_put("/new", "1", 1, 0),
		keyspace_op_delete("/old"),
		{ KEYSPACE_IF_ABSENT, KEYSPACE_CHECK, .key = "/barrier" },
	};
	uint64_t before;

	put(f, "/old", "0");
	put(f, "/barrier", "up");
	before = keyspace_revision(f->ks);
	assert_int_equal(keyspace_write_wait(f->ks, ops, 3, NULL, &f->err), ERR_EXISTS);
	assert_value(f, "/new", NULL);
	assert_value(f, "/old", "0");
	assert_int_equal(keyspace_revision(f->ks), before);
	run_op(f, keyspace_op_delete("/barrier"));
	assert_int_equal(keyspace_write_wait(f->ks, ops, 3, NULL, &f->err), 0);
	assert_value(f, "/new", "1");
	assert_value(f, "/old", NULL);
}

static void what_cannot_go_together_spoils_neither_its_write_nor_others(void **state)
{
	struct fixture *f = *state;
	struct keyspace_op ops[] = { keyspace_op_delete("/a"), keyspace_op_extend("/a", 0) };

	put(f, "/a", "1");
	assert_int_equal(keyspace_write_wait(f->ks, ops, 2, NULL, &f->err), ERR_INVALID);
	assert_value(f, "/a", "1");
}

static void expired_items_are_gone_at_once(void **state)
{
	struct fixture *f = *state;

	put(f, "/e/a", "stays");
	put_for(f, "/e/b", "goes", 1000);
	assert_value(f, "/e/b", "goes");
	clock_fake_advance(&f->clock, 1000);
	assert_value(f, "/e/b", NULL);
	assert_keys(f, (struct keyspace_query){ .prefix = "/e/" }, "/e/a ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/e/", .limit = 1 }, "/e/a ");
	assert_int_equal(run_op(f, keyspace_op_update("/e/b", "x", 1, 0)), ERR_NOT_FOUND);
	assert_int_equal(create(f, "/e/b", "anew"), 0);
	clock_fake_advance(&f->clock, 100000);
	assert_value(f, "/e/b", "anew");
}

static void expired_items_do_not_count_towards_a_page(void **state)
{
	struct fixture *f = *state;

	put_for(f, "/e/a", "1", 10);
	put(f, "/e/b", "2");
	put(f, "/e/c", "3");
	clock_fake_advance(&f->clock, 10);
	assert_keys(f, (struct keyspace_query){ .prefix = "/e/", .limit = 2 }, "/e/b /e/c ");
}

static void a_lease_is_kept_alive_until_its_item_is_gone(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w = watch(f, "/lease", 0);

	put_for(f, "/lease", "v", 2000);
	clock_fake_advance(&f->clock, 1000);
	assert_int_equal(run_op(f, keyspace_op_extend("/lease", f->clock.wall + 2000)), 0);
	clock_fake_advance(&f->clock, 1500);
	assert_value(f, "/lease", "v");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/lease", "v");
	assert_int_equal(next_event(f, w)->item.expires, START_MS + 3000);
	run_op(f, keyspace_op_delete("/lease"));
	assert_int_equal(run_op(f, keyspace_op_extend("/lease", f->clock.wall + 2000)),
	                 ERR_NOT_FOUND);
	put_for(f, "/lease", "w", 10);
	clock_fake_advance(&f->clock, 10);
	assert_int_equal(run_op(f, keyspace_op_extend("/lease", f->clock.wall + 2000)),
	                 ERR_NOT_FOUND);
	keyspace_watch_close(w);
}

static void everything_is_still_there_after_opening_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t revision;

	put(f, "/a", "1");
	put(f, KEYSPACE_SECRETS "s", "2");
	revision = keyspace_revision(f->ks);
	keyspace_close(f->ks);
	fixture_open(f);
	assert_value(f, "/a", "1");
	assert_value(f, KEYSPACE_SECRETS "s", "2");
	assert_int_equal(keyspace_revision(f->ks), revision);
	put(f, "/a", "3");
	assert_int_equal(keyspace_revision(f->ks), revision + 1);
}

static void note_done(void *arg, uint64_t revision, const struct err *err)
{
	assert_null(err);
	assert_true(revision > 0);
	(*(int *)arg)++;
}

static void closing_finishes_what_was_asked_for(void **state)
{
	struct fixture *f = *state;
	int done = 0;

	for (int i = 0; i < 100; i++) {
		struct keyspace_op op;
		char key[16];

		snprintf(key, sizeof(key), "/k%d", i);
		op = keyspace_op_put(key, "x", 1, 0);
		assert_int_equal(keyspace_write(f->ks, &op, 1, note_done, &done, &f->err), 0);
	}
	keyspace_close(f->ks);
	assert_int_equal(done, 100);
	fixture_open(f);
	assert_value(f, "/k99", "x");
}

static void the_queue_of_writes_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct keyspace_op op = keyspace_op_put("/a", "x", 1, 0);
	int done = 0;
	int rc = 0;
	int sent;

	keyspace_close(f->ks);
	f->options.queue = 3;
	fixture_open(f);
	for (sent = 0; sent < 4 && rc == 0; sent++)
		rc = keyspace_write(f->ks, &op, 1, note_done, &done, &f->err);
	assert_int_equal(sent, 4);
	assert_int_equal(rc, ERR_LIMIT);
}

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

static void leases_begin_afresh_when_it_is_opened_so(void **state)
{
	static const char *const prefixes[] = { "/nodes/", NULL };
	struct fixture *f = *state;
	struct keyspace_item item;
	struct keyspace_watch *w;

	for (int i = 0; i < 30; i++) {
		char key[24];

		snprintf(key, sizeof(key), "/nodes/%02d", i);
		put_for(f, key, "node", 1000);
	}
	put(f, "/nodes/static", "stays");
	put_for(f, "/other", "goes", 1000);
	keyspace_close(f->ks);
	clock_fake_advance(&f->clock, 5000);
	f->options.lease_prefixes = prefixes;
	f->options.lease_ms = 2000;
	fixture_open(f);
	assert_value(f, "/other", NULL);
	assert_value(f, "/nodes/static", "stays");
	for (int i = 0; i < 30; i++) {
		char key[24];

		snprintf(key, sizeof(key), "/nodes/%02d", i);
		assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
		assert_int_equal(item.expires, f->clock.wall + 2000);
		keyspace_item_deinit(&item);
	}
	w = watch(f, "/nodes/", 0);
	clock_fake_advance(&f->clock, 2000);
	assert_event(f, w, KEYSPACE_EVENT_DELETE, "/nodes/00", "");
	assert_value(f, "/nodes/29", NULL);
	keyspace_watch_close(w);
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
	assert_int_equal(keyspace_open(&f->options, &ks, &f->err), ERR_CORRUPT);
	assert_non_null(strstr(f->err.msg, "damaged"));
	unlink(path);
	fixture_open(f);
}

static void a_lock_is_a_key_that_only_one_can_create(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_op(f, keyspace_op_delete("/locks/a")), ERR_NOT_FOUND);
	assert_int_equal(create(f, "/locks/a", "me"), 0);
	assert_int_equal(create(f, "/locks/a", "you"), ERR_EXISTS);
	assert_int_equal(create(f, "/locks/b", "you"), 0);
	assert_int_equal(run_op(f, keyspace_op_delete("/locks/a")), 0);
	assert_int_equal(create(f, "/locks/a", "you"), 0);
}

struct round {
	int open;
	int codes[ERR_CODES];
};

static void count_code(void *arg, uint64_t revision, const struct err *err)
{
	struct round *round = arg;

	(void)revision;
	round->open--;
	round->codes[err != NULL ? err->code : 0]++;
}

/* All that can be done to one key, at once; only the errors of conditions, never a torn value. */
static void writes_at_once_fail_only_by_their_conditions(void **state)
{
	struct fixture *f = *state;
	struct round round = { 0 };
	const struct keyspace_op ops[] = {
		keyspace_op_put("/k", "aaaaaaaa", 8, 0),
		keyspace_op_swap("/k", "aaaaaaaa", 8, "bbbbbbbb", 8, 0),
		keyspace_op_create("/k", "aaaaaaaa", 8, 0),
		keyspace_op_delete("/k"),
		keyspace_op_update("/k", "bbbbbbbb", 8, 0),
	};

	for (int i = 0; i < 50; i++) {
		for (size_t j = 0; j < sizeof(ops) / sizeof(*ops); j++, round.open++)
			assert_int_equal(
			        keyspace_write(f->ks, &ops[j], 1, count_code, &round, &f->err), 0);
		while (round.open > 0) {
			struct pollfd pfd = { .fd = keyspace_fd(f->ks), .events = POLLIN };
			struct keyspace_item item;

			if (keyspace_get(f->ks, "/k", &item, &f->err) == 0) {
				assert_true(memcmp(item.value, "aaaaaaaa", 8) == 0 ||
				            memcmp(item.value, "bbbbbbbb", 8) == 0);
				keyspace_item_deinit(&item);
			}
			poll(&pfd, 1, -1);
			keyspace_dispatch(f->ks);
		}
	}
	/* In the order they were asked for: put, swap and delete hold, create and update do not. */
	assert_int_equal(round.codes[0], 150);
	assert_int_equal(round.codes[ERR_EXISTS], 50);
	assert_int_equal(round.codes[ERR_NOT_FOUND], 50);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_item_lives_from_create_to_delete),
		CASE(keys_and_values_have_clear_bounds),
		CASE(keys_that_could_mislead_are_refused),
		CASE(ranges_are_sorted_and_paged),
		CASE(the_next_page_never_skips_children_of_the_last_key),
		CASE(a_walk_ends_when_its_callback_says_so),
		CASE(reads_may_be_nested),
		CASE(a_range_is_deleted_and_nothing_beside_it),
		CASE(several_puts_are_one_write_and_the_last_of_a_key_counts),
		CASE(compare_and_swap_compares_values),
		CASE(updates_and_deletes_by_revision_refuse_a_stale_one),
		CASE(a_write_of_several_keys_happens_whole_or_not_at_all),
		CASE(what_cannot_go_together_spoils_neither_its_write_nor_others),
		CASE(expired_items_are_gone_at_once),
		CASE(expired_items_do_not_count_towards_a_page),
		CASE(a_lease_is_kept_alive_until_its_item_is_gone),
		CASE(a_lock_is_a_key_that_only_one_can_create),
		CASE(writes_at_once_fail_only_by_their_conditions),
		CASE(everything_is_still_there_after_opening_anew),
		CASE(closing_finishes_what_was_asked_for),
		CASE(the_queue_of_writes_is_bounded),
		CASE(a_full_map_answers_clearly_and_keeps_what_was_there),
		CASE(a_full_disk_answers_clearly_and_loses_nothing),
		CASE(leases_begin_afresh_when_it_is_opened_so),
		CASE(damaged_files_are_refused_with_a_clear_error),
	};

	return unit_run(tests);
}
