#include "noded/jail/jail.h"

#include "tests/unit/unit.h"

#include <string.h>

static void logins_that_name_a_folder_are_taken(void **state)
{
	static const char *const good[] = {
		"root", "bob", "first.last", "DOM\\user", "user@example.com",
		"_apt", "a-b", "\xc3\xbcser"
	};
	static const char *const bad[] = { "",  ".",  "..",  ".attach", "a/b",
		                           "/", "-x", "a b", "a\n",     "a\tb" };
	char big[66];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(jail_login_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(jail_login_ok(bad[i]));
	memset(big, 'a', 65);
	big[65] = 0;
	assert_false(jail_login_ok(big));
	big[64] = 0;
	assert_true(jail_login_ok(big));
}

static void shells_that_can_be_had_in_a_jail_are_taken(void **state)
{
	static const char *const good[] = { "/bin/bash",
		                            "/usr/bin/zsh",
		                            "/opt/my shell/run",
		                            "/sh",
		                            "/nix/store/x-bash-5.2/bin/bash",
		                            "/bin/..." };
	static const char *const bad[] = {
		"",        "bash",   "/",         "/bin/",  "/bin//sh", "/bin/../x", "/../bin/bash",
		"/bin/..", "/bin/.", "/./bin/sh", "/etc/x", "/tmp/x",   "/attach/x", "//bin/sh",
	};
	char big[300];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(jail_shell_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(jail_shell_ok(bad[i]));
	memset(big, 'a', sizeof(big) - 1);
	big[0] = '/';
	big[sizeof(big) - 1] = 0;
	assert_false(jail_shell_ok(big));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logins_that_name_a_folder_are_taken),
		cmocka_unit_test(shells_that_can_be_had_in_a_jail_are_taken),
	};

	return unit_run(tests);
}
