#include "loop/work.h"

#include "loop/timer.h"

#include "tests/unit/streams.h"

#include <stdatomic.h>

static atomic_int running_now, running_peak;

struct job {
	struct work work;
	uv_sem_t go; /* its thread waits for it */
	bool waits;
	int ran;
	int done;
	bool canceled;
};

static void job_run(struct work *w)
{
	struct job *j = container_of(w, struct job, work);
	int now = atomic_fetch_add(&running_now, 1) + 1;

	if (now > atomic_load(&running_peak))
		atomic_store(&running_peak, now);
	if (j->waits)
		uv_sem_wait(&j->go);
	j->ran++;
	atomic_fetch_sub(&running_now, 1);
}

static void job_done(struct work *w, bool canceled)
{
	struct job *j = container_of(w, struct job, work);

	j->done++;
	j->canceled = canceled;
}

static void jobs_init(struct job *jobs, size_t n)
{
	running_now = running_peak = 0;
	for (size_t i = 0; i < n; i++) {
		jobs[i] = (struct job){ .waits = true };
		uv_sem_init(&jobs[i].go, 0);
	}
}

static void jobs_deinit(struct job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		uv_sem_destroy(&jobs[i].go);
}

static void only_so_many_run_and_wait(void **state)
{
	struct work_pool *p = work_pool_new(*state, 2, 3);
	struct job jobs[6];
	struct err err;

	jobs_init(jobs, 6);
	for (int i = 0; i < 5; i++)
		assert_int_equal(work_start(p, &jobs[i].work, job_run, job_done, &err), 0);
	assert_int_equal(work_start(p, &jobs[5].work, job_run, job_done, &err), ERR_LIMIT);
	assert_int_equal(work_pool_running(p), 2);
	assert_int_equal(work_pool_waiting(p), 3);
	turn_until(*state, running_now == 2);
	for (int i = 0; i < 5; i++) {
		uv_sem_post(&jobs[i].go);
		turn_until(*state, jobs[i].done == 1); /* first in, first out */
	}
	assert_int_equal(running_peak, 2);
	assert_int_equal(jobs[5].done, 0);
	assert_false(jobs[4].canceled);
	work_pool_free(p);
	jobs_deinit(jobs, 6);
}

static void canceled_work_is_told_later_and_frees_its_place(void **state)
{
	struct work_pool *p = work_pool_new(*state, 1, 2);
	struct job jobs[3];
	struct err err;

	jobs_init(jobs, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(work_start(p, &jobs[i].work, job_run, job_done, &err), 0);
	work_cancel(&jobs[1].work); /* in line: never runs */
	work_cancel(&jobs[1].work);
	assert_int_equal(jobs[1].done, 0);
	turn_until(*state, jobs[1].done == 1);
	assert_true(jobs[1].canceled);
	assert_int_equal(jobs[1].ran, 0);
	work_cancel(&jobs[0].work); /* running: ends by itself */
	uv_sem_post(&jobs[0].go);
	uv_sem_post(&jobs[2].go);
	turn_until(*state, jobs[0].done == 1 && jobs[2].done == 1);
	assert_true(jobs[0].canceled);
	assert_false(jobs[2].canceled);
	work_pool_free(p);
	jobs_deinit(jobs, 3);
}

static void freeing_the_pool_cancels_all_and_forgets_none(void **state)
{
	struct work_pool *p = work_pool_new(*state, 1, 2);
	struct job jobs[3];
	struct err err;

	jobs_init(jobs, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(work_start(p, &jobs[i].work, job_run, job_done, &err), 0);
	work_pool_free(p);
	uv_sem_post(&jobs[0].go);
	turn_until(*state, jobs[0].done + jobs[1].done + jobs[2].done == 3);
	for (int i = 0; i < 3; i++)
		assert_true(jobs[i].canceled);
	jobs_deinit(jobs, 3);
}

struct ticker {
	struct timer *timer;
	int ticks;
	int stop_at;
};

static void on_tick(void *owner)
{
	struct ticker *t = owner;

	if (++t->ticks == t->stop_at) {
		timer_free(t->timer);
		t->timer = NULL;
	}
}

static void a_timer_can_be_freed_in_its_own_callback(void **state)
{
	struct ticker once = { .stop_at = 1 }, often = { .stop_at = 3 };

	once.timer = timer_new(*state, on_tick, &once);
	often.timer = timer_new(*state, on_tick, &often);
	timer_once(once.timer, 1);
	timer_every(often.timer, 1);
	assert_true(timer_active(often.timer));
	uv_run(*state, UV_RUN_DEFAULT);
	assert_int_equal(once.ticks, 1);
	assert_int_equal(often.ticks, 3);
}

static void a_stopped_or_unreferenced_timer_holds_nothing_up(void **state)
{
	struct ticker a = { 0 }, b = { 0 };

	a.timer = timer_new(*state, on_tick, &a);
	b.timer = timer_new(*state, on_tick, &b);
	timer_once(a.timer, 3600 * 1000);
	timer_stop(a.timer);
	timer_every(b.timer, 3600 * 1000);
	timer_unref(b.timer);
	uv_run(*state, UV_RUN_DEFAULT);
	assert_int_equal(a.ticks + b.ticks, 0);
	timer_free(a.timer);
	timer_free(b.timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(only_so_many_run_and_wait),
		loop_test(canceled_work_is_told_later_and_frees_its_place),
		loop_test(freeing_the_pool_cancels_all_and_forgets_none),
		loop_test(a_timer_can_be_freed_in_its_own_callback),
		loop_test(a_stopped_or_unreferenced_timer_holds_nothing_up),
	};

	return unit_run(tests);
}
