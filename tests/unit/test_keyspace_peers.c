/*
 * Two processes on one keyspace: events, conditions, who sweeps, and what the dead leave behind.
 */
#include "store/keyspace.h"

#include "tests/unit/keyspace_peer.h"

#include "store/lmdb.h"
#include "store/peers.h"

#include <lmdb.h>
#include <stdlib.h>

#define TRIES 15

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static void an_event_reaches_the_other_process_within_100_ms(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);
	struct keyspace_watch *w = watch(f, "/", 0);
	int64_t took[TRIES];

	for (int i = 0; i < TRIES; i++) {
		int64_t start;

		assert_int_equal(peer_do(&p, peer_put, "/a", "1", 0), 0);
		start = clock_mono_ms(clock_system());
		assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
		took[i] = clock_mono_ms(clock_system()) - start;
	}
	qsort(took, TRIES, sizeof(took[0]), by_size);
	assert_true(took[TRIES / 2] < 100); /* the machine may be busy, but not each time */
	keyspace_watch_close(w);
	peer_kill(&p);
}

/* Says how many events it got before one of order->key. */
static int await_key(struct fixture *f, const struct peer_order *order)
{
	struct keyspace_watch *w = watch(f, "/", 0);
	const struct keyspace_event *event;
	int others = 0;

	peer_answer(0);
	while (strcmp((event = next_event(f, w))->item.key, order->key) != 0)
		others++;
	keyspace_watch_close(w);
	return others;
}

static void each_sees_what_the_other_writes(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);
	struct keyspace_watch *w = watch(f, "/", 0);

	assert_int_equal(peer_do(&p, await_key, "/c", "", 0), 0);
	assert_int_equal(put(f, "/a", "1"), 0);
	assert_int_equal(put(f, "/b", "2"), 0);
	assert_int_equal(put(f, "/c", "3"), 0);
	assert_int_equal(peer_wait(&p), 2);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/b", "2");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/c", "3");
	assert_int_equal(peer_do(&p, peer_put, "/d", "4", 0), 0);
	assert_value(f, "/d", "4");
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/d", "4");
	keyspace_watch_close(w);
	peer_kill(&p);
}

/* Adds one to the number under a key, `times` times, each by compare and swap. */
static void count_up(struct fixture *f, const char *key, int64_t times)
{
	while (times > 0) {
		struct keyspace_item item;
		char next[24];
		int rc;

		assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
		snprintf(next, sizeof(next), "%d", atoi((char *)item.value) + 1);
		rc = run_op(f, keyspace_op_update_at(key, item.revision, next, strlen(next), 0));
		keyspace_item_deinit(&item);
		assert_true(rc == 0 || rc == ERR_CONFLICT);
		times -= rc == 0;
	}
}

static int peer_count_up(struct fixture *f, const struct peer_order *order)
{
	count_up(f, order->key, order->ms);
	return 0;
}

static void conditions_hold_between_processes_and_each_revision_is_seen_once(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *w;
	struct peer p;

	put(f, "/n", "0");
	p = peer_start(f);
	w = watch(f, "/n", 0);
	peer_send(&p, peer_count_up, "/n", "", 100);
	count_up(f, "/n", 100);
	assert_int_equal(peer_wait(&p), 0);
	for (int i = 1; i <= 200; i++) {
		char value[24];

		snprintf(value, sizeof(value), "%d", i);
		assert_event(f, w, KEYSPACE_EVENT_PUT, "/n", value);
	}
	assert_no_event(f, w);
	keyspace_watch_close(w);
	peer_kill(&p);
}

/* The peer was there first, so it is the one that sweeps; then it is not there any more. */
static void whoever_is_left_sweeps(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);
	struct keyspace_watch *w;

	assert_int_equal(peer_do(&p, peer_put, "/first", "1", 0), 0);
	w = watch(f, "/lease", 0);
	assert_int_equal(peer_do(&p, peer_put, "/lease", "1", 1000), 0);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/lease", "1");
	peer_kill(&p);
	clock_fake_advance(&f->clock, 1000);
	assert_event(f, w, KEYSPACE_EVENT_DELETE, "/lease", "");
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

static int pass_time(struct fixture *f, const struct peer_order *order)
{
	clock_fake_advance(&f->clock, order->ms);
	return 0;
}

static void an_expired_item_is_deleted_by_one_of_them(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);
	struct keyspace_watch *w = watch(f, "/", 0);
	uint64_t revision;

	put_for(f, "/a", "1", 1000);
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "1");
	revision = keyspace_revision(f->ks);
	clock_fake_advance(&f->clock, 1000);
	assert_int_equal(peer_do(&p, pass_time, "", "", 1000), 0);
	assert_event(f, w, KEYSPACE_EVENT_DELETE, "/a", "");
	assert_int_equal(keyspace_revision(f->ks), revision + 1);
	keyspace_watch_close(w);
	peer_kill(&p);
}

/* Waits for a second order, commits as the writer does, and does not come to telling anybody. */
static int commit_silently(struct fixture *f, const struct peer_order *order)
{
	struct keyspace_op op = keyspace_op_put(order->key, "x", 1, 0);
	struct peer_order second;
	struct lmdb_batch *batch;
	struct peers *peers;
	uint64_t revision;
	struct lmdb *db;

	keyspace_close(f->ks);
	assert_int_equal(lmdb_open(f->store, 16 << 20, &db, &f->err), 0);
	assert_int_equal(peers_open(f->store, &peers, &f->err), 0);
	peer_answer(0);
	assert_int_equal(read(peer_fd, &second, sizeof(second)), sizeof(second));
	assert_int_equal(lmdb_begin(db, START_MS, &batch, &f->err), 0);
	assert_int_equal(lmdb_apply(batch, &op, 1, &revision, &f->err), 0);
	assert_int_equal(lmdb_commit(batch, &f->err), 0);
	peer_answer(0);
	for (;;)
		pause();
	return 0;
}

static bool is_quiet(struct fixture *f)
{
	struct pollfd pfd = { .fd = keyspace_fd(f->ks), .events = POLLIN };

	return poll(&pfd, 1, 0) == 0;
}

static void a_commit_that_was_not_announced_is_seen_when_its_process_is_dead(void **state)
{
	struct fixture *f = *state;
	struct peer p = peer_start(f);
	struct keyspace_watch *w = watch(f, "/", 0);

	assert_int_equal(peer_do(&p, commit_silently, "/a", "", 0), 0);
	keyspace_dispatch(f->ks);
	assert_int_equal(peer_do(&p, NULL, "", "", 0), 0);
	assert_true(is_quiet(f));
	peer_kill(&p);
	assert_false(is_quiet(f));
	assert_event(f, w, KEYSPACE_EVENT_PUT, "/a", "x");
	keyspace_watch_close(w);
}

/* --- readers --------------------------------------------------------------------------------- */

static int never_return(void *arg, const struct keyspace_item *item)
{
	(void)arg, (void)item;
	peer_answer(0);
	for (;;)
		pause();
	return 0;
}

static int read_for_ever(struct fixture *f, const struct peer_order *order)
{
	struct keyspace_query all = { 0 };

	(void)order;
	return keyspace_each(f->ks, &all, never_return, NULL, NULL, &f->err);
}

static int count_line(const char *line, void *arg)
{
	(*(int *)arg) += strstr(line, "pid") == NULL && strstr(line, "(no ") == NULL;
	return 0;
}

/* Places in LMDB's table of readers that are taken; looked up by a process of its own. */
static int count_readers(struct fixture *f)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		MDB_env *env;
		int count = 0;

		mdb_env_create(&env);
		if (mdb_env_open(env, f->store, MDB_NOTLS, 0600) != 0)
			_exit(100);
		mdb_reader_list(env, count_line, &count);
		_exit(count);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void a_reader_that_is_killed_holds_nothing_back(void **state)
{
	struct fixture *f = *state;
	struct peer p;
	int own;

	put(f, "/a", "1");
	p = peer_start(f);
	own = count_readers(f); /* what the peer may write behind */
	assert_int_equal(peer_do(&p, read_for_ever, "", "", 0), 0);
	assert_int_equal(count_readers(f), own + 1);
	peer_kill(&p);
	assert_int_equal(count_readers(f), own + 1);
	keyspace_dispatch(f->ks);
	assert_int_equal(count_readers(f), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_event_reaches_the_other_process_within_100_ms),
		CASE(each_sees_what_the_other_writes),
		CASE(conditions_hold_between_processes_and_each_revision_is_seen_once),
		CASE(whoever_is_left_sweeps),
		CASE(an_expired_item_is_deleted_by_one_of_them),
		CASE(a_commit_that_was_not_announced_is_seen_when_its_process_is_dead),
		CASE(a_reader_that_is_killed_holds_nothing_back),
	};

	return unit_run(tests);
}
