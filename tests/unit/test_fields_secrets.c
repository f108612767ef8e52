#include "wire/fields_secrets.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <string.h>

static pv_Resource github(const char *secret)
{
	pv_Resource r = { .which_of = pv_Resource_github_tag };
	struct err err;

	r.of.github.has_spec = true;
	assert_int_equal(fields_set_str(&r.of.github.spec.client_id, "id", &err), 0);
	assert_int_equal(fields_set_str(&r.of.github.spec.client_secret, secret, &err), 0);
	return r;
}

static void secrets_come_off_and_nothing_else(void **state)
{
	pv_Resource r = github("s3cret");

	(void)state;
	assert_true(fields_has_secrets(&pv_Resource_table, &r));
	fields_drop_secrets(&pv_Resource_table, &r);
	assert_false(fields_has_secrets(&pv_Resource_table, &r));
	assert_null(r.of.github.spec.client_secret);
	assert_string_equal(r.of.github.spec.client_id, "id");
	fields_drop_secrets(&pv_Resource_table, &r); /* again does no harm */
	fields_release(&pv_Resource_table, &r);
}

static void a_secret_that_is_not_given_is_kept_and_another_replaces_it(void **state)
{
	pv_Resource old = github("s3cret");
	pv_Resource bare = github(NULL);
	pv_Resource fresh = github("n3w");
	struct err err;

	(void)state;
	assert_int_equal(fields_keep_secrets(&pv_Resource_table, &old, &bare, &err), 0);
	assert_string_equal(bare.of.github.spec.client_secret, "s3cret");
	assert_int_equal(fields_keep_secrets(&pv_Resource_table, &old, &fresh, &err), 0);
	assert_string_equal(fresh.of.github.spec.client_secret, "n3w");
	fields_release(&pv_Resource_table, &old);
	fields_release(&pv_Resource_table, &bare);
	fields_release(&pv_Resource_table, &fresh);
}

/* Another kind, or no spec: nothing to keep a secret in. */
static void secrets_stay_with_their_kind(void **state)
{
	pv_Resource old = github("s3cret");
	pv_Resource other = { .which_of = pv_Resource_oidc_tag };
	struct err err;

	(void)state;
	other.of.oidc.has_spec = true;
	assert_int_equal(fields_keep_secrets(&pv_Resource_table, &old, &other, &err), 0);
	assert_false(fields_has_secrets(&pv_Resource_table, &other));
	fields_release(&pv_Resource_table, &old);
	fields_release(&pv_Resource_table, &other);
}

static void bytes_can_be_secrets_too(void **state)
{
	pv_TlsKeyPair old = { 0 };
	pv_TlsKeyPair bare = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(fields_set_bytes(&old.key, "\x00\x01", 2, &err), 0);
	assert_int_equal(fields_keep_secrets(&pv_TlsKeyPair_table, &old, &bare, &err), 0);
	assert_int_equal(bare.key->size, 2);
	fields_drop_secrets(&pv_TlsKeyPair_table, &old);
	assert_null(old.key);
	fields_release(&pv_TlsKeyPair_table, &bare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_come_off_and_nothing_else),
		cmocka_unit_test(a_secret_that_is_not_given_is_kept_and_another_replaces_it),
		cmocka_unit_test(secrets_stay_with_their_kind),
		cmocka_unit_test(bytes_can_be_secrets_too),
	};

	return unit_run(tests);
}
