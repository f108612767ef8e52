#include "model/identity.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

/* At file scope, where such arrays live for good. */
static char *roles[] = { TEXT("dev"), TEXT("with,O=admin") };
static char *logins[] = { TEXT("alice") };
static const pv_Identity alice = {
	.user = TEXT("alice"),
	.roles_count = 2,
	.roles = roles,
	.cluster = TEXT("one"),
	.logins_count = 1,
	.logins = logins,
	.expires = 2000,
};
static const pv_Identity node = {
	.system_role = TEXT("Node"),
	.host_id = TEXT("id"),
	.cluster = TEXT("one"),
};

static void an_identity_survives_both_kinds_of_certificate(void **state)
{
	pv_Identity id = alice, copy;
	struct buf bytes = { 0 }, text = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(identity_encode(&id, &bytes, &err), 0);
	assert_int_equal(identity_decode(&copy, bytes.data, bytes.len, &err), 0);
	assert_string_equal(copy.user, "alice");
	assert_string_equal(copy.roles[1], "with,O=admin");
	identity_deinit(&copy);
	assert_int_equal(identity_encode_ssh(&id, &text, &err), 0);
	assert_int_equal(identity_decode_ssh(&copy, buf_str(&text), text.len, &err), 0);
	assert_string_equal(copy.logins[0], "alice");
	assert_int_equal(copy.expires, 2000);
	identity_deinit(&copy);
	buf_deinit(&bytes);
	buf_deinit(&text);
}

static void what_is_neither_person_nor_host_is_refused(void **state)
{
	pv_Identity none = { .cluster = TEXT("one") }, both = node, admin = alice, poor = alice,
	            stray = alice, lost = node;
	pv_Identity *const rows[] = { &none, &both, &admin, &poor, &stray, &lost };

	(void)state;
	both.user = TEXT("alice");
	admin.admin = true;
	poor.roles_count = 0;
	stray.cluster = NULL;
	lost.host_id = NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf bytes = { 0 };
		struct err err;

		if (identity_encode(rows[i], &bytes, &err) != ERR_INVALID)
			fail_msg("row %zu passes", i);
		assert_int_equal(bytes.len, 0);
	}
}

static void bytes_that_are_no_identity_are_refused(void **state)
{
	const uint8_t junk[] = { 0x0a, 0xff, 0xff, 0xff, 0x01 };
	/* field 13, the local administrator, as nobody may carry it */
	const uint8_t admin[] = { 0x0a, 1, 'a', 0x12, 1, 'r', 0x2a, 1, 'c', 0x68, 1 };
	pv_Identity id;
	struct err err;

	(void)state;
	assert_int_equal(identity_decode(&id, junk, sizeof(junk), &err), ERR_INVALID);
	assert_int_equal(identity_decode(&id, junk, 0, &err), ERR_INVALID);
	assert_int_equal(identity_decode(&id, admin, sizeof(admin), &err), ERR_INVALID);
	assert_int_equal(identity_decode(&id, admin, sizeof(admin) - 2, &err), 0);
	identity_deinit(&id);
	assert_int_equal(identity_decode_ssh(&id, "not base64!", 11, &err), ERR_INVALID);
}

static void a_pinned_identity_may_be_used_from_its_address_only(void **state)
{
	const struct {
		const char *pinned, *addr;
		bool allowed;
	} rows[] = {
		{ NULL, "192.0.2.7:1", true },
		{ "", "unix", true },
		{ "192.0.2.7", "192.0.2.7:51234", true },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.70:51234", false },
		{ "192.0.2.7", "192.0.2.8:51234", false },
		{ "192.0.2.7", "[::ffff:192.0.2.7]:1", true },
		{ "192.0.2.7", "unix", false },
		{ "192.0.2.7", "", false },
		{ "2001:db8::1", "[2001:db8::1]:22", true },
		{ "2001:db8::1", "[2001:db8:0:0::1]:22", true },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "[2001:db8::2]:22", false },
		{ "here", "here:1", false }, /* what is no address fits nothing */
		{ "192.0.2.7", "a-name-that-is-longer-than-any-address-could-ever-be.example:1",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const pv_Identity id = { .user = (char[]){ "alice" },
			                 .client_ip = (char *)(uintptr_t)rows[i].pinned };
		struct err err = { 0 };
		int rc = identity_check_address(&id, rows[i].addr, &err);

		if (rc != (rows[i].allowed ? 0 : ERR_DENIED))
			fail_msg("'%s' from '%s': %s", rows[i].pinned, rows[i].addr, err.msg);
	}
}

static void an_address_is_what_stands_before_the_port(void **state)
{
	char address[IDENTITY_ADDRESS_SIZE];
	struct err err;

	(void)state;
	assert_int_equal(identity_address("192.0.2.7:51234", address, &err), 0);
	assert_string_equal(address, "192.0.2.7");
	assert_int_equal(identity_address("[2001:db8::1]:22", address, &err), 0);
	assert_string_equal(address, "2001:db8::1");
	assert_int_equal(identity_address("unix", address, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pinned_identity_may_be_used_from_its_address_only),
		cmocka_unit_test(an_address_is_what_stands_before_the_port),
		cmocka_unit_test(an_identity_survives_both_kinds_of_certificate),
		cmocka_unit_test(what_is_neither_person_nor_host_is_refused),
		cmocka_unit_test(bytes_that_are_no_identity_are_refused),
	};

	return unit_run(tests);
}
