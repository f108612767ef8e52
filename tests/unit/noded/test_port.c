#include "noded/port.h"

#include "base/log.h"

#include "tests/unit/noded/node_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_up(void **state)
{
	struct node_world *w = calloc(1, sizeof(*w));
	struct err err = { 0 };

	assert_non_null(w);
	world_init(w, "listen: 127.0.0.1:0\n");
	world_start(w);
	world_check(port_open(&w->n, &w->n.port, &err), &err);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct node_world *w = *state;

	port_close(w->n.port);
	world_close(w);
	free(w);
	return 0;
}

static int connect_to(const struct node_world *w)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_port = htons((uint16_t)port_number(w->n.port)),
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* What is readable for ever and never enough would keep the loop busy until the deadline. */
static void who_ends_in_the_middle_is_let_go_at_once(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "", 0 },
		{ "SSH-", 4 },
		{ "POSTERN", 7 },
		{ "POSTERN1", 8 },
		{ "POSTERN1\0\0", 10 },
		{ "POSTERN1\0\0\x10\0half a preface", 26 },
	};
	struct node_world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = connect_to(w);
		uint64_t begun = uv_hrtime();

		assert_int_equal(send(fd, rows[i].bytes, rows[i].len, MSG_NOSIGNAL), rows[i].len);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		turn_until(&w->loop, is_closed(fd));
		assert_true(uv_hrtime() - begun < 5 * (uint64_t)1000000000);
		close(fd);
	}
}

static void a_preface_that_is_too_long_is_refused(void **state)
{
	static const char bytes[] = "POSTERN1\0\1\0\0";
	struct node_world *w = *state;
	int fd = connect_to(w);

	assert_int_equal(send(fd, bytes, 12, MSG_NOSIGNAL), 12);
	turn_until(&w->loop, is_closed(fd));
	close(fd);
}

/* One network holds so many places and no more, and they are free again when it goes. */
static void who_says_nothing_is_bounded_per_network(void **state)
{
	struct node_world *w = *state;
	int fds[129];

	for (int i = 0; i < 129; i++)
		fds[i] = connect_to(w);
	turn_until(&w->loop, is_closed(fds[128]));
	for (int i = 0; i < 128; i++)
		assert_false(is_closed(fds[i]));
	for (int i = 0; i < 129; i++)
		close(fds[i]);
	turn_until(&w->loop, port_connections(w->n.port) == 0);
	fds[0] = connect_to(w);
	turn_until(&w->loop, port_connections(w->n.port) == 1);
	assert_false(is_closed(fds[0]));
	close(fds[0]);
}

static void who_sends_wrong_prefaces_is_not_listened_to_for_a_while(void **state)
{
	static const char bytes[] = "POSTERN1\0\0\0\0"; /* an empty one: nobody signed it */
	struct node_world *w = *state;
	char text[16384] = "";
	int log = memfd_create("log", MFD_CLOEXEC);

	log_set_fd(log);
	for (int i = 0; i < 22; i++) {
		int fd = connect_to(w);

		assert_int_equal(send(fd, bytes, 12, MSG_NOSIGNAL), 12);
		turn_until(&w->loop, is_closed(fd));
		close(fd);
	}
	log_set_fd(STDERR_FILENO);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	close(log);
	/* the first are judged, the last is not */
	assert_non_null(strstr(text, "check preface"));
	assert_non_null(strstr(text, "was wrong 21 times in 10 s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_ends_in_the_middle_is_let_go_at_once, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_preface_that_is_too_long_is_refused, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(who_says_nothing_is_bounded_per_network, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(
		        who_sends_wrong_prefaces_is_not_listened_to_for_a_while, set_up, tear_down),
	};

	return unit_run(tests);
}
