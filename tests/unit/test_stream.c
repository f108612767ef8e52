#include "loop/stream.h"

#include "tests/unit/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

static void bytes_arrive_in_order_and_both_ends_close_in_order(void **state)
{
	struct ear a = { 0 }, b = { .ends_too = true };
	struct stream *sa, *sb;

	stream_pair(*state, &sa, &sb);
	stream_write(sa, "hel", 3); /* before anybody listens */
	ear_attach(&a, sa);
	ear_attach(&b, sb);
	stream_write(sa, "lo", 2);
	stream_end(sa);
	turn_until(*state, a.closes == 1 && b.closes == 1);
	assert_string_equal(buf_str(&b.got), "hello");
	assert_int_equal(b.ends, 1);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.err.code, 0);
	assert_int_equal(b.err.code, 0);
	buf_deinit(&b.got);
}

static void after_our_half_close_the_peer_may_still_write(void **state)
{
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa, *sb;

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	ear_attach(&b, sb);
	stream_end(sa);
	turn_until(*state, b.ends == 1);
	assert_int_equal(a.closes + b.closes, 0);
	stream_write(sb, "late", 4);
	turn_until(*state, a.got.len == 4);
	stream_end(sb);
	turn_until(*state, a.closes == 1 && b.closes == 1);
	buf_deinit(&a.got);
}

static void unused_bytes_are_offered_again_and_to_the_next_owner(void **state)
{
	struct ear a = { 0 }, first = { .take_at_most = 2 }, second = { 0 };
	struct stream *sa, *sb;

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	ear_attach(&first, sb);
	stream_write(sa, "abcdef", 6);
	turn_until(*state, first.got.len == 2);
	stream_resume(sb);
	turn_until(*state, first.got.len == 4);
	assert_string_equal(buf_str(&first.got), "abcd");
	ear_attach(&second, sb);
	stream_resume(sb);
	turn_until(*state, second.got.len == 2);
	assert_string_equal(buf_str(&second.got), "ef");
	first.stream = NULL;
	stream_close(sa);
	stream_close(sb);
	turn_until(*state, a.closes == 1 && second.closes == 1);
	assert_int_equal(first.closes, 0);
	buf_deinit(&first.got);
	buf_deinit(&second.got);
}

/* Uses nothing until "\n" is there: what a parser of lines does. */
static size_t wait_for_line(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	const uint8_t *end = memchr(data, '\n', len);
	struct ear *e = owner;

	(void)s;
	e->drains++; /* counts the calls */
	if (end == NULL)
		return 0;
	buf_append(&e->got, data, (size_t)(end - data));
	return (size_t)(end - data) + 1;
}

static const struct stream_handler line_handler = {
	.on_data = wait_for_line,
	.on_close = ear_on_close,
};

static void a_parser_may_wait_for_the_rest_of_a_message(void **state)
{
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa, *sb;

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	b.stream = sb;
	stream_attach(sb, &line_handler, &b);
	stream_write(sa, "lin", 3);
	turn_until(*state, b.drains == 1);
	assert_int_equal(b.got.len, 0);
	stream_write(sa, "e\n", 2);
	turn_until(*state, b.drains == 2);
	assert_string_equal(buf_str(&b.got), "line");
	stream_close(sa); /* the peer has no on_end: it closes */
	turn_until(*state, a.closes == 1 && b.closes == 1);
	buf_deinit(&b.got);
}

static void a_message_without_end_is_cut_off(void **state)
{
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa, *sb;
	char *much = calloc(1, 2 * STREAM_KEPT_MAX);

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	b.stream = sb;
	stream_attach(sb, &line_handler, &b);
	stream_write(sa, much, 2 * STREAM_KEPT_MAX);
	turn_until(*state, b.closes == 1);
	assert_int_equal(b.err.code, ERR_LIMIT);
	assert_string_equal(b.err.msg, "message from 'unix' is too long");
	turn_until(*state, a.closes == 1);
	assert_int_equal(a.err.code, ERR_IO);
	free(much);
}

static void a_slow_reader_makes_the_queue_full_and_drain_tells_when_to_go_on(void **state)
{
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa, *sb;
	static char block[65536];
	size_t sent = 0, peak = 0;

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	ear_attach(&b, sb);
	stream_pause(sb);
	while (!stream_full(sa)) {
		stream_write(sa, block, sizeof(block));
		sent += sizeof(block);
	}
	peak = stream_queued(sa);
	assert_in_range(peak, STREAM_HIGH_WATER, STREAM_HIGH_WATER + sizeof(block));
	for (int i = 0; i < 10; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	assert_int_equal(a.drains, 0);
	stream_resume(sb);
	turn_until(*state, a.drains == 1);
	turn_until(*state, b.got.len == sent);
	assert_int_equal(a.drains, 1);
	assert_int_equal(stream_queued(sa), 0);
	stream_close(sa);
	stream_close(sb);
	turn_until(*state, a.closes == 1 && b.closes == 1);
	buf_deinit(&b.got);
}

static void who_ignores_a_full_queue_is_cut_off(void **state)
{
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa, *sb;
	char *block = calloc(1, 1 << 20);

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	ear_attach(&b, sb);
	stream_pause(sb);
	for (int i = 0; i < 16; i++)
		stream_write(sa, block, 1 << 20);
	assert_int_equal(a.closes, 0); /* never from within a call */
	turn_until(*state, a.closes == 1);
	assert_int_equal(a.err.code, ERR_LIMIT);
	stream_reset(sb, NULL);
	turn_until(*state, b.closes == 1);
	free(block);
	buf_deinit(&b.got);
}

static void owned_bytes_are_sent_and_the_buffer_is_empty_after(void **state)
{
	struct ear a = { 0 }, b = { .ends_too = true };
	struct stream *sa, *sb;
	struct buf big = { 0 };
	size_t len = 3 * 1024 * 1024;

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	ear_attach(&b, sb);
	memset(buf_reserve(&big, len), 'x', len);
	buf_commit(&big, len);
	stream_write_buf(sa, &big);
	assert_int_equal(big.len, 0);
	stream_write_buf(sa, &big); /* an empty one is nothing */
	stream_end(sa);
	turn_until(*state, b.closes == 1);
	assert_int_equal(b.got.len, len);
	buf_deinit(&b.got);
}

static void close_sends_what_is_queued_first(void **state)
{
	struct ear a = { 0 }, b = { .ends_too = true };
	struct stream *sa, *sb;
	char *block = calloc(1, 2 << 20);

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	ear_attach(&b, sb);
	stream_write(sb, "never heard", 11);
	stream_write(sa, block, 2 << 20);
	stream_close(sa);
	stream_write(sa, "too late", 8);
	turn_until(*state, a.closes == 1 && b.closes == 1);
	assert_int_equal(b.got.len, 2 << 20);
	assert_int_equal(a.got.len, 0);
	assert_int_equal(a.err.code, 0);
	free(block);
	buf_deinit(&b.got);
}

static void close_does_not_wait_for_a_peer_that_stays(void **state)
{
	struct ear a = { 0 };
	struct stream *sa;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	sa = stream_of(*state, fds[0]);
	ear_attach(&a, sa);
	stream_close(sa);
	turn_until(*state, a.closes == 1);
	assert_int_equal(a.err.code, 0);
	close(fds[1]);
}

static void reset_is_seen_by_a_tcp_peer(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa;
	struct err why;
	int door = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char expected[64];

	assert_int_equal(bind(door, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(door, 1), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, len), 0);
	sa = stream_of(*state, fd);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", ntohs(sin.sin_port));
	assert_string_equal(stream_peer(sa), expected);
	ear_attach(&a, sa);
	ear_attach(&b, stream_of(*state, accept(door, NULL, NULL)));
	err_set(&why, ERR_DENIED, "because");
	stream_reset(sa, &why);
	turn_until(*state, a.closes == 1 && b.closes == 1);
	assert_int_equal(a.err.code, ERR_DENIED);
	assert_int_equal(b.err.code, ERR_IO);
	assert_non_null(strstr(b.err.msg, "connection reset by peer"));
	close(door);
}

static void who_handed_a_stream_on_hears_nothing_when_it_is_refused(void **state)
{
	struct ear former = { 0 }, peer = { .ends_too = true };
	struct stream *sa, *sb;
	struct err why;

	stream_pair(*state, &sa, &sb);
	ear_attach(&former, sa);
	ear_attach(&peer, sb);
	err_set(&why, ERR_LIMIT, "no room");
	stream_refuse(sa, &why);
	turn_until(*state, peer.closes == 1);
	uv_run(*state, UV_RUN_DEFAULT);
	assert_int_equal(former.closes, 0);
}

static void a_stream_that_fails_before_it_has_an_owner_waits_for_one(void **state)
{
	struct ear a = { 0 };
	struct stream *sa, *sb;

	stream_pair(*state, &sa, &sb);
	stream_close(sb);
	for (int i = 0; i < 5; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	stream_reset(sb, NULL);
	for (int i = 0; i < 5; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	stream_write(sa, "x", 1);
	for (int i = 0; i < 5; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	ear_attach(&a, sa);
	turn_until(*state, a.closes == 1);
	assert_int_equal(a.err.code, ERR_IO);
}

static void a_descriptor_can_be_taken_out_with_what_was_read(void **state)
{
	struct ear a = { .take_at_most = 2 };
	struct stream *sa;
	struct buf unused = { 0 };
	struct err err;
	char rest[4] = { 0 };
	int fds[2], fd = -1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[1], "abSSH-", 6), 6);
	sa = stream_of(*state, fds[0]);
	ear_attach(&a, sa);
	turn_until(*state, a.got.len == 2);
	assert_int_equal(stream_take_fd(sa, &fd, &unused, &err), 0);
	assert_string_equal(buf_str(&unused), "SSH-");
	turn_until(*state, a.closes == 1);
	assert_int_equal(a.err.code, 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(write(fds[1], "2.0", 3), 3);
	assert_int_equal(read(fd, rest, 3), 3);
	assert_string_equal(rest, "2.0");
	close(fd);
	close(fds[1]);
	buf_deinit(&unused);
	buf_deinit(&a.got);
}

static size_t take_out(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct ear *e = owner;
	struct err err;
	int fd;

	(void)data;
	assert_int_equal(stream_take_fd(s, &fd, &e->got, &err), 0);
	close(fd);
	return len;
}

static void within_on_data_everything_offered_goes_with_the_descriptor(void **state)
{
	const struct stream_handler h = { .on_data = take_out, .on_close = ear_on_close };
	struct ear a = { 0 }, b = { 0 };
	struct stream *sa, *sb;

	stream_pair(*state, &sa, &sb);
	ear_attach(&a, sa);
	b.stream = sb;
	stream_attach(sb, &h, &b);
	stream_write(sa, "all of it", 9);
	turn_until(*state, b.closes == 1);
	assert_string_equal(buf_str(&b.got), "all of it");
	stream_reset(sa, NULL);
	turn_until(*state, a.closes == 1);
	buf_deinit(&b.got);
}

static void a_pair_of_pipes_is_a_stream(void **state)
{
	struct ear a = { .ends_too = true };
	struct stream *s;
	struct err err;
	int in[2], out[2];
	char text[8] = { 0 };

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(stream_open_pair(*state, in[0], out[1], &s, &err), 0);
	ear_attach(&a, s);
	assert_int_equal(write(in[1], "ping", 4), 4);
	turn_until(*state, a.got.len == 4);
	stream_write(s, "pong", 4);
	assert_int_equal(read(out[0], text, sizeof(text)), 4);
	close(in[1]);
	turn_until(*state, a.closes == 1);
	assert_int_equal(read(out[0], text, sizeof(text)), 0);
	assert_int_equal(a.err.code, 0);
	close(out[0]);
	buf_deinit(&a.got);
}

static void who_reads_from_standard_output_sees_a_stream_end(void **state)
{
	struct ear a = { .ends_too = true };
	int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	struct stream *s;
	struct err err;
	int in[2], out[2];
	char text[8];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	/* 0 is as special as 1, and cmocka does not write to it. */
	assert_int_equal(dup2(out[1], STDIN_FILENO), STDIN_FILENO);
	close(out[1]);
	assert_int_equal(stream_open_pair(*state, in[0], STDIN_FILENO, &s, &err), 0);
	ear_attach(&a, s);
	assert_int_equal(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
	stream_end(s);
	turn_until(*state, read(out[0], text, sizeof(text)) == 0);
	close(in[1]);
	turn_until(*state, a.closes == 1);
	close(out[0]);
	assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
	close(kept);
	buf_deinit(&a.got);
}

static void a_file_is_not_a_stream_and_is_closed(void **state)
{
	struct stream *s;
	struct err err;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(stream_open_fd(*state, fd, &s, &err), ERR_IO);
	assert_int_equal(fcntl(fd, F_GETFL), -1);
}

static void the_process_behind_a_unix_socket_is_known(void **state)
{
	struct stream *sa, *sb;
	struct err err;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	stream_pair(*state, &sa, &sb);
	assert_int_equal(stream_peer_cred(sa, &uid, &gid, &pid, &err), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(pid, getpid());
	stream_set_peer(sa, "192.0.2.7:51234");
	assert_string_equal(stream_peer(sa), "192.0.2.7:51234");
	stream_reset(sa, NULL);
	stream_reset(sb, NULL);
}

/* Close, reset and pause at each turn of the loop, while bytes flow both ways. */
static void it_can_be_ended_at_every_turn_of_the_loop(void **state)
{
	static char block[300000];

	for (int turn = 0; turn < 60; turn++) {
		struct ear a = { 0 }, b = { 0 };
		struct stream *sa, *sb;

		stream_pair(*state, &sa, &sb);
		ear_attach(&a, sa);
		ear_attach(&b, sb);
		stream_write(sa, block, sizeof(block));
		stream_write(sb, block, sizeof(block));
		stream_end(sb);
		for (int i = 0; i < turn / 3; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		if (turn % 3 == 0 && a.stream != NULL)
			stream_reset(sa, NULL);
		else if (turn % 3 == 1 && a.stream != NULL)
			stream_close(sa);
		else if (a.stream != NULL)
			stream_pause(sa);
		for (int i = 0; i < 3; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		if (a.stream != NULL)
			stream_reset(a.stream, NULL);
		if (b.stream != NULL)
			stream_reset(b.stream, NULL);
		turn_until(*state, a.closes == 1 && b.closes == 1);
		buf_deinit(&a.got);
		buf_deinit(&b.got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(bytes_arrive_in_order_and_both_ends_close_in_order),
		loop_test(after_our_half_close_the_peer_may_still_write),
		loop_test(unused_bytes_are_offered_again_and_to_the_next_owner),
		loop_test(a_parser_may_wait_for_the_rest_of_a_message),
		loop_test(a_message_without_end_is_cut_off),
		loop_test(a_slow_reader_makes_the_queue_full_and_drain_tells_when_to_go_on),
		loop_test(who_ignores_a_full_queue_is_cut_off),
		loop_test(owned_bytes_are_sent_and_the_buffer_is_empty_after),
		loop_test(close_sends_what_is_queued_first),
		loop_test(close_does_not_wait_for_a_peer_that_stays),
		loop_test(reset_is_seen_by_a_tcp_peer),
		loop_test(who_handed_a_stream_on_hears_nothing_when_it_is_refused),
		loop_test(a_stream_that_fails_before_it_has_an_owner_waits_for_one),
		loop_test(a_descriptor_can_be_taken_out_with_what_was_read),
		loop_test(within_on_data_everything_offered_goes_with_the_descriptor),
		loop_test(a_pair_of_pipes_is_a_stream),
		loop_test(who_reads_from_standard_output_sees_a_stream_end),
		loop_test(a_file_is_not_a_stream_and_is_closed),
		loop_test(the_process_behind_a_unix_socket_is_known),
		loop_test(it_can_be_ended_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}
