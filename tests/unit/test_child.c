#include "loop/child.h"

#include "tests/unit/streams.h"

#include <fcntl.h>
#include <stdio.h>

struct ended {
	int calls;
	int exit_code;
	int signal;
	bool timed_out;
	bool canceled;
	bool cut;
	char output[256];
	int check;
	struct err err;
};

static void on_ended(void *owner, const struct child_result *r)
{
	struct ended *e = owner;

	e->calls++;
	e->exit_code = r->exit_code;
	e->signal = r->signal;
	e->timed_out = r->timed_out;
	e->canceled = r->canceled;
	e->cut = r->output_cut;
	snprintf(e->output, sizeof(e->output), "%s", r->output);
	e->check = child_check(r, "prog", &e->err);
}

static struct child *run(uv_loop_t *loop, const struct child_options *o, struct ended *e)
{
	struct child *c = NULL;
	struct err err;

	assert_int_equal(child_start(loop, o, on_ended, e, &c, &err), 0);
	assert_true(child_pid(c) > 0);
	return c;
}

#define SHELL(script) ((const char *const[]){ "/bin/sh", "-c", script, NULL })

static void output_and_exit_code_come_back(void **state)
{
	struct child_options o = { .argv = SHELL("echo out; echo err >&2; exit 3"),
		                   .max_output = 100 };
	struct ended e = { 0 };

	run(*state, &o, &e);
	turn_until(*state, e.calls == 1);
	assert_int_equal(e.exit_code, 3);
	assert_string_equal(e.output, "out\nerr\n");
	assert_int_equal(e.check, ERR_IO);
	assert_string_equal(e.err.msg, "'prog' exited with code 3: err");
}

static void it_gets_the_environment_given_and_no_other(void **state)
{
	const char *const env[] = { "A=1", NULL };
	struct child_options o = { .argv = (const char *const[]){ "/usr/bin/env", NULL },
		                   .env = env,
		                   .cwd = "/",
		                   .max_output = 1000 };
	struct ended e = { 0 };

	setenv("POSTERN_SECRET", "x", 1);
	run(*state, &o, &e);
	turn_until(*state, e.calls == 1);
	assert_string_equal(e.output, "A=1\n");
	assert_int_equal(e.check, 0);
}

static void descriptors_are_passed_by_number(void **state)
{
	int ends[2];
	char text[8] = { 0 };
	int fds[4] = { -1, -1, -1, -1 };
	struct child_options o = { .argv = SHELL("echo hi >&3"), .fds = fds, .n_fds = 4 };
	struct ended e = { 0 };

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fds[3] = ends[1];
	run(*state, &o, &e);
	close(ends[1]);
	turn_until(*state, e.calls == 1);
	assert_int_equal(read(ends[0], text, sizeof(text)), 3);
	assert_string_equal(text, "hi\n");
	close(ends[0]);
}

static void too_much_output_is_cut(void **state)
{
	struct child_options o = { .argv = SHELL("printf 0123456789abcdef"), .max_output = 10 };
	struct ended e = { 0 };

	run(*state, &o, &e);
	turn_until(*state, e.calls == 1);
	assert_string_equal(e.output, "0123456789");
	assert_true(e.cut);
}

static void a_deadline_kills_it_and_its_children(void **state)
{
	struct child_options o = { .argv = SHELL("sleep 1000 & wait"),
		                   .max_output = 10,
		                   .timeout_ms = 20 };
	struct ended e = { 0 };

	run(*state, &o, &e);
	turn_until(*state, e.calls == 1);
	assert_true(e.timed_out);
	assert_int_equal(e.signal, SIGKILL);
	assert_int_equal(e.check, ERR_TIMEOUT);
}

static void output_held_open_by_others_is_given_up(void **state)
{
	struct child_options o = { .argv = SHELL("echo done; setsid sleep 5 &"),
		                   .max_output = 100 };
	struct ended e = { 0 };
	uint64_t start = uv_hrtime();

	run(*state, &o, &e);
	turn_until(*state, e.calls == 1);
	assert_string_equal(e.output, "done\n");
	assert_false(e.timed_out);
	assert_in_range((uv_hrtime() - start) / 1000000, 0, 4000);
}

static void it_can_be_canceled(void **state)
{
	struct child_options o = { .argv = SHELL("sleep 1000"), .max_output = 10 };

	for (int turn = 0; turn < 5; turn++) {
		struct ended e = { 0 };
		struct child *c = run(*state, &o, &e);

		for (int i = 0; i < turn; i++)
			uv_run(*state, UV_RUN_NOWAIT);
		child_cancel(c);
		assert_int_equal(e.calls, 0);
		turn_until(*state, e.calls == 1);
		assert_true(e.canceled);
		assert_int_equal(e.check, ERR_CANCELED);
	}
}

static void a_program_that_is_not_there_is_told_and_never_calls_back(void **state)
{
	struct child_options o = { .argv = (const char *const[]){ "/nowhere/prog", NULL },
		                   .max_output = 10 };
	struct ended e = { 0 };
	struct err err;

	assert_int_equal(child_start(*state, &o, on_ended, &e, NULL, &err), ERR_NOT_FOUND);
	assert_string_equal(err.msg, "run '/nowhere/prog': no such file or directory");
	for (int i = 0; i < 10; i++)
		uv_run(*state, UV_RUN_NOWAIT);
	assert_int_equal(e.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(output_and_exit_code_come_back),
		loop_test(it_gets_the_environment_given_and_no_other),
		loop_test(descriptors_are_passed_by_number),
		loop_test(too_much_output_is_cut),
		loop_test(a_deadline_kills_it_and_its_children),
		loop_test(output_held_open_by_others_is_given_up),
		loop_test(it_can_be_canceled),
		loop_test(a_program_that_is_not_there_is_told_and_never_calls_back),
	};

	return unit_run(tests);
}
