#include "cache/replica.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "model/resource.h"
#include "tests/unit/unit.h"

#include <string.h>

static pv_Resource role_named(const char *name, const char *description)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };

	r.of.role.kind = (char *)"role";
	r.of.role.version = (char *)"v3";
	r.of.role.has_metadata = true;
	r.of.role.metadata.name = (char *)name;
	r.of.role.metadata.description = (char *)description;
	return r;
}

static int put(struct replica *r, const char *name, const char *description)
{
	pv_Resource role = role_named(name, description);
	char key[RESOURCE_KEY_SIZE];
	struct err e = { 0 };
	int changed = -1;

	assert_int_equal(replica_put(r, &role, key, &changed, &e), 0);
	assert_memory_equal(key, "/roles/", 7);
	assert_string_equal(key + 7, name);
	return changed;
}

static void only_what_differs_counts_as_a_change(void **state)
{
	struct replica r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(replica_init(&r, 1 << 20, &e), 0);
	assert_true(put(&r, "dev", "one"));
	assert_false(put(&r, "dev", "one"));
	assert_true(put(&r, "dev", "two"));
	assert_string_equal(replica_get(&r, "/roles/dev")->resource.of.role.metadata.description,
	                    "two");
	assert_true(replica_remove(&r, "/roles/dev"));
	assert_false(replica_remove(&r, "/roles/dev"));
	assert_null(replica_get(&r, "/roles/dev"));
	replica_deinit(&r);
}

static void fill(struct replica *r, struct buf *bytes)
{
	struct err e = { 0 };

	assert_int_equal(replica_init(r, 1 << 20, &e), 0);
	put(r, "a", "first");
	put(r, "b", "second");
	r->revision = 4711;
	assert_int_equal(replica_write(r, bytes, &e), 0);
}

static void a_file_gives_back_what_was_written(void **state)
{
	struct replica from;
	struct replica to;
	struct buf bytes = { 0 };
	struct err e = { 0 };

	(void)state;
	fill(&from, &bytes);
	assert_int_equal(replica_init(&to, 1 << 20, &e), 0);
	assert_int_equal(replica_read(&to, bytes.data, bytes.len, &e), 0);
	assert_int_equal(to.revision, 4711);
	assert_int_equal(map_count(to.entries), 2);
	assert_string_equal(replica_get(&to, "/roles/b")->resource.of.role.metadata.description,
	                    "second");
	replica_deinit(&from);
	replica_deinit(&to);
	buf_deinit(&bytes);
}

static void a_damaged_file_is_refused_and_leaves_nothing(void **state)
{
	struct replica from;
	struct replica to;
	struct buf bytes = { 0 };
	struct err e = { 0 };

	(void)state;
	fill(&from, &bytes);
	assert_int_equal(replica_init(&to, 1 << 20, &e), 0);
	for (size_t i = 0; i < bytes.len; i++) {
		assert_int_equal(replica_read(&to, bytes.data, i, &e), ERR_CORRUPT);
		bytes.data[i] ^= 0x20;
		assert_int_equal(replica_read(&to, bytes.data, bytes.len, &e), ERR_CORRUPT);
		bytes.data[i] ^= 0x20;
	}
	assert_int_equal(map_count(to.entries), 0);
	assert_int_equal(to.revision, 0);
	replica_deinit(&from);
	replica_deinit(&to);
	buf_deinit(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_differs_counts_as_a_change),
		cmocka_unit_test(a_file_gives_back_what_was_written),
		cmocka_unit_test(a_damaged_file_is_refused_and_leaves_nothing),
	};

	return unit_run(tests);
}
