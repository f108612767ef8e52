/*
 * kill -9 of the process that writes: what was acknowledged is there, what was not is whole or
 * absent, and the change log tells the same story as the items. Every other time this process has
 * the keyspace open meanwhile. KEYSPACE_KILLS=500 kills more often than the 25 times of every day.
 */
#include "store/keyspace.h"

#include "tests/unit/keyspace_fixture.h"

#include "base/rand.h"
#include "base/str.h"

#include <signal.h>
#include <sys/wait.h>

#define KILLS     25
#define KILLS_MAX 100000

struct ack {
	int fd;
	uint64_t number;
	int *open;
};

static void acknowledge(void *arg, uint64_t revision, const struct err *err)
{
	struct ack *ack = arg;

	(void)revision;
	if (err != NULL || write(ack->fd, &ack->number, sizeof(ack->number)) < 0)
		_exit(1);
	(*ack->open)--;
	free(ack);
}

/* Writes pairs of keys, each pair in one write, some at once, until it is killed. */
static void write_until_killed(struct fixture *f, int fd, uint64_t number)
{
	int open = 0;

	fixture_open(f);
	for (;;) {
		struct ack *ack = malloc(sizeof(*ack));
		char left[32];
		char right[32];
		struct keyspace_op ops[2];

		*ack = (struct ack){ fd, number++, &open };
		snprintf(left, sizeof(left), "/l/%020llu", (unsigned long long)ack->number);
		snprintf(right, sizeof(right), "/r/%020llu", (unsigned long long)ack->number);
		ops[0] = keyspace_op_create(left, left, strlen(left), 0);
		ops[1] = keyspace_op_create(right, left, strlen(left), 0);
		if (keyspace_write(f->ks, ops, 2, acknowledge, ack, &f->err) != 0)
			_exit(1);
		for (open++; open > 20;) {
			struct pollfd pfd = { .fd = keyspace_fd(f->ks), .events = POLLIN };

			poll(&pfd, 1, -1);
			keyspace_dispatch(f->ks);
		}
	}
}

static int count_item(void *arg, const struct keyspace_item *item)
{
	(void)item;
	(*(uint64_t *)arg)++;
	return 0;
}

static uint64_t count_keys(struct fixture *f, const char *prefix)
{
	struct keyspace_query q = { .prefix = prefix };
	uint64_t count = 0;

	assert_int_equal(keyspace_each(f->ks, &q, count_item, &count, NULL, &f->err), 0);
	return count;
}

/* Runs a child, kills it after some acknowledgements; returns the last number acknowledged. With
 * `beside` the keyspace is opened here before the kill, else after it. */
static uint64_t one_life(struct fixture *f, uint64_t from, bool beside)
{
	uint64_t acked = from - 1;
	uint64_t number;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		write_until_killed(f, fds[1], from);
	}
	close(fds[1]);
	if (beside)
		fixture_open(f);
	for (uint32_t n = 1 + rand_below(60); n > 0; n--)
		assert_int_equal(read(fds[0], &acked, sizeof(acked)), sizeof(acked));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(fds[0], &number, sizeof(number)) == sizeof(number))
		acked = number;
	close(fds[0]);
	if (!beside)
		fixture_open(f);
	return acked;
}

static int kills_wanted(void)
{
	const char *text = getenv("KEYSPACE_KILLS");
	int64_t kills = KILLS;
	struct err err;

	if (text != NULL)
		assert_int_equal(str_to_i64(text, 1, KILLS_MAX, &kills, &err), 0);
	return (int)kills;
}

static void no_acknowledged_write_is_lost_to_kill_9(void **state)
{
	struct fixture *f = *state;
	uint64_t next = 0;
	uint64_t start = keyspace_revision(f->ks);
	const struct keyspace_event *event;
	struct keyspace_watch *w;
	uint64_t events = 0;
	int kills = kills_wanted();

	f->options.log_events = 100000000;
	for (int round = 0; round < kills; round++) {
		uint64_t acked;

		keyspace_close(f->ks);
		f->ks = NULL;
		acked = one_life(f, next, round % 2 == 1);
		/* A commit that nobody heard of counts from the next one on, if at all. */
		assert_int_equal(put(f, "/next", "round"), 0);
		next = count_keys(f, "/l/");
		assert_true(next > acked);
		assert_int_equal(count_keys(f, "/r/"), next);
	}
	print_message("%d kills, %llu writes, all acknowledged ones are there\n", kills,
	              (unsigned long long)next);
	w = watch(f, "/l/", start);
	for (;; events++) {
		assert_int_equal(keyspace_watch_next(w, &event, &f->err), 0);
		if (event == NULL)
			break;
		assert_int_equal(event->type, KEYSPACE_EVENT_PUT);
	}
	assert_int_equal(events, next);
	keyspace_watch_close(w);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_acknowledged_write_is_lost_to_kill_9),
	};

	return unit_run(tests);
}
