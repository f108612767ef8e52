#include "authd/recordings/recording_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/pubkey.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SID   "6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"
#define SID2  "7b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"
#define NODE  "8b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"
#define OTHER "9b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"

struct world {
	char path[64];
	int dir;
	struct buf bytes; /* a whole recording */
};

static void make_recording(struct buf *out)
{
	char sid[] = SID, node[] = NODE;
	union {
		pb_bytes_array_t bytes;
		uint8_t room[16];
	} hello = { .bytes = { .size = 6 } };
	const pv_Frame frames[] = {
		{ .which_of = pv_Frame_start_tag,
		  .of.start = { .session_id = sid, .node_id = node } },
		{ .which_of = pv_Frame_output_tag, .of.output = &hello.bytes },
		{ .which_of = pv_Frame_end_tag },
	};
	struct frame_chain chain = { 0 };
	struct err err;

	memcpy(hello.bytes.bytes, "hello\n", 6);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		assert_int_equal(frame_append(out, &chain, &frames[i], &err), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->path, "/tmp/test_recording_file.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY);
	buf_append(&w->bytes, FRAME_MAGIC, FRAME_MAGIC_SIZE);
	make_recording(&w->bytes);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[100];

	close(w->dir);
	buf_deinit(&w->bytes);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->path);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void a_recording_comes_in_pieces_and_over_restarts(void **state)
{
	struct world *w = *state;
	struct recording_file f;
	struct err err;

	for (size_t at = 0; at < w->bytes.len; at += 7) {
		size_t len = w->bytes.len - at < 7 ? w->bytes.len - at : 7;

		assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
		assert_int_equal(f.size, at);
		assert_false(recording_file_ended(&f));
		assert_int_equal(recording_file_append(&f, w->bytes.data + at, len, &err), 0);
		recording_file_close(&f);
	}
	assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
	assert_true(recording_file_ended(&f));
	assert_int_equal(f.reader.good, w->bytes.len);
	recording_file_close(&f);
}

static void only_its_own_node_may_write_a_recording(void **state)
{
	struct world *w = *state;
	struct recording_file f;
	struct err err;

	assert_int_equal(recording_file_open(&f, w->dir, SID, OTHER, &err), 0);
	assert_int_equal(recording_file_append(&f, w->bytes.data, w->bytes.len, &err), ERR_DENIED);
	assert_string_equal(err.msg, "a recording of another node");
	assert_int_equal(f.size, 0);
	recording_file_close(&f);
	assert_int_equal(faccessat(w->dir, SID ".rec", F_OK, 0), -1); /* nothing is left of it */

	assert_int_equal(recording_file_open(&f, w->dir, SID2, NODE, &err), 0);
	assert_int_equal(recording_file_append(&f, w->bytes.data, w->bytes.len, &err), ERR_DENIED);
	recording_file_close(&f);

	assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
	assert_int_equal(recording_file_append(&f, w->bytes.data, w->bytes.len, &err), 0);
	recording_file_close(&f);
	assert_int_equal(recording_file_open(&f, w->dir, SID, OTHER, &err), ERR_DENIED);
}

static void bytes_that_do_not_follow_change_nothing(void **state)
{
	struct world *w = *state;
	size_t half = w->bytes.len - 5; /* within the last frame */
	struct recording_file f;
	struct err err;

	assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
	assert_int_equal(recording_file_append(&f, w->bytes.data, half, &err), 0);
	assert_int_equal(recording_file_append(&f, w->bytes.data, w->bytes.len, &err), ERR_CORRUPT);
	assert_int_equal(f.size, half);
	assert_int_equal(recording_file_append(&f, w->bytes.data + half, w->bytes.len - half, &err),
	                 0);
	assert_true(recording_file_ended(&f));
	assert_int_equal(recording_file_append(&f, w->bytes.data, 20, &err), ERR_CORRUPT);
	recording_file_close(&f);
}

static void what_a_crash_left_behind_the_good_frames_is_cut_off(void **state)
{
	struct world *w = *state;
	struct recording_file f;
	struct err err;
	int fd = openat(w->dir, SID ".rec", O_WRONLY | O_CREAT, 0600);
	const char zeros[64] = { 0 };

	assert_int_equal(write(fd, w->bytes.data, w->bytes.len - 40), w->bytes.len - 40);
	assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	close(fd);
	assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
	assert_true(f.size < w->bytes.len);
	assert_int_equal(f.size, f.reader.good);
	assert_int_equal(
	        recording_file_append(&f, w->bytes.data + f.size, w->bytes.len - f.size, &err), 0);
	assert_true(recording_file_ended(&f));
	recording_file_close(&f);
}

static void the_signature_covers_the_recording(void **state)
{
	const char prefix[] = "postern-recording-v1";
	struct world *w = *state;
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct recording_file f;
	struct buf what = { 0 };
	struct key *key;
	struct err err;
	size_t len;

	assert_int_equal(key_generate(&key, &err), 0);
	assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
	assert_false(f.was_signed);
	assert_int_equal(recording_file_append(&f, w->bytes.data, w->bytes.len, &err), 0);
	assert_int_equal(recording_file_sign(&f, key, signature, &len, &err), 0);
	buf_append(&what, prefix, sizeof(prefix));
	buf_append_str(&what, SID);
	buf_append_u64(&what, w->bytes.len);
	buf_append_u64(&what, 3);
	buf_append(&what, f.reader.chain.last, HASH_SIZE);
	assert_int_equal(pubkey_verify(key_public(key), what.data, what.len, signature, len, &err),
	                 0);
	assert_int_equal(recording_file_complete(&f, signature, len, &err), 0);
	recording_file_close(&f);
	assert_int_equal(recording_file_open(&f, w->dir, SID, NODE, &err), 0);
	assert_true(f.was_signed);
	recording_file_close(&f);
	buf_deinit(&what);
	key_unref(key);
}

static void a_name_never_leaves_the_folder(void **state)
{
	struct world *w = *state;
	struct recording_file f;
	struct err err;

	assert_int_equal(recording_file_open(&f, w->dir, "../../etc/passwd", NODE, &err),
	                 ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		STORY(a_recording_comes_in_pieces_and_over_restarts),
		STORY(only_its_own_node_may_write_a_recording),
		STORY(bytes_that_do_not_follow_change_nothing),
		STORY(what_a_crash_left_behind_the_good_frames_is_cut_off),
		STORY(the_signature_covers_the_recording),
		STORY(a_name_never_leaves_the_folder),
	};

	return unit_run(tests);
}
