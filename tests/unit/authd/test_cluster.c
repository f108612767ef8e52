#include "authd/core/cluster.h"

#include "authd/core/authd.h"

#include "tests/unit/keyspace_fixture.h"

static struct authd daemon_of(struct fixture *f, const char *cluster)
{
	return (struct authd){ .clock = &f->clock.clock,
		               .keyspace = f->ks,
		               .conf = { .cluster_name = (char *)(uintptr_t)cluster,
		                         .data_dir = f->dir } };
}

static int open_cluster(struct fixture *f, const char *cluster, int *out_created)
{
	struct authd a = daemon_of(f, cluster);
	int rc = cluster_open(&a, out_created, &f->err);

	cluster_close(&a);
	return rc;
}

static void names_are_dns_names_in_lower_case(void **state)
{
	static const char *const bad[] = { "",   "a b", "A",   "a..b", ".a",    "a.",
		                           "-a", "a-",  "a_b", "a/b",  "a,O=x", "\xc3\xa9" };
	struct fixture *f = *state;
	uint64_t before = keyspace_revision(f->ks);
	int created;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(open_cluster(f, bad[i], &created), ERR_INVALID);
	assert_int_equal(keyspace_revision(f->ks), before);
	assert_int_equal(open_cluster(f, "a-1.example.com", &created), 0);
}

static void the_first_start_makes_presets_that_stay_removed(void **state)
{
	struct fixture *f = *state;
	struct keyspace_query roles = { .prefix = "/roles/" };
	int created;

	assert_int_equal(open_cluster(f, "example", &created), 0);
	assert_true(created);
	assert_keys(f, roles, "/roles/access /roles/auditor /roles/editor ");
	assert_int_equal(run_op(f, keyspace_op_delete("/roles/auditor")), 0);
	assert_int_equal(open_cluster(f, "example", &created), 0);
	assert_false(created);
	assert_keys(f, roles, "/roles/access /roles/editor ");
}

static void a_start_that_was_cut_short_is_done_again(void **state)
{
	struct fixture *f = *state;
	int created;

	assert_int_equal(open_cluster(f, "example", &created), 0);
	assert_int_equal(run_op(f, keyspace_op_delete("/secrets/authd/cluster")), 0);
	assert_int_equal(run_op(f, keyspace_op_delete("/roles/editor")), 0);
	assert_int_equal(open_cluster(f, "example", &created), 0);
	assert_true(created);
	assert_keys(f, (struct keyspace_query){ .prefix = "/roles/e" }, "/roles/editor ");
}

static void a_keyspace_is_never_served_under_another_name(void **state)
{
	struct fixture *f = *state;
	int created;

	assert_int_equal(open_cluster(f, "example", &created), 0);
	assert_int_equal(open_cluster(f, "other", &created), ERR_INVALID);
	assert_non_null(strstr(f->err.msg, "the name never changes"));
	assert_keys(f, (struct keyspace_query){ .prefix = "/authorities/" },
	            "/authorities/host/example /authorities/user/example ");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_are_dns_names_in_lower_case),
		CASE(the_first_start_makes_presets_that_stay_removed),
		CASE(a_start_that_was_cut_short_is_done_again),
		CASE(a_keyspace_is_never_served_under_another_name),
	};

	return unit_run(tests);
}
