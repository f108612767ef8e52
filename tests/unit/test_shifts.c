#include "loop/shifts.h"

#include "base/err.h"
#include "loop/timer.h"

#include "tests/unit/streams.h"

/* A work that writes its name down once for each piece it gets. */
struct job {
	struct shift shift;
	char name;
	int pieces; /* that it needs */
	char *log;
};

static bool work(struct shift *s)
{
	struct job *j = container_of(s, struct job, shift);

	strncat(j->log, &j->name, 1);
	while (!shift_is_over(s))
		;
	return --j->pieces > 0;
}

static void start(struct shifts *all, struct job *j, char name, int pieces, char *log)
{
	struct err err;

	*j = (struct job){ .name = name, .pieces = pieces, .log = log };
	assert_int_equal(shift_start(all, &j->shift, work, &err), 0);
}

static void works_take_turns_until_they_are_done(void **state)
{
	struct shifts *all = shifts_new(*state, 100, 3);
	char log[32] = "";
	struct job jobs[3];

	start(all, &jobs[0], 'a', 3, log);
	start(all, &jobs[1], 'b', 1, log);
	start(all, &jobs[2], 'c', 2, log);
	uv_run(*state, UV_RUN_DEFAULT); /* ends by itself: nothing is left to do */
	assert_string_equal(log, "abcaca");
	shifts_free(all);
}

static void each_turn_of_the_loop_has_one_piece(void **state)
{
	struct shifts *all = shifts_new(*state, 100, 2);
	char log[32] = "";
	struct job jobs[2];

	start(all, &jobs[0], 'a', 5, log);
	start(all, &jobs[1], 'b', 5, log);
	for (size_t turn = 1; turn <= 10; turn++) {
		uv_run(*state, UV_RUN_NOWAIT);
		assert_int_equal(strlen(log), turn);
	}
	shifts_free(all);
}

static void one_that_is_cancelled_gets_no_more_pieces(void **state)
{
	struct shifts *all = shifts_new(*state, 100, 2);
	char log[32] = "";
	struct job jobs[2];

	start(all, &jobs[0], 'a', 3, log);
	start(all, &jobs[1], 'b', 3, log);
	uv_run(*state, UV_RUN_NOWAIT);
	shift_cancel(&jobs[0].shift);
	uv_run(*state, UV_RUN_DEFAULT);
	assert_string_equal(log, "abbb");
	shifts_free(all);
}

static void too_many_are_refused_until_one_is_done(void **state)
{
	struct shifts *all = shifts_new(*state, 100, 1);
	struct job jobs[2];
	char log[32] = "";
	struct err err;

	start(all, &jobs[0], 'a', 1, log);
	assert_int_equal(shift_start(all, &jobs[1].shift, work, &err), ERR_LIMIT);
	uv_run(*state, UV_RUN_DEFAULT);
	start(all, &jobs[1], 'b', 1, log);
	uv_run(*state, UV_RUN_DEFAULT);
	assert_string_equal(log, "ab");
	shifts_free(all);
}

/* --- timers ----------------------------------------------------------------------------------- */

struct busy {
	struct timer *timer;
	int calls;
};

static void on_busy(void *owner)
{
	struct busy *b = owner;

	if (++b->calls < 1000)
		timer_once(b->timer, 0);
}

static void a_timer_that_sets_itself_to_now_leaves_turns_to_others(void **state)
{
	struct busy busy = { 0 };

	busy.timer = timer_new(*state, on_busy, &busy);
	timer_once(busy.timer, 0);
	for (int turn = 0; turn < 3; turn++) {
		uv_run(*state, UV_RUN_NOWAIT);
		assert_in_range(busy.calls, 0, turn + 1);
	}
	timer_free(busy.timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(works_take_turns_until_they_are_done),
		loop_test(each_turn_of_the_loop_has_one_piece),
		loop_test(one_that_is_cancelled_gets_no_more_pieces),
		loop_test(too_many_are_refused_until_one_is_done),
		loop_test(a_timer_that_sets_itself_to_now_leaves_turns_to_others),
	};

	return unit_run(tests);
}
