#include "loop/packet_server.h"

#include "base/err.h"
#include "ipc/packet.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>

static uv_loop_t loop;
static struct packet_server *server;
static char path[64];
static int heard;
static int gone;

static void answer(void *owner, struct packet_peer *peer, const char *data, size_t len,
                   const int *take_fds, int count)
{
	struct err e = { 0 };
	struct packet p;
	char space[256];

	(void)owner;
	heard++;
	packet_begin(&p, space, sizeof(space), "answer");
	packet_add(&p, "word", data);
	packet_add(&p, "name", packet_get(data, len, "name"));
	packet_add_number(&p, "fds", count);
	assert_int_equal(packet_peer_send(peer, &p, NULL, 0, &e), 0);
	assert_int_equal(packet_peer_uid(peer), getuid());
	while (count > 0)
		close(take_fds[--count]);
}

static void note_gone(void *owner, struct packet_peer *peer)
{
	(void)owner;
	(void)peer;
	gone++;
}

static const struct packet_handler handler = { answer, note_gone };

static int open_server(void **state)
{
	struct err e = { 0 };

	(void)state;
	heard = gone = 0;
	snprintf(path, sizeof(path), "/tmp/postern-packet-%d", (int)getpid());
	uv_loop_init(&loop);
	return packet_server_open(&loop, path, 0600, (gid_t)-1, 2, &handler, NULL, &server, &e);
}

static int close_server(void **state)
{
	(void)state;
	packet_server_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) != 0 || access(path, F_OK) == 0;
}

static void run_until(const int *what, int value)
{
	while (*what < value)
		uv_run(&loop, UV_RUN_ONCE);
}

static int client(void)
{
	int sock = packet_connect(path, 5000);

	assert_true(sock >= 0);
	return sock;
}

static void a_packet_with_a_descriptor_is_answered(void **state)
{
	int null = open("/dev/null", O_RDONLY);
	char space[256];
	struct packet p;
	ssize_t len;
	int sock = client();

	(void)state;
	packet_begin(&p, space, sizeof(space), "hello");
	packet_add(&p, "name", "bob");
	assert_int_equal(packet_send(sock, &p, &null, 1), 0);
	run_until(&heard, 1);
	len = packet_recv(sock, space, sizeof(space), NULL, 0, NULL);
	assert_true(len > 0);
	assert_string_equal(space, "answer");
	assert_string_equal(packet_get(space, (size_t)len, "word"), "hello");
	assert_string_equal(packet_get(space, (size_t)len, "name"), "bob");
	assert_int_equal(packet_get_number(space, (size_t)len, "fds", -1), 1);
	close(null);
	close(sock);
	run_until(&gone, 1);
}

static void what_is_no_packet_ends_the_connection(void **state)
{
	int sock = client();
	char byte;

	(void)state;
	assert_int_equal(send(sock, "no end", 6, 0), 6);
	run_until(&gone, 1);
	assert_int_equal(heard, 0);
	assert_int_equal(recv(sock, &byte, 1, 0), 0);
	close(sock);
}

static void one_peer_too_many_is_turned_away(void **state)
{
	int first = client();
	int second = client();
	int third;
	char byte;

	(void)state;
	for (int i = 0; i < 4; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	third = client();
	for (int i = 0; i < 4; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(recv(third, &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(first, &byte, 1, MSG_DONTWAIT), -1);
	close(first);
	close(second);
	close(third);
	run_until(&gone, 2);
}

static void after_a_stop_peers_stay_and_the_name_is_free(void **state)
{
	int sock = client();
	char space[256];
	struct packet p;

	(void)state;
	for (int i = 0; i < 4; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	packet_server_stop(server);
	assert_int_equal(packet_connect(path, 5000), -1);
	assert_int_equal(close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600)), 0);
	packet_begin(&p, space, sizeof(space), "hello");
	packet_add(&p, "name", "bob");
	assert_int_equal(packet_send(sock, &p, NULL, 0), 0);
	run_until(&heard, 1);
	packet_server_stop(server);
	assert_int_equal(unlink(path), 0); /* the successor's name was left alone */
	close(sock);
	run_until(&gone, 1);
}

/* Whoever keeps a peer learns that it may not any more. */
static void a_server_that_closes_tells_of_its_peers(void **state)
{
	char space[64];
	struct packet p;
	int sock = client();

	(void)state;
	packet_begin(&p, space, sizeof(space), "hello");
	packet_add(&p, "name", "bob");
	assert_int_equal(packet_send(sock, &p, NULL, 0), 0);
	run_until(&heard, 1);
	packet_server_close(server);
	server = NULL;
	assert_int_equal(gone, 1);
	close(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_packet_with_a_descriptor_is_answered, open_server,
		                                close_server),
		cmocka_unit_test_setup_teardown(what_is_no_packet_ends_the_connection, open_server,
		                                close_server),
		cmocka_unit_test_setup_teardown(one_peer_too_many_is_turned_away, open_server,
		                                close_server),
		cmocka_unit_test_setup_teardown(a_server_that_closes_tells_of_its_peers,
		                                open_server, close_server),
		cmocka_unit_test_setup_teardown(after_a_stop_peers_stay_and_the_name_is_free,
		                                open_server, close_server),
	};

	return unit_run(tests);
}
