/*
 * The part of the suite about watches: order, prefixes, resumption, bounds.
 */
#include "tests/unit/keyspace_suite.h"

#include "tests/unit/keyspace_fixture.h"

static void a_watch_sees_init_then_every_change_in_order(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w = watch(f, "/", 0);

	put(f, "/a", "1");
	put(f, "/a", "2");
	run_op(f, keyspace_op_delete("/a"));
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "2");
	assert_event(f, w, KEYSPACE_EVENT_DELETE, "/a", "");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static void a_watch_gets_only_what_its_prefixes_match_and_that_once(void **state)
{
	static const char *const prefixes[] = { "/b/", "/a/x", "/a/", "/a/x/y" };
	struct fixture *f = *state;
	struct keyspace_watch_options o = { .prefixes = prefixes, .prefix_count = 4 };
	struct keyspace_watch *w;

	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	put(f, "/a/x/y", "1");
	put(f, "/c", "no");
	put(f, "/a", "no");
	put(f, "/b/1", "2");
	assert_event(f, w, KEYSPACE_EVENT_INIT, "", "");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a/x/y", "1");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/b/1", "2");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static void secrets_reach_no_watch_and_not_the_log(void **state)
{
	struct fixture *f = *state;
	uint64_t before = keyspace_revision(f->ks);
	struct keyspace_watch *live = watch(f, NULL, 0);
	struct keyspace_watch *late;

	put(f, KEYSPACE_SECRETS "ca", "private");
	put(f, "/public", "1");
	run_op(f, keyspace_op_delete(KEYSPACE_SECRETS "ca"));
	assert_event(f, live, KEYSPACE_EVENT_PUT, "/public", "1");
	assert_no_event(f, live);
	late = watch(f, NULL, before);
	assert_event(f, late, KEYSPACE_EVENT_PUT, "/public", "1");
	assert_no_event(f, late);
	keyspace_watch_close(live);
	keyspace_watch_close(late);
}

static void a_watch_resumes_behind_a_revision(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w;
	uint64_t revision;

	put(f, "/a", "1");
	revision = keyspace_revision(f->ks);
	put(f, "/a", "2");
	put(f, "/other", "x");
	put(f, "/a", "3");
	keyspace_close(f->ks);
	fixture_open(f);
	w = watch(f, "/a", revision);
	put(f, "/a", "4");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "2");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "3");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "4");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static void a_write_as_large_as_may_be_reaches_a_watch(void **state)
{
	struct fixture *f = *state;
	struct keyspace_op ops[KEYSPACE_OPS_MAX];
	struct keyspace_watch *w = watch(f, "/many", keyspace_revision(f->ks));

	for (size_t i = 0; i < KEYSPACE_OPS_MAX; i++)
		ops[i] = keyspace_op_put("/many", "x", 1, 0);
	assert_int_equal(keyspace_write_wait(f->ks, ops, KEYSPACE_OPS_MAX, NULL, &f->err), 0);
	for (size_t i = 0; i < KEYSPACE_OPS_MAX; i++)
		assert_event(f, w, KEYSPACE_EVENT_PUT, "/many", "x");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static void a_watch_far_behind_catches_up_piece_by_piece(void **state)
{
	struct fixture *f = *state;
	uint64_t start = keyspace_revision(f->ks);
	struct keyspace_op ops[KEYSPACE_OPS_MAX];
	struct keyspace_watch *w;

	for (size_t i = 0; i < KEYSPACE_OPS_MAX; i++)
		ops[i] = keyspace_op_put("/many", "x", 1, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(keyspace_write_wait(f->ks, ops, 200, NULL, &f->err), 0);
	w = watch(f, "/many", start);
	for (int i = 0; i < 600; i++) {
		assert_event(f, w, KEYSPACE_EVENT_PUT, "/many", "x");
		if (i == 300)
			put(f, "/many", "last");
	}
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/many", "last");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static void a_snapshot_and_the_watch_behind_it_miss_nothing(void **state)
{
	struct fixture *f = *state;
	struct keyspace_query all = { 0 };
	struct keyspace_watch *w;
	char keys[1024] = "";
	uint64_t revision;

	put(f, "/a", "1");
	assert_int_equal(keyspace_each(f->ks, &all, append_key, keys, &revision, &f->err), 0);
	assert_string_equal(keys, "/a ");
	put(f, "/b", "2");
	w = watch(f, NULL, revision);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/b", "2");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static void a_reader_that_is_too_slow_is_cut_off_and_others_are_not(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch_options o = { .queue = 4 };
	struct keyspace_watch *slow;
	struct keyspace_watch *fast = watch(f, NULL, 0);
	const struct keyspace_event *event;

	assert_int_equal(keyspace_watch_open(f->ks, &o, &slow, &f->err), 0);
	for (int i = 0; i < 5; i++) {
		put(f, "/a", "1");
		assert_event(f, fast, KEYSPACE_EVENT_PUT, "/a", "1");
	}
	assert_int_equal(keyspace_watch_check(fast, &f->err), 0);
	assert_int_equal(keyspace_watch_check(slow, &f->err), ERR_LIMIT);
	assert_int_equal(keyspace_watch_next(slow, &event, &f->err), ERR_LIMIT);
	assert_string_equal(f->err.msg, "the watch is too slow: 4 events wait");
	assert_int_equal(keyspace_watch_next(slow, &event, &f->err), ERR_LIMIT);
	put(f, "/a", "2");
	assert_event(f, fast, KEYSPACE_EVENT_PUT, "/a", "2");
	keyspace_watch_close(slow);
	keyspace_watch_close(fast);
}

static void a_revision_older_than_the_log_is_compacted(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch_options o = { 0 };
	struct keyspace_watch *w;

	keyspace_close(f->ks);
	f->options.log_events = 10;
	fixture_open(f);
	o.after = keyspace_revision(f->ks);
	for (int i = 0; i < 30; i++)
		put(f, "/a", "1");
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), ERR_CONFLICT);
	assert_non_null(strstr(f->err.msg, "is compacted"));
	o.after = keyspace_revision(f->ks) - 5;
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	keyspace_watch_close(w);
	o.after = keyspace_revision(f->ks) + 5;
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), ERR_CONFLICT);
	assert_non_null(strstr(f->err.msg, "is in the future"));
}

static void old_events_leave_the_log_by_their_age(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch_options o = { 0 };
	struct keyspace_watch *w;

	keyspace_close(f->ks);
	f->options.log_age_ms = 60000;
	fixture_open(f);
	put(f, "/a", "1");
	o.after = keyspace_revision(f->ks) - 1;
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	keyspace_watch_close(w);
	clock_fake_advance(&f->clock, 60000);
	put(f, "/a", "2");
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), ERR_CONFLICT);
}

static void a_watch_that_the_log_outruns_says_so(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch_options o = { .queue = 4 };
	const struct keyspace_event *event;
	struct keyspace_watch *w;

	keyspace_close(f->ks);
	f->options.log_events = 10;
	fixture_open(f);
	o.after = keyspace_revision(f->ks);
	put(f, "/a", "0");
	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	for (int i = 0; i < 30; i++)
		put(f, "/a", "1");
	assert_event(f, w, KEYSPACE_EVENT_INIT, "", "");
	assert_int_equal(keyspace_watch_next(w, &event, &f->err), ERR_CONFLICT);
	assert_non_null(strstr(f->err.msg, "is compacted"));
	keyspace_watch_close(w);
}

static void a_watch_says_where_another_may_go_on(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w = watch(f, "/a", 0);

	put(f, "/b", "not seen");
	assert_int_equal(keyspace_watch_revision(w), keyspace_revision(f->ks));
	put(f, "/a", "1");
	assert_true(keyspace_watch_revision(w) < keyspace_revision(f->ks));
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
	assert_no_event(f, w);
	assert_int_equal(keyspace_watch_revision(w), keyspace_revision(f->ks));
	keyspace_watch_close(w);
}

static void between_the_events_of_one_write_nobody_goes_on_behind_it(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w = watch(f, NULL, 0);
	struct keyspace_op ops[] = { keyspace_op_put("/a", "1", 1, 0),
		                     keyspace_op_put("/b", "2", 1, 0) };
	uint64_t revision;

	assert_int_equal(keyspace_write_wait(f->ks, ops, 2, &revision, &f->err), 0);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
	assert_true(keyspace_watch_revision(w) < revision);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/b", "2");
	assert_int_equal(keyspace_watch_revision(w), revision);
	keyspace_watch_close(w);
}

/* Also once it is known that nothing has changed under a prefix for long. */
static void a_watch_in_the_past_hears_what_is_its_own_among_much_else(void **state)
{
	static const char *const prefixes[] = { "/roles/", "/roles/b", "/ro", "/" };
	struct fixture *f = *state;
	struct keyspace_watch *w;
	uint64_t between;

	put(f, "/roles/a", "1");
	between = keyspace_revision(f->ks);
	for (int i = 0; i < 5; i++)
		put(f, "/nodes/x", "1");
	w = watch(f, "/roles/", between);
	assert_no_event(f, w);
	put(f, "/roles/b", "2");
	put(f, "/nodes/x", "2");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/roles/b", "2");
	assert_no_event(f, w);
	keyspace_watch_close(w);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		w = watch(f, prefixes[i], between);
		for (int n = 0; prefixes[i][1] == 0 && n < 5; n++)
			assert_event(f, w, KEYSPACE_EVENT_PUT, "/nodes/x", "1");
		assert_event(f, w, KEYSPACE_EVENT_PUT, "/roles/b", "2");
		keyspace_watch_close(w);
	}
	w = watch(f, "/roles/", between - 1);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/roles/a", "1");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/roles/b", "2");
	keyspace_watch_close(w);
}

static bool wants_one(void *arg, const struct keyspace_event *event)
{
	(void)arg;
	return event->type == KEYSPACE_EVENT_DELETE ||
	       (event->item.len == 1 && event->item.value[0] == '1');
}

static void count_call(void *arg)
{
	(*(int *)arg)++;
}

static void the_callback_comes_when_something_waits_or_the_keyspace_closes(void **state)
{
	struct fixture *f = *state;
	int calls = 0;
	struct keyspace_watch_options o = { .ready = count_call, .arg = &calls };
	const struct keyspace_event *event;
	struct keyspace_watch *w;

	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	assert_int_equal(keyspace_watch_next(w, &event, &f->err), 0);
	put(f, "/a", "1");
	assert_int_equal(calls, 1);
	keyspace_close(f->ks);
	assert_int_equal(calls, 2);
	assert_int_equal(keyspace_watch_next(w, &event, &f->err), ERR_UNAVAILABLE);
	keyspace_watch_close(w);
	fixture_open(f);
}

static void what_a_watch_does_not_want_does_not_wake_it(void **state)
{
	struct fixture *f = *state;
	uint64_t before = keyspace_revision(f->ks);
	int calls = 0;
	struct keyspace_watch_options o = { .wants = wants_one,
		                            .ready = count_call,
		                            .arg = &calls };
	struct keyspace_watch *late;
	struct keyspace_watch *w;

	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	assert_event(f, w, KEYSPACE_EVENT_INIT, "", "");
	for (int i = 0; i < 5; i++)
		put(f, "/a", "2");
	assert_int_equal(calls, 0);
	assert_int_equal(keyspace_watch_revision(w), keyspace_revision(f->ks));
	put(f, "/b", "1");
	run_op(f, keyspace_op_delete("/a"));
	assert_int_equal(calls, 2);
	o.after = before;
	assert_int_equal(keyspace_watch_open(f->ks, &o, &late, &f->err), 0);
	assert_event(f, late, KEYSPACE_EVENT_INIT, "", "");
	for (int i = 0; i < 2; i++) {
		struct keyspace_watch *each = i == 0 ? w : late;

		assert_event(f, each, KEYSPACE_EVENT_PUT, "/b", "1");
		assert_event(f, each, KEYSPACE_EVENT_DELETE, "/a", "");
		assert_no_event(f, each);
		keyspace_watch_close(each);
	}
}

static void close_own_watch(void *arg)
{
	struct keyspace_watch **w = arg;

	keyspace_watch_close(*w);
	*w = NULL;
}

static void a_watch_may_be_closed_from_its_callback(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *one = NULL;
	struct keyspace_watch *two = NULL;
	struct keyspace_watch_options o = { .ready = close_own_watch, .arg = &one };

	assert_int_equal(keyspace_watch_open(f->ks, &o, &one, &f->err), 0);
	o.arg = &two;
	assert_int_equal(keyspace_watch_open(f->ks, &o, &two, &f->err), 0);
	put(f, "/a", "1");
	assert_null(one);
	assert_null(two);
}

const struct CMUnitTest *keyspace_suite_events(size_t *out_count)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_sees_init_then_every_change_in_order),
		cmocka_unit_test(a_watch_gets_only_what_its_prefixes_match_and_that_once),
		cmocka_unit_test(secrets_reach_no_watch_and_not_the_log),
		cmocka_unit_test(a_watch_resumes_behind_a_revision),
		cmocka_unit_test(a_write_as_large_as_may_be_reaches_a_watch),
		cmocka_unit_test(a_watch_far_behind_catches_up_piece_by_piece),
		cmocka_unit_test(a_watch_in_the_past_hears_what_is_its_own_among_much_else),
		cmocka_unit_test(a_snapshot_and_the_watch_behind_it_miss_nothing),
		cmocka_unit_test(a_reader_that_is_too_slow_is_cut_off_and_others_are_not),
		cmocka_unit_test(a_revision_older_than_the_log_is_compacted),
		cmocka_unit_test(old_events_leave_the_log_by_their_age),
		cmocka_unit_test(a_watch_that_the_log_outruns_says_so),
		cmocka_unit_test(a_watch_says_where_another_may_go_on),
		cmocka_unit_test(between_the_events_of_one_write_nobody_goes_on_behind_it),
		cmocka_unit_test(the_callback_comes_when_something_waits_or_the_keyspace_closes),
		cmocka_unit_test(what_a_watch_does_not_want_does_not_wake_it),
		cmocka_unit_test(a_watch_may_be_closed_from_its_callback),
	};

	*out_count = sizeof(tests) / sizeof(tests[0]);
	return tests;
}
