#include "ipc/packet.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static void what_is_added_is_found_again(void **state)
{
	char text[256];
	struct packet p;
	size_t at = 0;

	(void)state;
	packet_begin(&p, text, sizeof(text), "session");
	packet_add(&p, "login", "bob");
	packet_add(&p, "env", "A=1");
	packet_add(&p, "env", "B=x=y");
	packet_add(&p, "empty", "");
	packet_add_number(&p, "rows", -24);
	assert_false(p.full);
	assert_true(packet_valid(p.data, p.len));
	assert_string_equal(p.data, "session");
	assert_string_equal(packet_get(p.data, p.len, "login"), "bob");
	assert_string_equal(packet_get(p.data, p.len, "empty"), "");
	assert_null(packet_get(p.data, p.len, "log"));
	assert_null(packet_get(p.data, p.len, "session"));
	assert_int_equal(packet_get_number(p.data, p.len, "rows", 7), -24);
	assert_int_equal(packet_get_number(p.data, p.len, "login", 7), 7);
	assert_int_equal(packet_get_number(p.data, p.len, "columns", 7), 7);
	assert_string_equal(packet_next(p.data, p.len, "env", &at), "A=1");
	assert_string_equal(packet_next(p.data, p.len, "env", &at), "B=x=y");
	assert_null(packet_next(p.data, p.len, "env", &at));
}

static void what_does_not_fit_is_never_sent(void **state)
{
	char text[16];
	struct packet p;

	(void)state;
	packet_begin(&p, text, sizeof(text), "word");
	packet_add(&p, "key", "0123456789");
	assert_true(p.full);
	assert_int_equal(packet_send(STDERR_FILENO, &p, NULL, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
}

static void bytes_that_are_no_packet_are_told(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		bool valid;
	} cases[] = {
		{ "list", 5, true },
		{ "list\0a=b", 9, true },
		{ "list\0a=", 8, true },
		{ "", 0, false },
		{ "", 1, false },
		{ "list", 4, false },      /* no end */
		{ "list\0a=b", 8, false }, /* no end of the last field */
		{ "list\0a", 7, false },   /* no "=" */
		{ "list\0=b", 8, false },  /* no key */
		{ "list\0A=b", 9, false }, /* not a key's letters */
		{ "list\0\0", 7, false },  /* an empty field */
		{ "list\0a b=c", 11, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(packet_valid(cases[i].data, cases[i].len), cases[i].valid);
}

static void too_many_fields_are_no_packet(void **state)
{
	char *text = test_malloc(PACKET_FIELDS * 4 + 64);
	struct packet p;

	(void)state;
	packet_begin(&p, text, PACKET_FIELDS * 4 + 64, "w");
	for (size_t i = 0; i < PACKET_FIELDS; i++)
		packet_add(&p, "a", "b");
	assert_true(packet_valid(p.data, p.len));
	packet_add(&p, "a", "b");
	assert_false(packet_valid(p.data, p.len));
	test_free(text);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void descriptors_travel_along_and_are_closed_when_unwanted(void **state)
{
	char text[64], got[64];
	int pair[2], pipes[2], fds[PACKET_FDS] = { -1, -1, -1, -1 }, count = -1;
	struct stat sent, received;
	struct packet p;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	packet_begin(&p, text, sizeof(text), "hello");
	assert_int_equal(packet_send(pair[0], &p, pipes, 2), 0);
	assert_int_equal(packet_recv(pair[1], got, sizeof(got), fds, 1, &count), p.len);
	assert_int_equal(count, 1);
	assert_int_equal(fstat(pipes[0], &sent), 0);
	assert_int_equal(fstat(fds[0], &received), 0);
	assert_int_equal(sent.st_ino, received.st_ino);
	assert_true((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
	assert_false(is_open(fds[0] + 1)); /* the second one was closed */
	close(fds[0]);

	/* A message that was cut is none, and leaves nothing open. */
	assert_int_equal(packet_send(pair[0], &p, pipes, 2), 0);
	assert_int_equal(packet_recv(pair[1], got, 3, fds, PACKET_FDS, &count), -1);
	assert_int_equal(errno, EBADMSG);
	assert_false(is_open(fds[0]));

	close(pair[0]);
	assert_int_equal(packet_recv(pair[1], got, sizeof(got), fds, 1, &count), 0);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
}

/* Else a peer could fill the table of descriptors of whoever takes it for gone. */
static void an_empty_message_leaves_no_descriptor_behind(void **state)
{
	int pair[2], pipes[2], fds[PACKET_FDS] = { -1, -1, -1, -1 }, count = -1;
	char got[8];
	struct packet empty = { .data = got };

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(packet_send(pair[0], &empty, pipes, 2), 0);
	assert_int_equal(packet_recv(pair[1], got, sizeof(got), fds, PACKET_FDS, &count), 0);
	assert_int_equal(count, 0);
	assert_true(fds[0] >= 0);
	assert_false(is_open(fds[0]));
	assert_false(is_open(fds[1]));
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
}

#define TIMES_LOST 2

/* Takes so many questions to its grave, and answers the next. */
static void *answer_late(void *arg)
{
	const char *path = arg;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(addr.sun_path, path);
	for (int time = 0; time <= TIMES_LOST; time++) {
		int server = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		char text[64];
		struct packet p;
		int peer;

		unlink(path);
		if (bind(server, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		    listen(server, 1) != 0)
			return NULL;
		peer = accept(server, NULL, NULL);
		packet_recv(peer, text, sizeof(text), NULL, 0, NULL);
		packet_begin(&p, text, sizeof(text), "ok");
		if (time == TIMES_LOST)
			packet_send(peer, &p, NULL, 0);
		close(peer);
		close(server);
	}
	return NULL;
}

static void who_asks_waits_for_one_who_comes_back(void **state)
{
	char path[] = "/tmp/test_packet.XXXXXX/sock";
	char text[64], reply[64];
	pthread_t thread;
	struct packet p;

	(void)state;
	path[strlen(path) - 5] = 0;
	assert_non_null(mkdtemp(path));
	path[strlen(path)] = '/';
	packet_begin(&p, text, sizeof(text), "session");
	assert_int_equal(pthread_create(&thread, NULL, answer_late, path), 0);
	assert_int_equal(packet_ask(path, &p, reply, sizeof(reply), 5000, 20000), 3);
	assert_string_equal(reply, "ok");
	pthread_join(thread, NULL);
	unlink(path);
	path[strlen(path) - 5] = 0;
	rmdir(path);
}

static void who_asks_does_not_wait_for_ever(void **state)
{
	char text[64], reply[64];
	struct packet p;

	(void)state;
	packet_begin(&p, text, sizeof(text), "session");
	assert_int_equal(packet_ask("/nonexistent/sock", &p, reply, sizeof(reply), 5000, 100), -1);
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_found_again),
		cmocka_unit_test(what_does_not_fit_is_never_sent),
		cmocka_unit_test(bytes_that_are_no_packet_are_told),
		cmocka_unit_test(too_many_fields_are_no_packet),
		cmocka_unit_test(descriptors_travel_along_and_are_closed_when_unwanted),
		cmocka_unit_test(an_empty_message_leaves_no_descriptor_behind),
		cmocka_unit_test(who_asks_waits_for_one_who_comes_back),
		cmocka_unit_test(who_asks_does_not_wait_for_ever),
	};

	return unit_run(tests);
}
