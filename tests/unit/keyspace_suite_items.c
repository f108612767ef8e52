/*
 * The part of the suite about items: bounds, ranges, conditions, writes of several keys, what
 * lasts.
 */
#include "tests/unit/keyspace_suite.h"

#include "tests/unit/keyspace_fixture.h"

#include "base/rand.h"

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

static void items_are_walked_down_as_well(void **state)
{
	struct fixture *f = *state;

	put(f, "/a", "0");
	put(f, "/prefix/a", "1");
	put(f, "/prefix/b", "2");
	put(f, "/prefix/c/c1", "3");
	put(f, "/prefix/c/c2", "4");
	put(f, "/prefixes", "sibling");
	assert_keys(f, (struct keyspace_query){ .descending = true },
	            "/prefixes /prefix/c/c2 /prefix/c/c1 /prefix/b /prefix/a /a ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/prefix/", .descending = true },
	            "/prefix/c/c2 /prefix/c/c1 /prefix/b /prefix/a ");
	assert_keys(f,
	            (struct keyspace_query){ .prefix = "/prefix/", .limit = 2, .descending = true },
	            "/prefix/c/c2 /prefix/c/c1 ");
	assert_keys(f,
	            (struct keyspace_query){
	                    .prefix = "/prefix/", .after = "/prefix/c/c1", .descending = true },
	            "/prefix/b /prefix/a ");
	assert_keys(f,
	            (struct keyspace_query){
	                    .from = "/prefix/b", .to = "/prefix/c/c1", .descending = true },
	            "/prefix/c/c1 /prefix/b ");
	assert_keys(f,
	            (struct keyspace_query){
	                    .from = "/prefix/b", .to = "/prefix/c", .descending = true },
	            "/prefix/b ");
	assert_keys(f, (struct keyspace_query){ .prefix = "/none", .descending = true }, "");
}

static int add_length(void *arg, const struct keyspace_item *item)
{
	*(size_t *)arg += item->len;
	return 0;
}

static void a_range_of_many_large_values_comes_back_whole(void **state)
{
	static uint8_t big[KEYSPACE_VALUE_MAX];
	struct fixture *f = *state;
	struct keyspace_query all = { .prefix = "/big/" };
	struct keyspace_op ops[40];
	char keys[40][16];
	size_t total = 0;

	for (size_t i = 0; i < 40; i++) {
		snprintf(keys[i], sizeof(keys[i]), "/big/%zu", i);
		ops[i] = keyspace_op_put(keys[i], big, sizeof(big), 0);
	}
	assert_int_equal(keyspace_write_wait(f->ks, ops, 40, NULL, &f->err), 0);
	assert_int_equal(keyspace_each(f->ks, &all, add_length, &total, NULL, &f->err), 0);
	assert_int_equal(total, 40 * sizeof(big));
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

const struct CMUnitTest *keyspace_suite_items(size_t *out_count)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_item_lives_from_create_to_delete),
		cmocka_unit_test(keys_and_values_have_clear_bounds),
		cmocka_unit_test(keys_that_could_mislead_are_refused),
		cmocka_unit_test(ranges_are_sorted_and_paged),
		cmocka_unit_test(the_next_page_never_skips_children_of_the_last_key),
		cmocka_unit_test(a_walk_ends_when_its_callback_says_so),
		cmocka_unit_test(reads_may_be_nested),
		cmocka_unit_test(items_are_walked_down_as_well),
		cmocka_unit_test(a_range_of_many_large_values_comes_back_whole),
		cmocka_unit_test(a_range_is_deleted_and_nothing_beside_it),
		cmocka_unit_test(several_puts_are_one_write_and_the_last_of_a_key_counts),
		cmocka_unit_test(compare_and_swap_compares_values),
		cmocka_unit_test(updates_and_deletes_by_revision_refuse_a_stale_one),
		cmocka_unit_test(a_write_of_several_keys_happens_whole_or_not_at_all),
		cmocka_unit_test(what_cannot_go_together_spoils_neither_its_write_nor_others),
		cmocka_unit_test(everything_is_still_there_after_opening_anew),
		cmocka_unit_test(closing_finishes_what_was_asked_for),
		cmocka_unit_test(the_queue_of_writes_is_bounded),
	};

	*out_count = sizeof(tests) / sizeof(tests[0]);
	return tests;
}
