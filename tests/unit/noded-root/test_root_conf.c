#include "noded/root/conf.h"

#include "tests/unit/unit.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int load(const char *text, struct root_conf *c, struct err *err)
{
	char path[] = "/tmp/pt-root-conf-XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	int rc;

	fputs(text, f);
	fclose(f);
	rc = root_conf_load(c, path, err);
	unlink(path);
	return rc;
}

static void defaults_are_where_a_distribution_puts_things(void **state)
{
	struct root_conf c;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(load("run_dir: /run/x\n", &c, &err), 0);
	assert_string_equal(c.run_dir, "/run/x");
	assert_string_equal(c.sshd, "/usr/sbin/sshd");
	assert_int_equal(c.host_keys.count, 1);
	root_conf_deinit(&c);
}

static void a_path_cannot_say_more_than_a_path(void **state)
{
	static const char *const bad[] = {
		"user_ca: \"/x\\nForceCommand /bin/sh\"",
		"revoked_keys: /a b",
		"run_dir: \"/a%u\"",
		"host_keys: [/a, \"/b\\\"c\"]",
		"sshd: \"/usr/sbin/sshd -x\"",
	};
	struct root_conf c;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(load(bad[i], &c, &err), ERR_INVALID);
}

static void programs_find_the_settings_in_their_environment(void **state)
{
	struct root_conf c;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(load("host_keys: [/a, /b]\nsftp_server: /x/sftp -e\n", &c, &err), 0);
	assert_int_equal(root_conf_export(&c, &err), 0);
	assert_string_equal(getenv("NODED_HOST_KEYS"), "/a\n/b");
	assert_string_equal(getenv("NODED_SFTP_SERVER"), "/x/sftp -e");
	assert_string_equal(getenv("NODED_NODE_USER"), "postern-node");
	root_conf_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_where_a_distribution_puts_things),
		cmocka_unit_test(a_path_cannot_say_more_than_a_path),
		cmocka_unit_test(programs_find_the_settings_in_their_environment),
	};

	return unit_run(tests);
}
