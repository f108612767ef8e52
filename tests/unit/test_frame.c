#include "record/frame.h"

#include "tests/unit/sample.h"

#define SAMPLE_FRAMES 8

struct fixture {
	struct buf bytes;
	size_t ends[SAMPLE_FRAMES + 1]; /* where the magic and each frame end */
};

static size_t frame_size(const uint8_t *at)
{
	return FRAME_HEADER_SIZE +
	       ((size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	sample_recording(&f->bytes);
	f->ends[0] = FRAME_MAGIC_SIZE;
	for (int i = 0; i < SAMPLE_FRAMES; i++)
		f->ends[i + 1] = f->ends[i] + frame_size(f->bytes.data + f->ends[i]);
	assert_int_equal(f->ends[SAMPLE_FRAMES], f->bytes.len);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_deinit(&f->bytes);
	free(f);
	return 0;
}

/* Reads all there is; returns the last result and counts the frames. */
static int read_all(struct frame_reader *r, int *frames, struct err *err)
{
	const pv_Frame *f = NULL;
	int rc;

	while (rc = frame_reader_next(r, &f, err), rc == 0 && f != NULL)
		(*frames)++;
	return rc;
}

static void frames_come_out_as_they_went_in(void **state)
{
	struct fixture *fx = *state;
	struct frame_reader r;
	const pv_Frame *f = NULL;
	struct err err = { 0 };

	frame_reader_init(&r);
	assert_int_equal(frame_reader_feed(&r, fx->bytes.data, fx->bytes.len, &err), 0);
	assert_int_equal(frame_reader_next(&r, &f, &err), 0);
	assert_non_null(f);
	assert_int_equal(f->which_of, pv_Frame_start_tag);
	assert_int_equal(f->index, 0);
	assert_int_equal(f->time, SAMPLE_TIME);
	assert_string_equal(f->of.start.session_id, SAMPLE_SID);
	assert_string_equal(f->of.start.user, "alice");
	assert_int_equal(frame_reader_next(&r, &f, &err), 0);
	assert_int_equal(f->which_of, pv_Frame_output_tag);
	assert_int_equal(frame_data(f)->size, 14);
	assert_memory_equal(frame_data(f)->bytes, "$ \x1b[1mls\x1b[0m\r\n", 14);
	for (int i = 2; i < SAMPLE_FRAMES; i++)
		assert_int_equal(frame_reader_next(&r, &f, &err), 0);
	assert_int_equal(f->which_of, pv_Frame_end_tag);
	assert_int_equal(f->of.end.exit_code, 3);
	assert_true(r.chain.ended);
	assert_int_equal(r.good, fx->bytes.len);
	assert_int_equal(frame_reader_rest(&r), 0);
	frame_reader_deinit(&r);
}

static void pieces_of_any_size_give_the_same_frames(void **state)
{
	struct fixture *fx = *state;

	for (size_t piece = 1; piece <= 64; piece++) {
		struct frame_reader r;
		struct err err = { 0 };
		int frames = 0;

		frame_reader_init(&r);
		for (size_t at = 0; at < fx->bytes.len; at += piece) {
			size_t rest = fx->bytes.len - at;

			assert_int_equal(frame_reader_feed(&r, fx->bytes.data + at,
			                                   rest < piece ? rest : piece, &err),
			                 0);
			assert_int_equal(read_all(&r, &frames, &err), 0);
		}
		assert_int_equal(frames, SAMPLE_FRAMES);
		frame_reader_deinit(&r);
	}
}

static void a_cut_at_any_byte_leaves_the_longest_good_prefix(void **state)
{
	struct fixture *fx = *state;

	for (size_t cut = 0; cut <= fx->bytes.len; cut++) {
		struct frame_reader r;
		struct err err = { 0 };
		int frames = 0, whole = 0;

		while (whole < SAMPLE_FRAMES && fx->ends[whole + 1] <= cut)
			whole++;
		frame_reader_init(&r);
		assert_int_equal(frame_reader_feed(&r, fx->bytes.data, cut, &err), 0);
		assert_int_equal(read_all(&r, &frames, &err), 0);
		assert_int_equal(frames, whole);
		assert_int_equal(r.good, cut < FRAME_MAGIC_SIZE ? 0 : fx->ends[whole]);
		assert_int_equal(r.good + frame_reader_rest(&r), cut);
		frame_reader_deinit(&r);
	}
}

static void no_flipped_bit_passes(void **state)
{
	struct fixture *fx = *state;

	for (size_t bit = 0; bit < fx->bytes.len * 8; bit++) {
		struct frame_reader r;
		struct err err = { 0 };
		int frames = 0, before = 0;

		while (fx->ends[before] <= bit / 8)
			before++;
		fx->bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		frame_reader_init(&r);
		assert_int_equal(frame_reader_feed(&r, fx->bytes.data, fx->bytes.len, &err), 0);
		read_all(&r, &frames, &err);
		/* the frames before the damage are given, and none from it on */
		assert_int_equal(frames, before > 0 ? before - 1 : 0);
		assert_false(r.chain.ended);
		frame_reader_deinit(&r);
		fx->bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void a_frame_that_is_left_out_or_swapped_breaks_the_chain(void **state)
{
	struct fixture *fx = *state;
	struct frame_reader r;
	struct err err = { 0 };
	int frames = 0;

	frame_reader_init(&r);
	frame_reader_feed(&r, fx->bytes.data, fx->ends[2], &err);
	frame_reader_feed(&r, fx->bytes.data + fx->ends[3], fx->bytes.len - fx->ends[3], &err);
	assert_int_equal(read_all(&r, &frames, &err), ERR_CORRUPT);
	assert_int_equal(frames, 2);
	assert_string_equal(err.msg, "frame 3 where 2 should be");
	assert_int_equal(read_all(&r, &frames, &err), ERR_CORRUPT); /* and stays so */
	frame_reader_deinit(&r);
}

static void a_frame_of_another_recording_does_not_fit(void **state)
{
	struct fixture *fx = *state;
	struct frame_chain chain = { 0 };
	struct buf other = { 0 };
	struct frame_reader r;
	struct err err = { 0 };
	size_t at;
	int frames = 0;

	sample_begin(&other, &chain);
	chain.last[0] ^= 1; /* as if its start had been another */
	at = other.len;
	sample_data(&other, &chain, pv_Frame_output_tag, 10, "forged");
	frame_reader_init(&r);
	frame_reader_feed(&r, fx->bytes.data, fx->ends[1], &err);
	frame_reader_feed(&r, other.data + at, other.len - at, &err);
	assert_int_equal(read_all(&r, &frames, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "frame 1 does not follow the one before it");
	assert_int_equal(frames, 1);
	frame_reader_deinit(&r);
	buf_deinit(&other);
}

static void frames_out_of_order_are_refused_when_written(void **state)
{
	pv_Frame start = { .which_of = pv_Frame_start_tag };
	pv_Frame resize = { .which_of = pv_Frame_resize_tag };
	pv_Frame end = { .which_of = pv_Frame_end_tag };
	pv_Frame none = { 0 };
	pv_Frame empty = { .which_of = pv_Frame_output_tag };
	struct frame_chain chain = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(frame_append(&out, &chain, &resize, &err), ERR_INVALID);
	assert_int_equal(frame_append(&out, &chain, &none, &err), ERR_INVALID);
	assert_int_equal(out.len, 0);
	assert_int_equal(frame_append(&out, &chain, &start, &err), 0);
	assert_int_equal(frame_append(&out, &chain, &start, &err), ERR_INVALID);
	assert_int_equal(frame_append(&out, &chain, &empty, &err), ERR_INVALID);
	assert_int_equal(frame_append(&out, &chain, &end, &err), 0);
	assert_int_equal(frame_append(&out, &chain, &resize, &err), ERR_INVALID);
	assert_string_equal(err.msg, "a frame after the end frame");
	assert_int_equal(chain.count, 2);
	buf_deinit(&out);
}

static void a_full_buffer_leaves_the_chain_where_it_was(void **state)
{
	pv_Frame start = { .which_of = pv_Frame_start_tag };
	struct frame_chain chain = { 0 };
	struct buf out;
	struct err err = { 0 };

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(frame_append(&out, &chain, &start, &err), ERR_LIMIT);
	assert_int_equal(chain.count, 0);
	buf_deinit(&out);
}

static void what_is_no_recording_is_told_by_its_first_bytes(void **state)
{
	struct frame_reader r;
	struct err err = { 0 };
	const pv_Frame *f = NULL;

	(void)state;
	frame_reader_init(&r);
	frame_reader_feed(&r, "GIF89a, or so", 13, &err);
	assert_int_equal(frame_reader_next(&r, &f, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "not a recording");
	frame_reader_deinit(&r);
}

static void a_length_beyond_the_bound_is_refused_before_it_is_waited_for(void **state)
{
	static const uint8_t huge[] = { 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
	struct frame_reader r;
	struct err err = { 0 };
	const pv_Frame *f = NULL;

	(void)state;
	frame_reader_init(&r);
	frame_reader_feed(&r, FRAME_MAGIC, FRAME_MAGIC_SIZE, &err);
	frame_reader_feed(&r, huge, sizeof(huge), &err);
	assert_int_equal(frame_reader_next(&r, &f, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "a frame of 2147483647 bytes");
	frame_reader_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_as_they_went_in),
		cmocka_unit_test(pieces_of_any_size_give_the_same_frames),
		cmocka_unit_test(a_cut_at_any_byte_leaves_the_longest_good_prefix),
		cmocka_unit_test(no_flipped_bit_passes),
		cmocka_unit_test(a_frame_that_is_left_out_or_swapped_breaks_the_chain),
		cmocka_unit_test(a_frame_of_another_recording_does_not_fit),
		cmocka_unit_test(frames_out_of_order_are_refused_when_written),
		cmocka_unit_test(a_full_buffer_leaves_the_chain_where_it_was),
		cmocka_unit_test(what_is_no_recording_is_told_by_its_first_bytes),
		cmocka_unit_test(a_length_beyond_the_bound_is_refused_before_it_is_waited_for),
	};

	return unit_run_with(tests, setup, teardown);
}
