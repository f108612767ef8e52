#include "base/log.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pipe_fds[2];

static const char *line_of(void)
{
	static char line[16384];
	ssize_t len = read(pipe_fds[0], line, sizeof(line) - 1);

	line[len > 0 ? len : 0] = 0;
	return line;
}

static int open_pipe(void **state)
{
	(void)state;
	setenv("TESTD_DEBUG", "rpc,tls", 1);
	log_open("testd", LOG_LEVEL_INFO);
	if (pipe(pipe_fds) != 0)
		return -1;
	log_set_fd(pipe_fds[1]);
	return 0;
}

static void an_event_is_one_line_of_pairs(void **state)
{
	(void)state;
	log_info("cert issued", kv("user", "alice"), kv("ttl", 3600));
	assert_string_equal(line_of(),
	                    "level=info daemon=testd event=\"cert issued\" user=alice ttl=3600\n");
	log_warn("alone");
	assert_string_equal(line_of(), "level=warn daemon=testd event=alone\n");
}

static void bytes_from_outside_cannot_forge_a_line(void **state)
{
	(void)state;
	log_info("login", kv("user", "a\nlevel=error \"x\"\x1b[2J"));
	assert_string_equal(line_of(), "level=info daemon=testd event=login "
	                               "user=\"a\\nlevel=error \\\"x\\\"\\x1b[2J\"\n");
}

static void debug_lines_belong_to_a_subsystem_that_was_asked_for(void **state)
{
	(void)state;
	assert_true(log_debug_enabled("rpc"));
	assert_true(log_debug_enabled("tls"));
	assert_false(log_debug_enabled("tl"));
	assert_false(log_debug_enabled("store"));
	log_debug("store", "no");
	log_debug("tls", "yes");
	assert_string_equal(line_of(), "level=debug daemon=testd event=yes\n");
}

static void a_value_that_is_too_long_is_left_out(void **state)
{
	char *big = calloc(1, 10000);

	(void)state;
	memset(big, 'x', 9999);
	log_info("long", kv("a", "1"), kv("big", big));
	assert_memory_equal(line_of(), "level=info daemon=testd event=long a=1", 38);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_one_line_of_pairs),
		cmocka_unit_test(bytes_from_outside_cannot_forge_a_line),
		cmocka_unit_test(debug_lines_belong_to_a_subsystem_that_was_asked_for),
		cmocka_unit_test(a_value_that_is_too_long_is_left_out),
	};

	return unit_run_with(tests, open_pipe, NULL);
}
