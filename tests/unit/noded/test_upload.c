#include "daemon/upload.h"

#include "tests/unit/noded/fake_authd.h"
#include "tests/unit/sample.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#define OTHER_SID "1f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"

struct fixture {
	struct node_world w;
	struct fake_authd authd;
	struct buf bytes; /* the recording */
	struct frame_chain chain;
	int fd; /* the recorder's: holds the lock */
};

static void on_connected(struct noded *n)
{
	if (n->upload != NULL)
		upload_kick(n->upload);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->fd = -1;
	f->authd.sid = SAMPLE_SID;
	world_init(&f->w, "spool: {max_size: 1MB}\n");
	f->w.on_connected = on_connected;
	fake_authd_open(&f->authd, &f->w);
	world_start(&f->w);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	upload_close(f->w.n.upload);
	if (f->fd >= 0)
		close(f->fd);
	fake_authd_close(&f->authd, &f->w);
	world_close(&f->w);
	fake_authd_deinit(&f->authd);
	buf_deinit(&f->bytes);
	free(f);
	return 0;
}

/* --- the spool ------------------------------------------------------------------------------- */

static void path_of(const struct fixture *f, const char *name, char out[160])
{
	snprintf(out, 160, "%s/data/spool/%s", f->w.dir, name);
}

static void write_file(const struct fixture *f, const char *name, const void *data, size_t len)
{
	char path[160];
	struct err err = { 0 };

	path_of(f, name, path);
	world_check(file_replace(path, data, len, 0600, &err), &err);
}

static bool is_there(const struct fixture *f, const char *name)
{
	char path[160];

	path_of(f, name, path);
	return access(path, F_OK) == 0;
}

/* `kb` of output in the recording. */
static void add_output(struct fixture *f, size_t kb)
{
	static char text[1025];

	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i < kb; i++)
		sample_data(&f->bytes, &f->chain, pv_Frame_output_tag, 1000, text);
}

static void begin_recording(struct fixture *f, size_t kb)
{
	sample_begin(&f->bytes, &f->chain);
	add_output(f, kb);
}

static void end_recording(struct fixture *f)
{
	sample_end(&f->bytes, &f->chain, 2000, 0);
}

/* As a recorder does: holds the lock, appends. */
static void live(struct fixture *f)
{
	char path[160];

	path_of(f, SAMPLE_SID ".rec", path);
	f->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	assert_true(f->fd >= 0);
	assert_int_equal(flock(f->fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(write(f->fd, f->bytes.data, f->bytes.len), f->bytes.len);
}

static void grow(struct fixture *f, size_t kb)
{
	size_t before = f->bytes.len;

	add_output(f, kb);
	assert_int_equal(write(f->fd, f->bytes.data + before, f->bytes.len - before),
	                 f->bytes.len - before);
}

static void start(struct fixture *f)
{
	const struct noded *n = &f->w.n;
	const struct upload_conf conf = { n->loop, n->host, n->conf.data_dir, n->conf.spool_max };
	struct err err = { 0 };

	world_check(upload_open(&conf, &f->w.n.upload, &err), &err);
}

static void assert_arrived(const struct fixture *f)
{
	assert_int_equal(f->authd.completed, 1);
	assert_int_equal(f->authd.recording.len, f->bytes.len);
	assert_memory_equal(f->authd.recording.data, f->bytes.data, f->bytes.len);
}

static void wait_until_gone(struct fixture *f)
{
	turn_until(&f->w.loop, !is_there(f, SAMPLE_SID ".rec"));
	assert_arrived(f);
	assert_false(is_there(f, SAMPLE_SID ".ack")); /* the recording goes last */
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_whole_recording_is_sent_and_then_removed(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 500);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	start(f);
	wait_until_gone(f);
	assert_int_equal(f->authd.uploads, 1);
}

static void nothing_is_removed_before_authd_has_it(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 10);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	f->authd.break_at = f->bytes.len; /* all came, nothing was acknowledged */
	start(f);
	turn_until(&f->w.loop, f->authd.break_at == 0);
	assert_true(is_there(f, SAMPLE_SID ".rec"));
	wait_until_gone(f);
	assert_int_equal(f->authd.uploads, 2);
}

static void it_goes_on_where_the_connection_broke(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 700);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	f->authd.break_at = 300 * 1024;
	start(f);
	wait_until_gone(f); /* the fake refuses a chunk that leaves a gap or comes again */
	assert_int_equal(f->authd.uploads, 2);
}

static void it_goes_on_where_a_noded_before_left_off(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 300);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	buf_append(&f->authd.recording, f->bytes.data, 100 * 1024); /* within a frame */
	start(f);
	wait_until_gone(f);
}

static void a_live_recording_is_followed_as_it_grows(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 3);
	live(f);
	start(f);
	turn_until(&f->w.loop, f->authd.recording.len == f->bytes.len);
	for (int i = 0; i < 3; i++) {
		grow(f, 2);
		turn_until(&f->w.loop, f->authd.recording.len == f->bytes.len);
	}
	assert_int_equal(f->authd.completed, 0);
	assert_true(is_there(f, SAMPLE_SID ".rec"));
	size_t before = f->bytes.len;
	end_recording(f);
	assert_true(write(f->fd, f->bytes.data + before, f->bytes.len - before) > 0);
	wait_until_gone(f);
	assert_int_equal(f->authd.uploads, 1);
}

static void a_recording_that_begins_later_is_found(void **state)
{
	struct fixture *f = *state;

	start(f);
	begin_recording(f, 3);
	live(f);
	turn_until(&f->w.loop, f->authd.recording.len == f->bytes.len);
}

/* What stands behind the last whole frame never leaves the node, for recovery would cut it. */
static void half_a_frame_waits_for_its_other_half(void **state)
{
	struct fixture *f = *state;
	size_t whole;

	begin_recording(f, 3);
	whole = f->bytes.len;
	add_output(f, 1);
	f->bytes.len -= 100;
	live(f);
	start(f);
	turn_until(&f->w.loop, f->authd.recording.len == whole);
	f->bytes.len += 100;
	assert_int_equal(write(f->fd, f->bytes.data + f->bytes.len - 100, 100), 100);
	turn_until(&f->w.loop, f->authd.recording.len == f->bytes.len);
}

static void what_a_dead_recorder_left_is_completed(void **state)
{
	struct fixture *f = *state;
	struct frame_reader reader;
	const pv_Frame *frame;
	struct err err = { 0 };
	bool recovered = false;
	size_t whole;

	begin_recording(f, 50);
	whole = f->bytes.len;
	add_output(f, 1);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len - 100);
	start(f);
	turn_until(&f->w.loop, !is_there(f, SAMPLE_SID ".rec"));
	assert_int_equal(f->authd.completed, 1);
	assert_memory_equal(f->authd.recording.data, f->bytes.data, whole);
	frame_reader_init(&reader);
	world_check(
	        frame_reader_feed(&reader, f->authd.recording.data, f->authd.recording.len, &err),
	        &err);
	while (frame_reader_next(&reader, &frame, &err) == 0 && frame != NULL)
		recovered = frame->which_of == pv_Frame_end_tag && frame->of.end.recovered;
	assert_true(recovered);
	assert_int_equal(err.code, 0);
	frame_reader_deinit(&reader);
}

static void a_file_that_is_no_recording_holds_up_nothing(void **state)
{
	struct fixture *f = *state;

	write_file(f, OTHER_SID ".rec", "this is no recording", 20);
	begin_recording(f, 10);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	start(f);
	wait_until_gone(f);
	turn_until(&f->w.loop, is_there(f, "quarantine/" OTHER_SID ".rec"));
	turn_until(&f->w.loop, !is_there(f, OTHER_SID ".rec"));
}

static void what_authd_finds_damaged_goes_to_quarantine(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 10);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	/* authd holds more than there is: another recording of that name */
	buf_append(&f->authd.recording, f->bytes.data, f->bytes.len);
	buf_append(&f->authd.recording, "more", 4);
	start(f);
	turn_until(&f->w.loop, is_there(f, "quarantine/" SAMPLE_SID ".rec"));
	assert_false(is_there(f, SAMPLE_SID ".rec"));
	assert_int_equal(f->authd.completed, 0);
}

static void a_refusal_keeps_the_recording(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 10);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	err_set(&f->authd.fail, ERR_LIMIT, "recordings take all the bytes that they may take");
	start(f);
	turn_until(&f->w.loop, f->authd.uploads == 2); /* tried again, after a moment */
	assert_true(is_there(f, SAMPLE_SID ".rec"));
	f->authd.fail.code = 0;
	wait_until_gone(f);
}

static void authd_that_was_away_gets_it_when_it_is_back(void **state)
{
	struct fixture *f = *state;

	fake_authd_close(&f->authd, &f->w);
	begin_recording(f, 10);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	start(f);
	turn_until(&f->w.loop, !f->w.connected);
	fake_authd_open(&f->authd, &f->w);
	wait_until_gone(f);
}

/* A slow authd is not flooded: one piece, and no more before it is acknowledged. */
static void no_more_is_read_than_authd_acknowledges(void **state)
{
	struct fixture *f = *state;

	begin_recording(f, 900);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	start(f);
	turn_until(&f->w.loop, f->authd.named);
	f->authd.hold = true;
	turn_until(&f->w.loop, f->authd.open >= 128 * 1024);
	for (int i = 0; i < 1000; i++)
		uv_run(&f->w.loop, UV_RUN_NOWAIT);
	assert_true(f->authd.most_open <= (128 + 64) * 1024);
	f->authd.hold = false;
	fake_acknowledge(&f->authd);
	wait_until_gone(f);
}

static void a_full_spool_is_said_with_figures(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	fake_authd_close(&f->authd, &f->w);
	begin_recording(f, 10);
	end_recording(f);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	start(f);
	assert_int_equal(upload_check_room(f->w.n.upload, &err), 0);
	upload_close(f->w.n.upload);
	buf_deinit(&f->bytes);
	f->chain = (struct frame_chain){ 0 };
	begin_recording(f, 1100);
	write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
	start(f);
	assert_int_equal(upload_check_room(f->w.n.upload, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "1 MB of recordings wait for authd, and spool.max_size is 1 "
	                             "MB");
	fake_authd_open(&f->authd, &f->w);
	turn_until(&f->w.loop, upload_check_room(f->w.n.upload, &err) == 0);
	assert_int_equal(f->authd.completed, 1);
}

/* Closing at every turn of the loop leaves nothing behind: the tear-down would find it. */
static void it_can_be_closed_at_any_moment(void **state)
{
	struct fixture *f = *state;
	char path[160];

	begin_recording(f, 300);
	end_recording(f);
	for (int turns = 0; turns < 60; turns++) {
		buf_clear(&f->authd.recording);
		write_file(f, SAMPLE_SID ".rec", f->bytes.data, f->bytes.len);
		start(f);
		for (int i = 0; i < turns; i++)
			uv_run(&f->w.loop, UV_RUN_NOWAIT);
		upload_close(f->w.n.upload);
		f->w.n.upload = NULL;
		turn_until(&f->w.loop, f->authd.call == NULL);
		path_of(f, SAMPLE_SID ".ack", path);
		unlink(path);
	}
}

#define in_world(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(a_whole_recording_is_sent_and_then_removed),
		in_world(nothing_is_removed_before_authd_has_it),
		in_world(it_goes_on_where_the_connection_broke),
		in_world(it_goes_on_where_a_noded_before_left_off),
		in_world(a_live_recording_is_followed_as_it_grows),
		in_world(a_recording_that_begins_later_is_found),
		in_world(half_a_frame_waits_for_its_other_half),
		in_world(what_a_dead_recorder_left_is_completed),
		in_world(a_file_that_is_no_recording_holds_up_nothing),
		in_world(what_authd_finds_damaged_goes_to_quarantine),
		in_world(a_refusal_keeps_the_recording),
		in_world(authd_that_was_away_gets_it_when_it_is_back),
		in_world(no_more_is_read_than_authd_acknowledges),
		in_world(a_full_spool_is_said_with_figures),
		in_world(it_can_be_closed_at_any_moment),
	};

	return unit_run(tests);
}
