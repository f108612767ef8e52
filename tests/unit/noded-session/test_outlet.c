#include "noded/session/outlet.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void fill(char *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((from + i) % 251);
}

static void what_is_not_taken_waits_in_order(void **state)
{
	static char data[300000], got[300000];
	struct outlet o;
	size_t at = 0;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	outlet_open(&o, pipes[1]);
	fill(data, sizeof(data), 0);
	for (size_t i = 0; i < sizeof(data); i += 1000)
		outlet_write(&o, data + i, 1000);
	assert_true(outlet_full(&o));
	while (at < sizeof(data)) {
		ssize_t n = read(pipes[0], got + at, 7000);

		assert_true(n > 0);
		at += (size_t)n;
		outlet_flush(&o);
	}
	assert_int_equal(outlet_queued(&o), 0);
	assert_int_equal(o.written, sizeof(data));
	assert_memory_equal(data, got, sizeof(data));
	outlet_close(&o);
	close(pipes[0]);
}

static void who_is_gone_gets_nothing_and_breaks_nothing(void **state)
{
	struct outlet o;
	int pipes[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(pipes), 0);
	outlet_open(&o, pipes[1]);
	close(pipes[0]);
	outlet_write(&o, "x", 1);
	assert_int_equal(o.fd, -1);
	outlet_write(&o, "y", 1);
	outlet_flush(&o);
	assert_int_equal(outlet_queued(&o), 0);
	outlet_close(&o);
	assert_int_equal(fcntl(pipes[1], F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_taken_waits_in_order),
		cmocka_unit_test(who_is_gone_gets_nothing_and_breaks_nothing),
	};

	return unit_run(tests);
}
