#include "authd/hosts/semaphores.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>

#define TTL 1000

static int take(struct semaphores *s, const char *name, const char *id, const char *host,
                int64_t max, int64_t now)
{
	const struct semaphore_lease lease = { name, id, host };
	struct err err;

	return semaphores_acquire(s, &lease, max, false, TTL, now, &err);
}

static void so_many_are_out_and_no_more(void **state)
{
	struct semaphores *s = semaphores_new();

	(void)state;
	assert_int_equal(take(s, "alice", "1", "h", 2, 0), 0);
	assert_int_equal(take(s, "alice", "2", "h", 2, 0), 0);
	assert_int_equal(take(s, "alice", "3", "h", 2, 0), ERR_LIMIT);
	assert_int_equal(take(s, "bob", "3", "h", 2, 0), 0); /* each for themselves */
	assert_int_equal(take(s, "alice", "3", "h", 3, 0), 0);
	assert_int_equal(semaphores_count(s, "alice", 0), 3);
	assert_int_equal(semaphores_count(s, "carol", 0), 0);
	semaphores_free(s);
}

static void what_is_given_back_is_free_again(void **state)
{
	struct semaphores *s = semaphores_new();

	(void)state;
	assert_int_equal(take(s, "alice", "1", "h", 1, 0), 0);
	semaphores_release(s, &(struct semaphore_lease){ "alice", "1", "other" });
	semaphores_release(s, &(struct semaphore_lease){ "alice", "2", "h" });
	semaphores_release(s, &(struct semaphore_lease){ "bob", "1", "h" });
	assert_int_equal(take(s, "alice", "2", "h", 1, 0), ERR_LIMIT);
	semaphores_release(s, &(struct semaphore_lease){ "alice", "1", "h" });
	assert_int_equal(take(s, "alice", "2", "h", 1, 0), 0);
	semaphores_free(s);
}

static void what_is_not_renewed_runs_out(void **state)
{
	struct semaphores *s = semaphores_new();

	(void)state;
	assert_int_equal(take(s, "alice", "1", "h", 1, 0), 0);
	assert_int_equal(take(s, "alice", "1", "h", 1, 900), 0); /* renewed */
	assert_int_equal(take(s, "alice", "2", "h", 1, 1800), ERR_LIMIT);
	assert_int_equal(take(s, "alice", "2", "h", 1, 1900), 0);
	assert_int_equal(semaphores_count(s, "alice", 1900), 1);
	semaphores_free(s);
}

static void what_is_open_already_counts_beyond_the_bound(void **state)
{
	struct semaphores *s = semaphores_new();
	const struct semaphore_lease open = { "alice", "2", "h" };
	struct err err;

	(void)state;
	assert_int_equal(take(s, "alice", "1", "h", 1, 0), 0);
	assert_int_equal(semaphores_acquire(s, &open, 1, true, TTL, 0, &err), 0);
	assert_int_equal(semaphores_count(s, "alice", 0), 2);
	semaphores_free(s);
}

static void a_lease_is_its_hosts_alone(void **state)
{
	struct semaphores *s = semaphores_new();

	(void)state;
	assert_int_equal(take(s, "alice", "1", "h", 2, 0), 0);
	assert_int_equal(take(s, "alice", "1", "other", 2, 0), ERR_DENIED);
	semaphores_free(s);
}

static void leases_of_those_who_never_come_again_are_swept_up(void **state)
{
	struct semaphores *s = semaphores_new();
	char id[16];

	(void)state;
	for (int i = 0; i < SEMAPHORE_LEASES_MAX; i++) {
		snprintf(id, sizeof(id), "u%d", i);
		assert_int_equal(take(s, id, "1", "h", 1, 0), 0);
	}
	assert_int_equal(take(s, "alice", "1", "h", 1, 0), ERR_LIMIT);
	assert_int_equal(take(s, "alice", "1", "h", 1, 60000), 0);
	assert_int_equal(semaphores_count(s, "u7", 60000), 0);
	semaphores_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_are_out_and_no_more),
		cmocka_unit_test(what_is_given_back_is_free_again),
		cmocka_unit_test(what_is_not_renewed_runs_out),
		cmocka_unit_test(what_is_open_already_counts_beyond_the_bound),
		cmocka_unit_test(a_lease_is_its_hosts_alone),
		cmocka_unit_test(leases_of_those_who_never_come_again_are_swept_up),
	};

	return unit_run(tests);
}
