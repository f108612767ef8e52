#include "tsh/ssh_args.h"

#include "tests/unit/unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_is_found_among_sshs_options),
	};

	return unit_run(tests);
}
