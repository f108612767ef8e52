/* The gate: no more logins of a name inside than may still fail. */
#include "authd/people/people.h"

#include "authd/core/authd.h"
#include "base/err.h"
#include "base/map.h"

#include "tests/unit/unit.h"

#define GUESTS 6

static struct authd authd;
static uv_loop_t loop;
static struct gate_guest guests[GUESTS];
static int entered;

static void on_enter(struct gate_guest *g)
{
	(void)g;
	entered++;
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	uv_loop_init(&loop);
	authd = (struct authd){ .loop = &loop };
	assert_int_equal(people_open(&authd, &err), 0);
	for (int i = 0; i < GUESTS; i++)
		guests[i] = (struct gate_guest){ .enter = on_enter };
	entered = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	people_stop(&authd);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(map_count(authd.people->gates), 0); /* gates go with their last guest */
	people_close(&authd);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void as_many_enter_as_there_is_room(void **state)
{
	struct err err;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(gate_arrive(authd.people, &guests[i], "alice", 2, &err), 0);
	assert_int_equal(entered, 2);
	assert_int_equal(gate_arrive(authd.people, &guests[4], "bob", 2, &err), 0);
	assert_int_equal(entered, 3); /* another name, another gate */
	gate_leave(authd.people, &guests[0], 2);
	assert_int_equal(entered, 4);
	gate_leave(authd.people, &guests[1], 1); /* the room has shrunk */
	assert_int_equal(entered, 4);
	gate_leave(authd.people, &guests[2], 1);
	assert_int_equal(entered, 5);
	gate_leave(authd.people, &guests[3], 1);
	gate_leave(authd.people, &guests[4], 2);
}

/* Leaves at once, as a login does that finds its name locked. */
static void on_enter_and_leave(struct gate_guest *g)
{
	entered++;
	gate_leave(authd.people, g, 1);
}

static void guests_that_leave_as_they_enter_let_the_next_in(void **state)
{
	struct err err;

	(void)state;
	for (int i = 1; i < GUESTS; i++)
		guests[i].enter = on_enter_and_leave;
	for (int i = 0; i < GUESTS; i++)
		assert_int_equal(gate_arrive(authd.people, &guests[i], "alice", 1, &err), 0);
	assert_int_equal(entered, 1);
	gate_leave(authd.people, &guests[0], 1);
	assert_int_equal(entered, GUESTS);
}

static void a_queue_that_is_too_long_turns_guests_away(void **state)
{
	struct gate_guest many[40];
	struct err err;
	int turned_away = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		many[i] = (struct gate_guest){ .enter = on_enter };
		if (gate_arrive(authd.people, &many[i], "alice", 1, &err) == ERR_LIMIT)
			turned_away++;
	}
	assert_int_equal(entered, 1);
	assert_int_equal(turned_away, 7);
	for (int i = 0; i < 33; i++)
		gate_leave(authd.people, &many[i], 1);
	assert_int_equal(entered, 33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		STORY(as_many_enter_as_there_is_room),
		STORY(guests_that_leave_as_they_enter_let_the_next_in),
		STORY(a_queue_that_is_too_long_turns_guests_away),
	};

	return unit_run(tests);
}
