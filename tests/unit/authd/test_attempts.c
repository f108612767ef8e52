#include "authd/people/attempts.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/buf.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/keyspace_fixture.h"

#define MINUTE (60 * 1000LL)

static int answers;
static int last_code;

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	(void)arg, (void)revision;
	answers++;
	last_code = err != NULL ? err->code : 0;
}

static struct authd authd_of_fixture(struct fixture *f)
{
	return (struct authd){ .clock = &f->clock.clock,
		               .keyspace = f->ks,
		               .conf = { .login_attempts = 5, .login_lock = 20 * MINUTE } };
}

static void wait_for(struct fixture *f, int count)
{
	while (answers < count) {
		struct pollfd p = { .fd = keyspace_fd(f->ks), .events = POLLIN };

		assert_true(poll(&p, 1, 5000) > 0);
		keyspace_dispatch(f->ks);
	}
	assert_int_equal(last_code, 0);
	answers = 0;
}

/* `count` failures whose writes are under way at the same time. */
static void fail_together(struct fixture *f, struct authd *a, const char *user, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(attempts_fail(a, user, on_written, NULL, &f->err), 0);
	wait_for(f, count);
}

static int state_of(struct fixture *f, struct authd *a, const char *user, int *out_failures)
{
	pv_LoginAttempts attempts = { 0 };
	int rc = attempts_load(a, user, &attempts, &f->err);

	*out_failures = attempts.failures;
	return rc;
}

static void the_fifth_failure_locks_for_twenty_minutes(void **state)
{
	struct fixture *f = *state;
	struct authd a = authd_of_fixture(f);
	int failures;

	for (int i = 0; i < 4; i++)
		fail_together(f, &a, "alice", 1);
	assert_int_equal(state_of(f, &a, "alice", &failures), 0);
	assert_int_equal(failures, 4);
	fail_together(f, &a, "alice", 1);
	assert_int_equal(state_of(f, &a, "alice", &failures), ERR_DENIED);
	assert_true(str_starts(f->err.msg, "user 'alice' is locked until "));
	assert_true(str_ends(f->err.msg, " after 5 failed logins"));
	assert_int_equal(state_of(f, &a, "bob", &failures), 0);

	clock_fake_advance(&f->clock, 20 * MINUTE - 1);
	assert_int_equal(state_of(f, &a, "alice", &failures), ERR_DENIED);
	clock_fake_advance(&f->clock, 1);
	assert_int_equal(state_of(f, &a, "alice", &failures), 0);
	assert_int_equal(failures, 0);
}

static void failures_at_the_same_moment_are_all_counted(void **state)
{
	struct fixture *f = *state;
	struct authd a = authd_of_fixture(f);
	int failures;

	fail_together(f, &a, "alice", 4);
	assert_int_equal(state_of(f, &a, "alice", &failures), 0);
	assert_int_equal(failures, 4);
	fail_together(f, &a, "alice", 3);
	assert_int_equal(state_of(f, &a, "alice", &failures), ERR_DENIED);
}

static void a_restart_forgives_nothing(void **state)
{
	struct fixture *f = *state;
	struct authd a = authd_of_fixture(f);
	int failures;

	fail_together(f, &a, "alice", 5);
	keyspace_close(f->ks);
	fixture_open(f);
	a.keyspace = f->ks;
	assert_int_equal(state_of(f, &a, "alice", &failures), ERR_DENIED);
}

static void a_failure_is_forgotten_after_half_an_hour(void **state)
{
	struct fixture *f = *state;
	struct authd a = authd_of_fixture(f);
	int failures;

	fail_together(f, &a, "alice", 4);
	clock_fake_advance(&f->clock, 30 * MINUTE);
	assert_int_equal(state_of(f, &a, "alice", &failures), 0);
	assert_int_equal(failures, 0);
	fail_together(f, &a, "alice", 1);
	assert_int_equal(state_of(f, &a, "alice", &failures), 0);
	assert_int_equal(failures, 1);
}

static void put_user(struct fixture *f, struct authd *a, const char *name)
{
	pv_Resource r = { .which_of = pv_Resource_user_tag };
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	struct keyspace_op op;

	fields_set_str(&resource_metadata(&r)->name, name, &f->err);
	fields_add_str(&r.of.user.spec.roles, &r.of.user.spec.roles_count, "dev", &f->err);
	assert_int_equal(resource_validate(&r, &f->err), 0);
	assert_int_equal(resource_key_of(key, &r, &f->err), 0);
	assert_int_equal(resource_bytes(a, key, &r, &bytes, &f->err), 0);
	op = keyspace_op_create(key, bytes.data, bytes.len, 0);
	assert_int_equal(keyspace_write_wait(f->ks, &op, 1, NULL, &f->err), 0);
	buf_deinit(&bytes);
	resource_deinit(&r);
}

static void the_users_record_says_that_it_is_locked(void **state)
{
	struct fixture *f = *state;
	struct authd a = authd_of_fixture(f);
	pv_Resource r = { 0 };
	int failures;

	put_user(f, &a, "alice");
	fail_together(f, &a, "alice", 5);
	assert_int_equal(resource_load(&a, resource_kind_find("user"), NULL, "alice", &r, &f->err),
	                 0);
	assert_true(r.of.user.spec.status.is_locked);
	assert_int_equal(r.of.user.spec.status.lock_expires, START_MS + 20 * MINUTE);
	assert_string_equal(r.of.user.spec.roles[0], "dev");
	resource_deinit(&r);

	assert_int_equal(attempts_clear(&a, "alice", on_written, NULL, &f->err), 0);
	wait_for(f, 1);
	assert_int_equal(resource_load(&a, resource_kind_find("user"), NULL, "alice", &r, &f->err),
	                 0);
	assert_false(r.of.user.spec.status.is_locked);
	resource_deinit(&r);
	assert_int_equal(state_of(f, &a, "alice", &failures), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		STORY(the_fifth_failure_locks_for_twenty_minutes),
		STORY(failures_at_the_same_moment_are_all_counted),
		STORY(a_restart_forgives_nothing),
		STORY(a_failure_is_forgotten_after_half_an_hour),
		STORY(the_users_record_says_that_it_is_locked),
	};

	return unit_run(tests);
}
