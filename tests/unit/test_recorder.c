#include "record/recorder.h"

#include "base/clock.h"
#include "base/rand.h"
#include "record/recording.h"
#include "record/recover.h"
#include "record/spool.h"

#include "tests/unit/sample.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME SAMPLE_SID ".rec"

struct fixture {
	char path[64];
	int dir;
	struct clock_fake clock;
	struct recorder *r;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->path, "/tmp/test_recorder.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY);
	assert_true(f->dir >= 0);
	clock_fake_init(&f->clock, SAMPLE_TIME);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	recorder_abandon(f->r);
	assert_int_equal(spool_remove(f->dir, SAMPLE_SID, &err), 0);
	unlinkat(f->dir, SPOOL_QUARANTINE "/" FILE_NAME, 0);
	unlinkat(f->dir, SPOOL_QUARANTINE, AT_REMOVEDIR);
	close(f->dir);
	assert_int_equal(rmdir(f->path), 0); /* nothing else was left behind */
	free(f);
	return 0;
}

static void begin(struct fixture *f)
{
	pv_RecordStart start = sample_start();
	struct err err = { 0 };

	if (recorder_open(&f->r, f->dir, &start, &f->clock.clock, &err) != 0)
		fail_msg("%s", err.msg);
}

static void finish(struct fixture *f)
{
	pv_RecordEnd end = { .exit_code = 0 };
	struct err err = { 0 };

	if (recorder_close(f->r, &end, &err) != 0)
		fail_msg("%s", err.msg);
	f->r = NULL;
}

static uint64_t size_of(const struct fixture *f)
{
	struct stat st;

	assert_int_equal(fstatat(f->dir, FILE_NAME, &st, 0), 0);
	return (uint64_t)st.st_size;
}

/* Counts frames of a kind and gathers what the terminal showed. */
static int read_back(const struct fixture *f, pb_size_t tag, struct buf *shown, bool *ended)
{
	struct recording *rec = NULL;
	const pv_Frame *frame = NULL;
	struct err err = { 0 };
	int count = 0;

	assert_int_equal(
	        recording_open(&rec, openat(f->dir, FILE_NAME, O_RDONLY | O_CLOEXEC), &err), 0);
	while (recording_next(rec, &frame, &err) == 0 && frame != NULL) {
		const pb_bytes_array_t *data = frame_data(frame);

		count += frame->which_of == tag;
		if (data != NULL && shown != NULL)
			buf_append(shown, data->bytes, data->size);
	}
	assert_int_equal(err.code, 0);
	if (ended != NULL)
		*ended = recording_ended(rec);
	recording_close(rec);
	return count;
}

static void what_goes_in_comes_out_byte_for_byte(void **state)
{
	struct fixture *f = *state;
	struct buf in = { 0 }, out = { 0 };
	struct err err = { 0 };
	bool ended = false;

	begin(f);
	for (int i = 0; i < 400; i++) {
		uint8_t data[3000];
		size_t len = rand_below(sizeof(data));

		rand_bytes(data, len);
		buf_append(&in, data, len);
		if (i % 3 == 0)
			assert_int_equal(recorder_error_output(f->r, data, len, &err), 0);
		else
			assert_int_equal(recorder_output(f->r, data, len, &err), 0);
		clock_fake_advance(&f->clock, rand_below(60));
		assert_int_equal(recorder_step(f->r, &err), 0);
	}
	finish(f);
	read_back(f, 0, &out, &ended);
	assert_true(ended);
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.data, in.data, in.len);
	buf_deinit(&in);
	buf_deinit(&out);
}

static void output_larger_than_a_frame_is_spread_over_several(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[5 * FRAME_DATA_MAX / 2];
	struct buf out = { 0 };
	struct err err = { 0 };

	begin(f);
	rand_bytes(big, sizeof(big));
	assert_int_equal(recorder_output(f->r, big, sizeof(big), &err), 0);
	finish(f);
	assert_int_equal(read_back(f, pv_Frame_output_tag, &out, NULL), 3);
	assert_int_equal(out.len, sizeof(big));
	assert_memory_equal(out.data, big, sizeof(big));
	buf_deinit(&out);
}

static void output_after_a_pause_is_in_the_file_at_once_and_the_next_soon(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	uint64_t size;

	begin(f);
	clock_fake_advance(&f->clock, 5000);
	assert_int_equal(recorder_step(f->r, &err), 0); /* the start frame's sync */
	assert_int_equal(recorder_timeout(f->r), -1);
	size = size_of(f);
	assert_int_equal(recorder_output(f->r, "l", 1, &err), 0);
	assert_true(size_of(f) > size);
	size = size_of(f);
	clock_fake_advance(&f->clock, 5);
	assert_int_equal(recorder_output(f->r, "s", 1, &err), 0);
	assert_int_equal(size_of(f), size);
	assert_int_equal(recorder_timeout(f->r), RECORDER_FRAME_MS - 5);
	clock_fake_advance(&f->clock, RECORDER_FRAME_MS - 5);
	assert_int_equal(recorder_timeout(f->r), 0);
	assert_int_equal(recorder_step(f->r, &err), 0);
	assert_true(size_of(f) > size);
	assert_int_equal(recorder_written(f->r), size_of(f));
	finish(f);
}

static void much_output_does_not_wait_for_the_clock(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[RECORDER_GATHER];
	struct err err = { 0 };
	uint64_t size;

	begin(f);
	assert_int_equal(recorder_output(f->r, "$ ", 2, &err), 0);
	size = size_of(f);
	assert_int_equal(recorder_output(f->r, data, sizeof(data) - 1, &err), 0);
	assert_int_equal(size_of(f), size);
	assert_int_equal(recorder_output(f->r, data, 1, &err), 0);
	assert_true(size_of(f) > size + RECORDER_GATHER);
	finish(f);
}

static void a_sync_is_asked_for_within_300_ms_of_a_write(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	begin(f);
	assert_int_equal(recorder_timeout(f->r), RECORDER_SYNC_MS);
	clock_fake_advance(&f->clock, RECORDER_SYNC_MS);
	assert_int_equal(recorder_step(f->r, &err), 0);
	assert_int_equal(recorder_timeout(f->r), -1);
	while (recorder_synced(f->r) < recorder_written(f->r))
		sched_yield(); /* the thread's own pace; the test ends when it got there */
	finish(f);
}

static void resizes_and_participants_keep_their_place_among_the_output(void **state)
{
	struct fixture *f = *state;
	struct recording *rec = NULL;
	const pv_Frame *frame = NULL;
	struct err err = { 0 };
	static const pb_size_t order[] = { pv_Frame_start_tag,       pv_Frame_output_tag,
		                           pv_Frame_resize_tag,      pv_Frame_output_tag,
		                           pv_Frame_participant_tag, pv_Frame_end_tag };

	begin(f);
	recorder_output(f->r, "one", 3, &err);
	recorder_resize(f->r, 100, 30, &err);
	recorder_output(f->r, "two", 3, &err);
	recorder_participant(f->r, "bob", "peer", true, &err);
	finish(f);
	assert_int_equal(recording_open(&rec, openat(f->dir, FILE_NAME, O_RDONLY), &err), 0);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		assert_int_equal(recording_next(rec, &frame, &err), 0);
		assert_non_null(frame);
		assert_int_equal(frame->which_of, order[i]);
	}
	recording_close(rec);
}

static void the_file_is_private_and_locked_while_its_recorder_lives(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd;

	begin(f);
	assert_int_equal(fstatat(f->dir, FILE_NAME, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = openat(f->dir, FILE_NAME, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), -1);
	finish(f);
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), 0);
	close(fd);
}

static void who_watches_the_folder_hears_of_growth_by_the_recordings_name(void **state)
{
	struct fixture *f = *state;
	union {
		struct inotify_event event;
		char bytes[sizeof(struct inotify_event) + 256];
	} got;
	struct err err = { 0 };
	int watch;

	begin(f);
	watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(inotify_add_watch(watch, f->path, IN_MODIFY) >= 0);
	assert_int_equal(recorder_resize(f->r, 90, 20, &err), 0);
	assert_true(read(watch, &got, sizeof(got)) > 0);
	assert_string_equal(got.event.name, FILE_NAME);
	close(watch);
	finish(f);
}

static void a_recording_is_never_written_over(void **state)
{
	struct fixture *f = *state;
	pv_RecordStart start = sample_start();
	struct recorder *second = NULL;
	struct err err = { 0 };
	uint64_t size;

	begin(f);
	finish(f);
	size = size_of(f);
	assert_int_equal(recorder_open(&second, f->dir, &start, &f->clock.clock, &err), ERR_EXISTS);
	assert_null(second);
	assert_int_equal(size_of(f), size);
}

static void a_session_id_cannot_leave_the_spool(void **state)
{
	struct fixture *f = *state;
	pv_RecordStart start = sample_start();
	struct err err = { 0 };

	start.session_id = (char *)"../../../../etc/cron.d/xxxxxxxxxxxxx";
	assert_int_equal(recorder_open(&f->r, f->dir, &start, &f->clock.clock, &err), ERR_INVALID);
}

/* RLIMIT_FSIZE stands in for the full disk: write(2) fails the same way, after a part. */
static void a_full_disk_is_told_and_leaves_whole_frames_only(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, small;
	static uint8_t data[FRAME_DATA_MAX];
	pv_RecordEnd end = { .exit_code = 0 };
	struct err err = { 0 };
	uint64_t size;
	bool ended = true;

	signal(SIGXFSZ, SIG_IGN);
	begin(f);
	assert_int_equal(recorder_output(f->r, data, sizeof(data), &err), 0);
	size = size_of(f);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = size + 1000;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(recorder_output(f->r, data, sizeof(data), &err), ERR_LIMIT);
	assert_string_equal(err.msg, "write the recording: File too large");
	assert_int_equal(size_of(f), size);
	err.code = 0;
	assert_int_equal(recorder_output(f->r, "x", 1, &err), ERR_LIMIT); /* for good */
	assert_int_equal(recorder_step(f->r, &err), ERR_LIMIT);
	assert_int_equal(recorder_timeout(f->r), -1);
	assert_int_equal(recorder_close(f->r, &end, &err), ERR_LIMIT);
	f->r = NULL;
	setrlimit(RLIMIT_FSIZE, &old);
	/* the end frame still fitted */
	assert_int_equal(read_back(f, pv_Frame_output_tag, NULL, &ended), 1);
	assert_true(ended);
}

static void write_file(const struct fixture *f, const void *data, size_t len)
{
	int fd = openat(f->dir, FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void a_dead_recorders_file_is_completed_wherever_it_was_cut(void **state)
{
	struct fixture *f = *state;
	struct recover_report first, again;
	struct buf whole = { 0 };
	struct err err = { 0 };
	bool ended;

	sample_recording(&whole);
	for (size_t cut = 0; cut < whole.len; cut++) {
		write_file(f, whole.data, cut);
		assert_int_equal(recover_session(f->dir, SAMPLE_SID, &first, &err), 0);
		if (first.state == RECOVER_QUARANTINED) {
			assert_true(cut < 200); /* not even the start frame */
			assert_int_equal(faccessat(f->dir, FILE_NAME, F_OK, 0), -1);
			continue;
		}
		assert_int_equal(first.state, RECOVER_RECOVERED);
		assert_int_equal(first.size, size_of(f));
		read_back(f, 0, NULL, &ended);
		assert_true(ended);
		assert_int_equal(recover_session(f->dir, SAMPLE_SID, &again, &err), 0);
		assert_int_equal(again.state, RECOVER_COMPLETE);
		assert_int_equal(again.size, first.size);
		assert_int_equal(again.dropped, 0);
	}
	buf_deinit(&whole);
}

static void recovery_says_what_it_cut_and_that_it_was_there(void **state)
{
	struct fixture *f = *state;
	struct recover_report report;
	struct recording *rec = NULL;
	const pv_Frame *frame = NULL;
	struct buf whole = { 0 };
	struct err err = { 0 };
	int64_t last = 0;

	sample_recording(&whole);
	write_file(f, whole.data, whole.len - 1); /* the end frame lacks a byte */
	assert_int_equal(recover_session(f->dir, SAMPLE_SID, &report, &err), 0);
	assert_true(report.dropped > 0);
	assert_int_equal(recording_open(&rec, openat(f->dir, FILE_NAME, O_RDONLY), &err), 0);
	while (recording_next(rec, &frame, &err) == 0 && frame->which_of != pv_Frame_end_tag)
		last = frame->time;
	assert_non_null(frame);
	assert_true(frame->of.end.recovered);
	assert_int_equal(frame->time, last);
	recording_close(rec);
	buf_deinit(&whole);
}

static void a_live_recording_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct recover_report report;
	struct err err = { 0 };
	uint64_t size;

	begin(f);
	size = size_of(f);
	assert_int_equal(recover_session(f->dir, SAMPLE_SID, &report, &err), 0);
	assert_int_equal(report.state, RECOVER_LIVE);
	assert_int_equal(size_of(f), size);
	finish(f);
}

struct seen {
	int count;
	enum recover_state state;
};

static void note(const char *sid, const struct recover_report *report, const struct err *err,
                 void *arg)
{
	struct seen *seen = arg;

	assert_null(err);
	assert_string_equal(sid, SAMPLE_SID);
	seen->count++;
	seen->state = report->state;
}

static void a_sweep_of_the_spool_recovers_what_it_finds(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct buf whole = { 0 };
	struct err err = { 0 };

	sample_recording(&whole);
	write_file(f, whole.data, whole.len - 20);
	assert_int_equal(recover_spool(f->dir, note, &seen, &err), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.state, RECOVER_RECOVERED);
	buf_deinit(&whole);
}

static void a_growing_file_can_be_followed(void **state)
{
	struct fixture *f = *state;
	struct recording *rec = NULL;
	const pv_Frame *frame = NULL;
	struct err err = { 0 };

	begin(f);
	assert_int_equal(recording_open(&rec, openat(f->dir, FILE_NAME, O_RDONLY), &err), 0);
	assert_int_equal(recording_next(rec, &frame, &err), 0);
	assert_int_equal(frame->which_of, pv_Frame_start_tag);
	assert_int_equal(recording_next(rec, &frame, &err), 0);
	assert_null(frame);
	recorder_resize(f->r, 90, 20, &err);
	assert_int_equal(recording_next(rec, &frame, &err), 0);
	assert_non_null(frame);
	assert_int_equal(frame->of.resize.columns, 90);
	recording_rewind(rec);
	assert_int_equal(recording_next(rec, &frame, &err), 0);
	assert_int_equal(frame->which_of, pv_Frame_start_tag);
	finish(f);
	recording_close(rec);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_goes_in_comes_out_byte_for_byte),
		TEST(output_larger_than_a_frame_is_spread_over_several),
		TEST(output_after_a_pause_is_in_the_file_at_once_and_the_next_soon),
		TEST(much_output_does_not_wait_for_the_clock),
		TEST(a_sync_is_asked_for_within_300_ms_of_a_write),
		TEST(resizes_and_participants_keep_their_place_among_the_output),
		TEST(the_file_is_private_and_locked_while_its_recorder_lives),
		TEST(who_watches_the_folder_hears_of_growth_by_the_recordings_name),
		TEST(a_recording_is_never_written_over),
		TEST(a_session_id_cannot_leave_the_spool),
		TEST(a_full_disk_is_told_and_leaves_whole_frames_only),
		TEST(a_dead_recorders_file_is_completed_wherever_it_was_cut),
		TEST(recovery_says_what_it_cut_and_that_it_was_there),
		TEST(a_live_recording_is_left_alone),
		TEST(a_sweep_of_the_spool_recovers_what_it_finds),
		TEST(a_growing_file_can_be_followed),
	};

	return unit_run(tests);
}
