#include "model/lock.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static char *roles[] = { TEXT("dev"), TEXT("ops") };
static char *requests[] = { TEXT("r1") };
static const struct lock_subject alice = { "alice", roles, 2, "root", "n1", requests, 1 };
static const struct lock_subject alice_at_login = { "alice", roles, 2, NULL, NULL, NULL, 0 };

static void locks_match_as_the_table_says(void **state)
{
	const struct {
		const struct lock_subject *who;
		pv_LockTarget target;
		const char *message;
		const char *want; /* NULL: not concerned */
	} rows[] = {
		{ &alice,
		  { .user = TEXT("alice") },
		  "under investigation",
		  "user 'alice' is locked: under investigation" },
		{ &alice, { .user = TEXT("bob") }, NULL, NULL },
		{ &alice, { .role = TEXT("ops") }, NULL, "role 'ops' is locked" },
		{ &alice, { .role = TEXT("db") }, NULL, NULL },
		{ &alice, { .login = TEXT("root") }, NULL, "login 'root' is locked" },
		{ &alice, { .node = TEXT("n1") }, NULL, "node 'n1' is locked" },
		{ &alice, { .access_request = TEXT("r1") }, NULL, "access request 'r1' is locked" },
		{ &alice_at_login, { .access_request = TEXT("r1") }, NULL, NULL },
		{ &alice,
		  { .user = TEXT("alice"), .login = TEXT("root") },
		  NULL,
		  "user 'alice' is locked" },
		{ &alice, { .user = TEXT("alice"), .login = TEXT("www") }, NULL, NULL },
		{ &alice_at_login, { .user = TEXT("alice"), .login = TEXT("root") }, NULL, NULL },
		{ &alice, { 0 }, "nobody", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pv_Lock lock = { .spec = { .target = rows[i].target } };
		char message[64] = "";
		struct err err;
		int rc;

		if (rows[i].message != NULL)
			lock.spec.message = strcpy(message, rows[i].message);
		rc = lock_check(&lock, rows[i].who, 5, &err);
		if (rows[i].want == NULL) {
			assert_int_equal(rc, 0);
			continue;
		}
		assert_int_equal(rc, ERR_DENIED);
		assert_string_equal(err.msg, rows[i].want);
	}
}

static void a_lock_ends_when_it_says(void **state)
{
	pv_Lock lock = { .spec = { .target = { .user = TEXT("alice") }, .expires = 10 } };
	struct err err;

	(void)state;
	assert_int_equal(lock_check(&lock, &alice, 9, &err), ERR_DENIED);
	assert_int_equal(lock_check(&lock, &alice, 10, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_match_as_the_table_says),
		cmocka_unit_test(a_lock_ends_when_it_says),
	};

	return unit_run(tests);
}
