#include "loop/dial.h"

#include "loop/listen.h"

#include "tests/unit/streams.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

struct dialed {
	struct stream *stream;
	int calls;
	struct err err;
};

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	struct dialed *d = owner;

	d->calls++;
	d->stream = take_stream;
	assert_true((take_stream == NULL) == (err != NULL));
	if (err != NULL)
		err_copy(&d->err, err);
}

/* A server that keeps what it accepts. */
struct server {
	struct listen *listen;
	struct stream *streams[64];
	unsigned accepted;
	unsigned refused;
	struct err refusal;
	bool gone; /* frees itself at the first connection */
};

static void on_accept(void *owner, struct stream *take_stream)
{
	struct server *s = owner;

	s->streams[s->accepted++] = take_stream;
	if (s->gone) {
		listen_free(s->listen);
		s->listen = NULL;
	}
}

static void on_refuse(void *owner, const struct err *err)
{
	struct server *s = owner;

	s->refused++;
	err_copy(&s->refusal, err);
}

static const struct listen_handler server_handler = { on_accept, on_refuse };

static void server_open(struct server *s, uv_loop_t *loop, const struct listen_limits *limits)
{
	s->listen = listen_new(loop, limits, &server_handler, s);
	assert_non_null(s->listen);
}

static void server_close(struct server *s)
{
	listen_free(s->listen);
	for (unsigned i = 0; i < s->accepted; i++)
		if (s->streams[i] != NULL)
			stream_reset(s->streams[i], NULL);
}

static char *loopback(char out[64], const struct server *s)
{
	snprintf(out, 64, "127.0.0.1:%u", listen_port(s->listen));
	return out;
}

static unsigned dead_port(void)
{
	uv_loop_t loop;
	struct server s = { 0 };
	struct err err;
	unsigned port;

	uv_loop_init(&loop);
	server_open(&s, &loop, NULL);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	port = listen_port(s.listen);
	server_close(&s);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return port;
}

static void it_connects_over_tcp_and_both_sides_know_the_peer(void **state)
{
	struct server s = { 0 };
	struct dialed d = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	assert_int_equal(dial_start(*state, loopback(addr, &s), 5000, on_dialed, &d, NULL, &err),
	                 0);
	assert_int_equal(d.calls, 0);
	turn_until(*state, d.calls == 1 && s.accepted == 1);
	assert_string_equal(stream_peer(d.stream), addr);
	assert_memory_equal(stream_peer(s.streams[0]), "127.0.0.1:", 10);
	stream_reset(d.stream, NULL);
	server_close(&s);
}

static void the_next_address_is_tried_when_one_refuses(void **state)
{
	struct server s = { 0 };
	struct dialed d = { 0 };
	struct err err;
	char addrs[160], addr[64];

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	snprintf(addrs, sizeof(addrs), "unix:/nowhere/at.all,127.0.0.1:%u,%s", dead_port(),
	         loopback(addr, &s));
	assert_int_equal(dial_start(*state, addrs, 5000, on_dialed, &d, NULL, &err), 0);
	turn_until(*state, d.calls == 1);
	assert_non_null(d.stream);
	stream_reset(d.stream, NULL);
	server_close(&s);
}

static void a_name_is_resolved(void **state)
{
	struct server s = { 0 };
	struct dialed d = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add(s.listen, "localhost:0", &err), 0);
	snprintf(addr, sizeof(addr), "localhost:%u", listen_port(s.listen));
	assert_int_equal(dial_start(*state, addr, 5000, on_dialed, &d, NULL, &err), 0);
	turn_until(*state, d.calls == 1);
	assert_non_null(d.stream);
	stream_reset(d.stream, NULL);
	server_close(&s);
}

static void errors_name_what_was_tried(void **state)
{
	struct dialed d = { 0 }, u = { 0 };
	struct err err;
	char addr[64], expected[128];

	snprintf(addr, sizeof(addr), "127.0.0.1:%u", dead_port());
	assert_int_equal(dial_start(*state, addr, 5000, on_dialed, &d, NULL, &err), 0);
	assert_int_equal(
	        dial_start(*state, "unix:/nowhere/at.all", 5000, on_dialed, &u, NULL, &err), 0);
	turn_until(*state, d.calls == 1 && u.calls == 1);
	snprintf(expected, sizeof(expected), "connect to '%s': connection refused", addr);
	assert_string_equal(d.err.msg, expected);
	assert_int_equal(d.err.code, ERR_UNAVAILABLE);
	assert_string_equal(u.err.msg,
	                    "connect to 'unix:/nowhere/at.all': no such file or directory");
}

static void what_is_no_address_is_refused_at_once(void **state)
{
	static const char *const bad[] = { "",      "host",   "host:x", ":3080",    "host:99999",
		                           "unix:", "unix:x", "[::1",   "a:1,,b:2", "a:1,b c:2" };
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dial_start(*state, bad[i], 1000, on_dialed, NULL, NULL, &err),
		                 ERR_INVALID);
}

/* A listener whose backlog is full answers nobody. */
static int silent_door(char addr[64], int *out_filler)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(door, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(door, 0), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&sin, &len), 0);
	*out_filler = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*out_filler, (struct sockaddr *)&sin, len), 0);
	snprintf(addr, 64, "127.0.0.1:%u", ntohs(sin.sin_port));
	return door;
}

static void a_deadline_ends_it(void **state)
{
	struct dialed d = { 0 };
	struct err err;
	char addr[64], expected[128];
	int filler, door = silent_door(addr, &filler);

	assert_int_equal(dial_start(*state, addr, 50, on_dialed, &d, NULL, &err), 0);
	turn_until(*state, d.calls == 1);
	assert_int_equal(d.err.code, ERR_TIMEOUT);
	snprintf(expected, sizeof(expected), "connect to '%s': no answer within 50 ms", addr);
	assert_string_equal(d.err.msg, expected);
	close(filler);
	close(door);
}

static void it_can_be_canceled_at_every_turn_of_the_loop(void **state)
{
	struct server s = { 0 };
	struct err err;
	char addrs[3][128];
	int canceled = 0;

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add(s.listen, "localhost:0", &err), 0);
	snprintf(addrs[0], sizeof(addrs[0]), "localhost:%u", listen_port(s.listen));
	snprintf(addrs[1], sizeof(addrs[1]), "127.0.0.1:%u", dead_port());
	snprintf(addrs[2], sizeof(addrs[2]), "[::1]:1,127.0.0.1:%u", listen_port(s.listen));
	for (int turn = 0; turn < 30; turn++) {
		struct dialed d = { 0 };
		struct dial *dial = NULL;

		assert_int_equal(
		        dial_start(*state, addrs[turn % 3], 5000, on_dialed, &d, &dial, &err), 0);
		for (int i = 0; i < turn / 3 && d.calls == 0; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		if (d.calls == 0) {
			dial_cancel(dial);
			dial_cancel(dial);
			assert_int_equal(d.calls, 0);
			turn_until(*state, d.calls == 1);
			assert_int_equal(d.err.code, ERR_CANCELED);
			canceled++;
		}
		if (d.stream != NULL)
			stream_reset(d.stream, NULL);
	}
	assert_in_range(canceled, 3, 30);
	for (int i = 0; i < 10; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	server_close(&s);
}

/* --- listening -------------------------------------------------------------------------------- */

static int dial_now(uv_loop_t *loop, const char *addr, struct dialed *d)
{
	struct err err;

	assert_int_equal(dial_start(loop, addr, 5000, on_dialed, d, NULL, &err), 0);
	turn_until(loop, d->calls == 1);
	return d->err.code;
}

static void connections_are_bounded_in_all_and_counted_until_they_are_gone(void **state)
{
	const struct listen_limits limits = { .max = 2 };
	struct server s = { 0 };
	struct dialed d[4] = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, &limits);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	loopback(addr, &s);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dial_now(*state, addr, &d[i]), 0);
	turn_until(*state, s.accepted == 2 && s.refused == 1);
	assert_non_null(strstr(s.refusal.msg, "2 connections are open already"));
	assert_int_equal(listen_count(s.listen), 2);
	stream_reset(s.streams[0], NULL);
	s.streams[0] = NULL;
	turn_until(*state, listen_count(s.listen) == 1);
	assert_int_equal(dial_now(*state, addr, &d[3]), 0);
	turn_until(*state, s.accepted == 3);
	for (int i = 0; i < 4; i++)
		stream_reset(d[i].stream, NULL);
	server_close(&s); /* the last connections outlive it */
}

static void one_address_cannot_take_all_places(void **state)
{
	const struct listen_limits limits = { .max = 10, .max_per_addr = 1 };
	struct server s = { 0 };
	struct dialed d[2] = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, &limits);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	loopback(addr, &s);
	assert_int_equal(dial_now(*state, addr, &d[0]), 0);
	assert_int_equal(dial_now(*state, addr, &d[1]), 0);
	turn_until(*state, s.accepted == 1 && s.refused == 1);
	assert_non_null(strstr(s.refusal.msg, "1 connections from '127.0.0.1' are open already"));
	stream_reset(d[0].stream, NULL);
	stream_reset(d[1].stream, NULL);
	server_close(&s);
}

static void every_address_means_ipv4_and_ipv6(void **state)
{
	struct server s = { 0 };
	struct dialed d = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add(s.listen, ":0", &err), 0);
	assert_int_equal(dial_now(*state, loopback(addr, &s), &d), 0);
	turn_until(*state, s.accepted == 1);
	assert_memory_equal(stream_peer(s.streams[0]), "127.0.0.1:", 10);
	stream_reset(d.stream, NULL);
	server_close(&s);
}

static void an_address_in_use_is_told(void **state)
{
	struct server s = { 0 }, t = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, NULL);
	server_open(&t, *state, NULL);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	assert_int_equal(listen_add(t.listen, loopback(addr, &s), &err), ERR_EXISTS);
	assert_non_null(strstr(err.msg, "listen on '127.0.0.1:"));
	assert_int_equal(listen_add(t.listen, "systemd:none", &err), ERR_NOT_FOUND);
	assert_int_equal(listen_add(t.listen, "nonsense", &err), ERR_INVALID);
	server_close(&s);
	server_close(&t);
}

static void a_dead_unix_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct server s = { 0 }, t = { 0 };
	struct dialed d = { 0 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	struct err err;
	char dir[] = "/tmp/postern-listen-XXXXXX", path[64], addr[80];
	int stale = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(addr, sizeof(addr), "unix:%s", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(stale, (struct sockaddr *)&un, sizeof(un)), 0);
	close(stale);

	server_open(&s, *state, NULL);
	server_open(&t, *state, NULL);
	assert_int_equal(listen_add_unix(s.listen, path, 0600, (gid_t)-1, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(listen_add(t.listen, addr, &err), ERR_EXISTS);
	assert_non_null(strstr(err.msg, "another process serves it"));
	assert_int_equal(dial_now(*state, addr, &d), 0);
	turn_until(*state, s.accepted >= 1);
	stream_reset(d.stream, NULL);
	server_close(&s);
	server_close(&t);
	assert_int_equal(access(path, F_OK), -1); /* gone with its server */
	assert_int_equal(rmdir(dir), 0);
}

static void a_file_in_the_way_of_a_unix_socket_stays(void **state)
{
	struct server s = { 0 };
	struct err err;
	char path[] = "/tmp/postern-listen-XXXXXX";
	int fd = mkstemp(path);

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add_unix(s.listen, path, 0600, (gid_t)-1, &err), ERR_EXISTS);
	server_close(&s);
	assert_int_equal(unlink(path), 0);
	close(fd);
}

static void it_may_be_freed_while_it_accepts(void **state)
{
	struct server s = { .gone = true };
	struct dialed d[2] = { 0 };
	struct err err;
	char addr[64];

	server_open(&s, *state, NULL);
	assert_int_equal(listen_add(s.listen, "127.0.0.1:0", &err), 0);
	loopback(addr, &s);
	listen_pause(s.listen);
	for (int i = 0; i < 2; i++) /* both wait in the backlog */
		assert_int_equal(dial_now(*state, addr, &d[i]), 0);
	assert_int_equal(s.accepted, 0);
	listen_resume(s.listen);
	turn_until(*state, s.accepted == 1);
	for (int i = 0; i < 2; i++)
		stream_reset(d[i].stream, NULL);
	server_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(it_connects_over_tcp_and_both_sides_know_the_peer),
		loop_test(the_next_address_is_tried_when_one_refuses),
		loop_test(a_name_is_resolved),
		loop_test(errors_name_what_was_tried),
		loop_test(what_is_no_address_is_refused_at_once),
		loop_test(a_deadline_ends_it),
		loop_test(it_can_be_canceled_at_every_turn_of_the_loop),
		loop_test(connections_are_bounded_in_all_and_counted_until_they_are_gone),
		loop_test(one_address_cannot_take_all_places),
		loop_test(every_address_means_ipv4_and_ipv6),
		loop_test(an_address_in_use_is_told),
		loop_test(a_dead_unix_socket_is_replaced_and_a_live_one_is_not),
		loop_test(a_file_in_the_way_of_a_unix_socket_stays),
		loop_test(it_may_be_freed_while_it_accepts),
	};

	return unit_run(tests);
}
