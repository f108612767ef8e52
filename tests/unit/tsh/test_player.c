#include "tsh/player.h"

#include "record/recording.h"

#include "tests/unit/sample.h"

#include <sys/mman.h>
#include <unistd.h>

#define RESET  \
	"\x1b" \
	"c"
#define SIZE "\x1b[8;24;80t"

struct fixture {
	struct frame_chain chain;
	int fd; /* of the recording's file, which may grow */
	struct recording *rec;
	struct player *p;
	int64_t now;
};

/* a at 0.1 s, b at 1.1 s, c at 11.1 s, then the end */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct frame_chain chain = { 0 };
	struct buf bytes = { 0 };
	struct err err = { 0 };
	int fd = memfd_create("recording", MFD_CLOEXEC);

	assert_non_null(f);
	sample_begin(&bytes, &chain);
	sample_data(&bytes, &chain, pv_Frame_output_tag, 100, "a");
	sample_data(&bytes, &chain, pv_Frame_output_tag, 1100, "b");
	sample_data(&bytes, &chain, pv_Frame_output_tag, 11100, "c");
	sample_end(&bytes, &chain, 11200, 0);
	assert_int_equal(write(fd, bytes.data, bytes.len), (ssize_t)bytes.len);
	assert_int_equal(recording_open(&f->rec, fd, &err), 0);
	f->now = 5000000;
	f->p = player_new(f->rec, 100, 0);
	assert_non_null(f->p);
	buf_deinit(&bytes);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	player_free(f->p);
	recording_close(f->rec);
	free(f);
	return 0;
}

static void speed_and_idle(struct fixture *f, int speed, int64_t max_idle)
{
	player_free(f->p);
	f->p = player_new(f->rec, speed, max_idle);
	assert_non_null(f->p);
}

/* Lets time pass, then checks what is shown and how long the wait is. */
static void after(struct fixture *f, int64_t ms, const char *shown, int64_t wait)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	int64_t got = 0;

	f->now += ms;
	assert_int_equal(player_step(f->p, f->now, &out, &got, &err), 0);
	assert_string_equal(buf_str(&out), shown);
	assert_int_equal(got, wait);
	buf_deinit(&out);
}

static void output_comes_when_it_came(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE, 100);
	after(f, 50, "", 50);
	after(f, 50, "a", 1000);
	after(f, 1000, "b", 10000);
	after(f, 10000, "c", 100);
	after(f, 100, "", -1);
	assert_true(player_ended(f->p));
}

static void a_late_step_catches_up(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE, 100);
	after(f, 5000, "ab", 6100);
}

static void speed_divides_the_waits(void **state)
{
	struct fixture *f = *state;

	speed_and_idle(f, 200, 0);
	after(f, 0, SIZE, 50);
	after(f, 50, "a", 500);
	player_faster(f->p, f->now);
	assert_int_equal(player_speed(f->p), 400);
	after(f, 0, "", 250);
	player_slower(f->p, f->now);
	player_slower(f->p, f->now);
	player_slower(f->p, f->now);
	after(f, 0, "", 2000);
}

static void idle_time_is_cut_to_what_was_asked(void **state)
{
	struct fixture *f = *state;

	speed_and_idle(f, 100, 500);
	after(f, 0, SIZE, 100);
	after(f, 100, "a", 500);
	after(f, 500, "b", 500);
	after(f, 500, "c", 100);
}

static void a_pause_stops_the_time(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE, 100);
	after(f, 100, "a", 1000);
	after(f, 400, "", 600);
	player_pause(f->p, f->now);
	after(f, 60000, "", -1);
	assert_false(player_ended(f->p));
	player_pause(f->p, f->now);
	after(f, 0, "", 600);
	after(f, 600, "b", 10000);
}

static void seeking_forward_shows_what_lies_between(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE, 100);
	player_seek(f->p, f->now, 5000);
	after(f, 0, "ab", 6100);
	player_seek(f->p, f->now, 60000);
	after(f, 0, "c", -1);
	assert_true(player_ended(f->p));
}

static void seeking_back_fills_a_fresh_screen(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE, 100);
	after(f, 11100, "abc", 100);
	player_seek(f->p, f->now, -5000);
	after(f, 0, RESET SIZE "ab", 5000);
	player_seek(f->p, f->now, -60000);
	after(f, 0, RESET SIZE, 100);
	after(f, 100, "a", 1000);
}

static void seeking_back_works_from_the_end_and_while_paused(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE, 100);
	after(f, 20000, "abc", -1);
	assert_true(player_ended(f->p));
	player_pause(f->p, f->now);
	player_seek(f->p, f->now, -19000);
	after(f, 777, RESET SIZE "a", -1);
	assert_false(player_ended(f->p));
	assert_int_equal(player_position(f->p, f->now), 1000);
}

/* --- a session that goes on ------------------------------------------------------------------ */

/* a at 0.1 s, b at 1.1 s: so far */
static int setup_live(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf bytes = { 0 };
	struct err err = { 0 };

	assert_non_null(f);
	f->fd = memfd_create("recording", MFD_CLOEXEC);
	sample_begin(&bytes, &f->chain);
	sample_data(&bytes, &f->chain, pv_Frame_output_tag, 100, "a");
	sample_data(&bytes, &f->chain, pv_Frame_output_tag, 1100, "b");
	assert_int_equal(write(f->fd, bytes.data, bytes.len), (ssize_t)bytes.len);
	assert_int_equal(recording_open(&f->rec, f->fd, &err), 0);
	f->now = 5000000;
	f->p = player_new(f->rec, 100, 0);
	assert_non_null(f->p);
	player_follow(f->p, true);
	buf_deinit(&bytes);
	*state = f;
	return 0;
}

/* A NULL text: the end. */
static void grow(struct fixture *f, int64_t at, const char *text)
{
	struct buf bytes = { 0 };

	if (text != NULL)
		sample_data(&bytes, &f->chain, pv_Frame_output_tag, at, text);
	else
		sample_end(&bytes, &f->chain, at, 0);
	assert_int_equal(write(f->fd, bytes.data, bytes.len), (ssize_t)bytes.len);
	buf_deinit(&bytes);
}

static void what_there_is_comes_at_once_and_the_rest_as_it_comes(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE "ab", -1);
	assert_false(player_ended(f->p));
	after(f, 10, "", -1);
	grow(f, 61100, "c"); /* a minute's silence before we came is not waited for */
	after(f, 10, "c", -1);
	grow(f, 61200, "d");
	grow(f, 61300, "e");
	after(f, 0, "de", -1);
	grow(f, 61400, NULL);
	after(f, 1, "", -1);
	assert_true(player_ended(f->p));
}

static void a_live_session_can_be_paused_and_caught_up_with(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE "ab", -1);
	player_pause(f->p, f->now);
	grow(f, 2100, "c");
	grow(f, 4100, "d");
	after(f, 5000, "", -1);
	player_pause(f->p, f->now);
	after(f, 0, "", 1000);
	after(f, 1000, "c", 2000);
	player_seek(f->p, f->now, 5000);
	after(f, 0, "d", -1);
	grow(f, 90000, "e");
	after(f, 0, "e", -1);
	player_seek(f->p, f->now, -88900);
	after(f, 0, RESET SIZE "ab", 1000);
}

static void what_is_followed_no_more_ends_where_it_ends(void **state)
{
	struct fixture *f = *state;

	after(f, 0, SIZE "ab", -1);
	assert_false(player_ended(f->p));
	player_follow(f->p, false);
	after(f, 0, "", -1);
	assert_true(player_ended(f->p));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup_live, teardown)
	const struct CMUnitTest tests[] = {
		TEST(output_comes_when_it_came),
		TEST(a_late_step_catches_up),
		TEST(speed_divides_the_waits),
		TEST(idle_time_is_cut_to_what_was_asked),
		TEST(a_pause_stops_the_time),
		TEST(seeking_forward_shows_what_lies_between),
		TEST(seeking_back_fills_a_fresh_screen),
		TEST(seeking_back_works_from_the_end_and_while_paused),
		LIVE(what_there_is_comes_at_once_and_the_rest_as_it_comes),
		LIVE(a_live_session_can_be_paused_and_caught_up_with),
		LIVE(what_is_followed_no_more_ends_where_it_ends),
	};

	return unit_run(tests);
}
