#include "tsh/ssh_args.h"

#include "base/err.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *line;
	int own;
	int host; /* among the rest */
} cases[] = {
	{ "web-1", 0, 0 },
	{ "--proxy=p web-1 ls --all", 1, 0 },
	{ "-v -p 22 web-1", 0, 3 },
	{ "-vp22 web-1", 0, 1 },
	{ "-L 80:a:80 -N alice@web-1", 0, 3 },
	{ "-tt -o User=x web-1 cmd", 0, 3 },
	{ "--user=u -oUser=x -- web-1 -l", 1, 2 },
	{ "-N", 0, -1 },
	{ "-p", 0, -1 },
	{ "", 0, -1 },
};

static void the_host_is_found_among_sshs_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[128], *argv[16];
		int argc = 0, own;

		strcpy(line, cases[i].line);
		for (char *w = strtok(line, " "); w != NULL; w = strtok(NULL, " "))
			argv[argc++] = w;
		own = ssh_args_own(argc, argv);
		assert_int_equal(own, cases[i].own);
		if (ssh_args_host(argc - own, argv + own) != cases[i].host)
			fail_msg("%s: %d", cases[i].line, ssh_args_host(argc - own, argv + own));
	}
}

#define ID "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"

static void a_label_becomes_an_id_and_nothing_else(void **state)
{
	static const char *const bad[] = { "-oProxyCommand=touch x", "", "web-1", "-" ID };
	struct err err = { 0 };
	char *out;

	(void)state;
	assert_int_equal(ssh_args_put_id("env=prod", ID, &out, &err), 0);
	assert_string_equal(out, ID);
	free(out);
	assert_int_equal(ssh_args_put_id("a@b@env=prod", ID, &out, &err), 0);
	assert_string_equal(out, "a@b@" ID);
	free(out);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ssh_args_put_id("env=prod", bad[i], &out, &err), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_is_found_among_sshs_options),
		cmocka_unit_test(a_label_becomes_an_id_and_nothing_else),
	};

	return unit_run(tests);
}
