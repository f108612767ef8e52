#include "loop/splice.h"

#include "tests/unit/streams.h"

/* outer_a <-> (a | splice | b) <-> outer_b */
struct joined {
	struct ear left;
	struct ear right;
	struct splice *splice;
	int calls;
	struct splice_count count;
	struct err err;
};

static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	struct joined *j = owner;

	j->calls++;
	j->splice = NULL;
	j->count = *count;
	if (err != NULL)
		err_copy(&j->err, err);
}

static void join(uv_loop_t *loop, struct joined *j)
{
	struct stream *left, *a, *b, *right;

	stream_pair(loop, &left, &a);
	stream_pair(loop, &b, &right);
	j->splice = splice_start(a, b, on_spliced, j);
	ear_attach(&j->left, left);
	ear_attach(&j->right, right);
}

static void joined_deinit(struct joined *j)
{
	buf_deinit(&j->left.got);
	buf_deinit(&j->right.got);
}

static void bytes_and_half_closes_pass_both_ways(void **state)
{
	struct joined j = { 0 };

	join(*state, &j);
	stream_write(j.left.stream, "question", 8);
	stream_end(j.left.stream);
	turn_until(*state, j.right.ends == 1);
	assert_string_equal(buf_str(&j.right.got), "question");
	assert_int_equal(j.left.ends, 0);
	stream_write(j.right.stream, "answer", 6);
	stream_end(j.right.stream);
	turn_until(*state, j.calls == 1 && j.left.closes == 1 && j.right.closes == 1);
	assert_string_equal(buf_str(&j.left.got), "answer");
	assert_int_equal(j.count.a_to_b, 8);
	assert_int_equal(j.count.b_to_a, 6);
	assert_int_equal(j.err.code, 0);
	assert_int_equal(j.left.err.code, 0);
	joined_deinit(&j);
}

static void a_reset_on_one_side_resets_the_other(void **state)
{
	struct joined j = { 0 };

	join(*state, &j);
	stream_pause(j.left.stream);
	stream_write(j.right.stream, "never read", 10);
	turn_until(*state, splice_count(j.splice).b_to_a == 10);
	stream_reset(j.left.stream, NULL); /* with unread bytes: a reset on unix sockets too */
	turn_until(*state, j.calls == 1 && j.right.closes + j.right.ends > 0);
	assert_int_equal(j.err.code, ERR_IO);
	if (j.right.stream != NULL)
		stream_reset(j.right.stream, NULL);
	joined_deinit(&j);
}

static void a_slow_reader_holds_the_writer_and_memory_stays_bounded(void **state)
{
	struct joined j = { 0 };
	static char block[65536];
	size_t sent = 0;

	join(*state, &j);
	stream_pause(j.right.stream);
	for (int i = 0; i < 2000; i++) {
		if (!stream_full(j.left.stream)) {
			stream_write(j.left.stream, block, sizeof(block));
			sent += sizeof(block);
		}
		uv_run(*state, UV_RUN_NOWAIT);
	}
	/* what the writer's queue, the splice and two sockets hold */
	assert_in_range(sent, 1, 3 * STREAM_HIGH_WATER + 4 * 212992);
	stream_resume(j.right.stream);
	stream_end(j.left.stream);
	turn_until(*state, j.right.ends == 1);
	assert_int_equal(j.right.got.len, sent);
	stream_end(j.right.stream);
	turn_until(*state, j.calls == 1 && j.left.closes == 1);
	assert_int_equal(j.count.a_to_b, sent);
	joined_deinit(&j);
}

/* Hands over to a splice from within on_data, having used a first line. */
struct door {
	struct joined *joined;
	struct stream *to;
};

static size_t line_then_splice(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct door *d = owner;
	const uint8_t *end = memchr(data, '\n', len);

	if (end == NULL)
		return 0;
	d->joined->splice = splice_start(s, d->to, on_spliced, d->joined);
	return (size_t)(end - data) + 1;
}

static const struct stream_handler door_handler = { .on_data = line_then_splice };

static void bytes_behind_a_header_go_through_the_splice(void **state)
{
	struct joined j = { 0 };
	struct stream *left, *a, *b, *right;
	struct door door = { .joined = &j };

	stream_pair(*state, &left, &a);
	stream_pair(*state, &b, &right);
	door.to = b;
	ear_attach(&j.left, left);
	ear_attach(&j.right, right);
	stream_attach(a, &door_handler, &door);
	stream_write(left, "connect web-1\nSSH-2.0", 21);
	turn_until(*state, j.right.got.len == 7);
	assert_string_equal(buf_str(&j.right.got), "SSH-2.0");
	splice_cancel(j.splice, NULL);
	turn_until(*state, j.calls == 1);
	assert_int_equal(j.err.code, ERR_CANCELED);
	stream_close(left);
	stream_close(right);
	turn_until(*state, j.left.closes == 1 && j.right.closes == 1);
	joined_deinit(&j);
}

static void it_can_be_canceled_at_every_turn_of_the_loop(void **state)
{
	static char block[200000];

	for (int turn = 0; turn < 25; turn++) {
		struct joined j = { 0 };
		struct err why;

		join(*state, &j);
		stream_write(j.left.stream, block, sizeof(block));
		stream_write(j.right.stream, block, 10);
		stream_end(j.right.stream);
		for (int i = 0; i < turn; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		if (j.splice != NULL) {
			err_set(&why, ERR_DENIED, "a lock came");
			splice_cancel(j.splice, &why);
			splice_cancel(j.splice, NULL); /* the first reason stays */
		}
		turn_until(*state, j.calls == 1);
		assert_true(j.err.code == ERR_DENIED || j.err.code == 0);
		if (j.left.stream != NULL)
			stream_reset(j.left.stream, NULL);
		if (j.right.stream != NULL)
			stream_reset(j.right.stream, NULL);
		turn_until(*state, j.left.closes == 1 && j.right.closes == 1);
		joined_deinit(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(bytes_and_half_closes_pass_both_ways),
		loop_test(a_reset_on_one_side_resets_the_other),
		loop_test(a_slow_reader_holds_the_writer_and_memory_stays_bounded),
		loop_test(bytes_behind_a_header_go_through_the_splice),
		loop_test(it_can_be_canceled_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}
