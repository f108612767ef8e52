/* The folder of recordings: what is too old goes, what is there counts. */
#include "authd/recordings/recordings.h"
#include "authd/recordings/recordings_inside.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY (24 * 60 * 60 * 1000LL)
#define NOW (20000 * DAY)
#define OLD "6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"
#define NEW "7b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"

struct world {
	uv_loop_t loop;
	struct clock_fake clock;
	char dir[64];
	int fd;
	struct key *key;
	struct recordings *all;
};

static void put_file(const struct world *w, const char *name, int64_t written_ms)
{
	const struct timespec times[2] = { { .tv_sec = written_ms / 1000 },
		                           { .tv_sec = written_ms / 1000 } };
	int fd = openat(w->fd, name, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	uv_loop_init(&w->loop);
	clock_fake_init(&w->clock, NOW);
	strcpy(w->dir, "/tmp/test_recordings.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->fd = open(w->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(key_generate(&w->key, &err), 0);
	put_file(w, OLD ".rec", NOW - 10 * DAY);
	put_file(w, OLD ".sig", NOW - 10 * DAY);
	put_file(w, NEW ".rec", NOW - DAY);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char *command = str_printf("rm -rf '%s'", w->dir);

	recordings_close(w->all);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	assert_int_equal(system(command), 0);
	key_unref(w->key);
	close(w->fd);
	free(command);
	free(w);
	return 0;
}

static void open_all(struct world *w, int64_t quota, int64_t keep_ms)
{
	const struct recordings_spec spec = { w->dir, quota,    keep_ms,
		                              w->key, &w->loop, &w->clock.clock };
	struct err err;

	if (recordings_open(&w->all, &spec, &err) != 0)
		fail_msg("%s", err.msg);
}

static bool exists(const struct world *w, const char *name)
{
	return faccessat(w->fd, name, F_OK, 0) == 0;
}

static void old_recordings_go_with_their_signatures(void **state)
{
	struct world *w = *state;

	open_all(w, 0, 7 * DAY);
	assert_false(exists(w, OLD ".rec"));
	assert_false(exists(w, OLD ".sig"));
	assert_true(exists(w, NEW ".rec"));
}

static void without_a_bound_on_time_all_stay(void **state)
{
	struct world *w = *state;

	open_all(w, 0, 0);
	assert_true(exists(w, OLD ".rec"));
	assert_true(exists(w, OLD ".sig"));
}

static void what_is_there_counts_against_the_quota(void **state)
{
	struct world *w = *state;
	struct err err;

	open_all(w, 30, 0);
	assert_int_equal(recordings_reserve(w->all, 10, &err), 0);
	assert_int_equal(recordings_reserve(w->all, 1, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "recordings take 30 of the 30 bytes that they may take");
	recordings_give_back(w->all, 10);
	assert_int_equal(recordings_reserve(w->all, 10, &err), 0);
}

/* The timer's next turn brought near; it fires until it finds something to remove. */
static void later_looks_find_what_has_become_too_old(void **state)
{
	struct world *w = *state;
	struct err err;

	open_all(w, 1000, 7 * DAY);
	assert_int_equal(recordings_reserve(w->all, 5, &err), 0);
	assert_int_equal(w->all->used, 15);
	clock_fake_advance(&w->clock, 7 * DAY);
	uv_ref((uv_handle_t *)&w->all->sweep);
	uv_timer_set_repeat(&w->all->sweep, 1);
	uv_timer_again(&w->all->sweep);
	while (exists(w, NEW ".rec"))
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(w->all->used < 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		STORY(old_recordings_go_with_their_signatures),
		STORY(without_a_bound_on_time_all_stay),
		STORY(what_is_there_counts_against_the_quota),
		STORY(later_looks_find_what_has_become_too_old),
	};

	return unit_run(tests);
}
