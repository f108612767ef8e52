/* Who has joined a session: everybody sees the same, and nobody waits for anybody. */
#include "kubeproxyd/sessions/crowd.h"

#include "wire/fields.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"
#include "tests/unit/streams.h"

#include <stdio.h>

#define FRAME_MAX 65536

/* Somebody at the far end of a seat. */
struct guest {
	struct crowd_seat seat;
	struct ear near; /* the seat's stream */
	struct ear far;
	int shown, overs;
};

static void on_shown(struct crowd_seat *seat)
{
	container_of(seat, struct guest, seat)->shown++;
}

static void on_over(struct crowd_seat *seat)
{
	container_of(seat, struct guest, seat)->overs++;
}

static void guest_open(struct guest *g, uv_loop_t *loop, const char *user, const char *mode)
{
	struct stream *near, *far;

	*g = (struct guest){ 0 };
	stream_pair(loop, &near, &far);
	ear_attach(&g->near, near);
	ear_attach(&g->far, far);
	g->seat = (struct crowd_seat){
		.stream = near, .user = user, .mode = mode, .shown = on_shown, .over = on_over
	};
}

static void guest_close(struct guest *g, uv_loop_t *loop)
{
	if (g->near.stream != NULL)
		stream_close(g->near.stream);
	if (g->far.stream != NULL)
		stream_close(g->far.stream);
	turn_until(loop, g->near.closes && g->far.closes);
	buf_deinit(&g->near.got);
	buf_deinit(&g->far.got);
}

/* The frames that came, a word each, of which "output" has its text behind it. */
static void describe(const struct guest *g, char *out, size_t size)
{
	const struct buf *b = &g->far.got;
	size_t used, len = 0;
	struct err err;

	out[0] = 0;
	for (size_t at = 0; at < b->len; at += used) {
		pv_JoinFrame f;

		assert_int_equal(framing_decode(&pv_JoinFrame_table, b->data + at, b->len - at,
		                                FRAME_MAX, &f, &used, &err),
		                 0);
		if (used == 0)
			break;
		if (f.which_of == pv_JoinFrame_output_tag)
			len += (size_t)snprintf(out + len, size - len, "'%.*s' ",
			                        (int)f.of.output->size, f.of.output->bytes);
		else if (f.which_of == pv_JoinFrame_size_tag)
			len += (size_t)snprintf(out + len, size - len, "%ux%u ", f.of.size.columns,
			                        f.of.size.rows);
		else if (f.which_of == pv_JoinFrame_notice_tag)
			len += (size_t)snprintf(out + len, size - len, "%c%s:%s ",
			                        f.of.notice.joined ? '+' : '-', f.of.notice.user,
			                        f.of.notice.mode);
		else if (f.which_of == pv_JoinFrame_end_tag)
			len += (size_t)snprintf(out + len, size - len, "end:%d:%s ",
			                        f.of.end.exit_code, f.of.end.reason);
		fields_release(&pv_JoinFrame_table, &f);
		assert_true(len < size);
	}
}

static bool saw(const struct guest *g, const char *expected)
{
	char text[1024];

	describe(g, text, sizeof(text));
	return strcmp(text, expected) == 0;
}

static void all_see_what_happens_and_newcomers_what_was(void **state)
{
	uv_loop_t *loop = *state;
	struct guest ann, bob;
	struct crowd c;

	crowd_init(&c, 80, 24);
	guest_open(&ann, loop, "ann", "peer");
	guest_open(&bob, loop, "bob", "observer");
	crowd_output(&c, "$ ", 2);
	crowd_enter(&c, &ann.seat, "eve");
	crowd_output(&c, "ls", 2);
	crowd_enter(&c, &bob.seat, "eve");
	crowd_resize(&c, 90, 30);
	crowd_leave(&c, &bob.seat);
	crowd_end(&c, 3, "over");
	turn_until(loop, saw(&ann, "80x24 +eve:owner '$ ' +ann:peer 'ls' +bob:observer 90x30 "
	                           "-bob:observer end:3:over "));
	turn_until(loop, saw(&bob, "80x24 +eve:owner +ann:peer '$ ls' +bob:observer 90x30 "));
	assert_int_equal(ann.shown, 1);
	assert_int_equal(ann.overs, 1);
	assert_int_equal(bob.overs, 0);
	assert_int_equal(c.count, 0);
	guest_close(&ann, loop);
	guest_close(&bob, loop);
	crowd_deinit(&c);
}

static void who_reads_too_slowly_is_cut_alone(void **state)
{
	static const char chunk[32768];
	uv_loop_t *loop = *state;
	struct guest fast, slow;
	struct crowd c;
	size_t sent = 0;

	crowd_init(&c, 80, 24);
	guest_open(&fast, loop, "fast", "observer");
	guest_open(&slow, loop, "slow", "observer");
	stream_pause(slow.far.stream);
	crowd_enter(&c, &fast.seat, "eve");
	crowd_enter(&c, &slow.seat, "eve");
	while (!slow.near.closes) {
		assert_true(sent < 16 * CROWD_QUEUE_MAX);
		crowd_output(&c, chunk, sizeof(chunk));
		sent += sizeof(chunk);
		turn_until(loop, fast.far.got.len >= sent);
	}
	assert_int_equal(slow.near.err.code, ERR_LIMIT);
	crowd_leave(&c, &slow.seat);
	assert_int_equal(fast.near.closes, 0);
	assert_int_equal(c.count, 1);
	assert_true(c.backlog.len <= 128 * 1024);
	crowd_leave(&c, &fast.seat);
	stream_resume(slow.far.stream);
	guest_close(&fast, loop);
	guest_close(&slow, loop);
	crowd_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(all_see_what_happens_and_newcomers_what_was),
		loop_test(who_reads_too_slowly_is_cut_alone),
	};

	return unit_run(tests);
}
