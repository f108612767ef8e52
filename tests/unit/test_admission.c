#include "loop/admission.h"

#include "base/err.h"
#include "base/rand.h"
#include "loop/addr.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define GUESTS 64

/* Guests by number; who goes in later is written down in order. */
struct visit {
	struct admission_guest guest;
	int number;
	bool leaves_at_once;
};

struct house {
	struct admission *at;
	struct visit visits[GUESTS];
};

static char entered[256]; /* "3 1 2 " */

static void on_enter(struct admission_guest *g)
{
	struct visit *v = container_of(g, struct visit, guest);
	size_t len = strlen(entered);

	snprintf(entered + len, sizeof(entered) - len, "%d ", v->number);
	if (v->leaves_at_once)
		admission_leave(g);
}

static int setup(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	entered[0] = 0;
	for (int i = 0; i < GUESTS; i++)
		h->visits[i] = (struct visit){ .guest = { .enter = on_enter }, .number = i };
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct house *h = *state;

	for (int i = 0; i < GUESTS; i++) {
		h->visits[i].leaves_at_once = true;
		admission_leave(&h->visits[i].guest);
	}
	assert_int_equal(admission_inside(h->at), 0);
	assert_int_equal(admission_waiting(h->at), 0);
	admission_free(h->at);
	free(h);
	return 0;
}

static void open_house(struct house *h, unsigned inside, unsigned inside_per_addr)
{
	const struct admission_limits limits = { inside, inside_per_addr, 60, 50 };

	h->at = admission_new(&limits);
	assert_non_null(h->at);
}

/* Arrives and wants to go in; whether it could at once. */
static bool visit(struct house *h, int number, const char *addr)
{
	struct admission_guest *g = &h->visits[number].guest;
	struct err err;

	assert_int_equal(admission_arrive(h->at, g, addr, &err), 0);
	return admission_enter(g);
}

static void leave(struct house *h, int number)
{
	admission_leave(&h->visits[number].guest);
}

static void so_many_go_in_and_the_others_wait_in_order(void **state)
{
	struct house *h = *state;

	open_house(h, 2, 2);
	assert_true(visit(h, 0, "192.0.2.1:1"));
	assert_true(visit(h, 1, "192.0.2.1:2"));
	for (int i = 2; i < 6; i++)
		assert_false(visit(h, i, "192.0.2.1:3"));
	assert_int_equal(admission_waiting(h->at), 4);
	leave(h, 1);
	leave(h, 0);
	leave(h, 2);
	assert_string_equal(entered, "2 3 4 ");
	leave(h, 5); /* one may give up waiting */
	leave(h, 3);
	leave(h, 4);
	assert_string_equal(entered, "2 3 4 ");
}

static void addresses_take_turns(void **state)
{
	struct house *h = *state;

	open_house(h, 1, 1);
	assert_true(visit(h, 0, "192.0.2.1:1"));
	for (int i = 1; i < 10; i++)
		assert_false(visit(h, i, "192.0.2.1:1")); /* a crowd, and then two others */
	assert_false(visit(h, 20, "192.0.2.2:1"));
	assert_false(visit(h, 30, "[2001:db8::1]:1"));
	assert_false(visit(h, 21, "192.0.2.2:1"));
	for (int i = 0; i < GUESTS; i++)
		h->visits[i].leaves_at_once = i != 0;
	leave(h, 0);
	assert_string_equal(entered, "20 30 1 21 2 3 4 5 6 7 8 9 ");
}

static void one_address_never_has_every_place(void **state)
{
	struct house *h = *state;

	open_house(h, 4, 2);
	assert_true(visit(h, 0, "192.0.2.1:1"));
	assert_true(visit(h, 1, "192.0.2.1:1"));
	assert_false(visit(h, 2, "192.0.2.1:1"));
	assert_true(visit(h, 3, "192.0.2.2:1")); /* those who wait cannot go in anyhow */
	assert_true(visit(h, 4, "192.0.2.3:1"));
	assert_false(visit(h, 5, "192.0.2.3:1"));
	leave(h, 3);
	assert_string_equal(entered, "5 ");
	leave(h, 0);
	assert_string_equal(entered, "5 2 ");
}

static void networks_of_the_sixth_version_count_as_one(void **state)
{
	struct house *h = *state;

	open_house(h, 4, 1);
	assert_true(visit(h, 0, "[2001:db8::1]:1"));
	assert_false(visit(h, 1, "[2001:db8::2]:1"));
	assert_true(visit(h, 2, "[2001:db8:0:1::1]:1"));
}

static void too_many_are_turned_away(void **state)
{
	struct house *h = *state;
	struct err err;
	int i;

	open_house(h, 1, 1);
	for (i = 0; i < 50; i++)
		visit(h, i, "192.0.2.1:1");
	assert_int_equal(admission_arrive(h->at, &h->visits[i].guest, "192.0.2.1:1", &err),
	                 ERR_LIMIT);
	assert_non_null(strstr(err.msg, "'192.0.2.1'"));
	for (; i < 60; i++)
		visit(h, i, "192.0.2.2:1");
	assert_int_equal(admission_arrive(h->at, &h->visits[i].guest, "192.0.2.3:1", &err),
	                 ERR_LIMIT);
	leave(h, 0);
	assert_int_equal(admission_arrive(h->at, &h->visits[i].guest, "192.0.2.3:1", &err), 0);
}

static void one_that_was_sent_by_a_proxy_counts_for_its_own_address(void **state)
{
	struct house *h = *state;
	struct err err;

	open_house(h, 4, 1);
	assert_true(visit(h, 0, "192.0.2.1:1"));
	assert_int_equal(admission_arrive(h->at, &h->visits[1].guest, "192.0.2.1:2", &err), 0);
	assert_int_equal(admission_rename(&h->visits[1].guest, "198.51.100.7:1", &err), 0);
	assert_true(admission_enter(&h->visits[1].guest));
	assert_false(visit(h, 2, "198.51.100.7:2"));
}

static void guests_that_leave_as_they_enter_are_no_deep_recursion(void **state)
{
	struct house *h = *state;

	open_house(h, 1, 1);
	for (int i = 0; i < 50; i++) {
		visit(h, i, "192.0.2.1:1");
		h->visits[i].leaves_at_once = true;
	}
	leave(h, 0);
	assert_int_equal(admission_inside(h->at), 0);
	assert_int_equal(admission_waiting(h->at), 0);
}

/* Whatever happens: the bounds hold, and nobody waits while there is room for them. */
static void the_bounds_hold_at_random(void **state)
{
	static const char *const addrs[] = { "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1" };
	struct house *h = *state;
	bool here[GUESTS] = { false };
	struct err err;

	open_house(h, 5, 2);
	for (int i = 0; i < 20000; i++) {
		uint32_t n = rand_below(GUESTS);

		if (here[n]) {
			leave(h, (int)n);
			here[n] = false;
		} else if (admission_arrive(h->at, &h->visits[n].guest, addrs[n % 3], &err) == 0) {
			admission_enter(&h->visits[n].guest);
			here[n] = true;
		}
		entered[0] = 0;
		assert_in_range(admission_inside(h->at), 0, 5);
		for (int a = 0; a < 3; a++) {
			unsigned inside = 0, waiting = 0;

			for (int k = a; k < GUESTS; k += 3) {
				inside += here[k] && h->visits[k].guest.inside;
				waiting += here[k] && !h->visits[k].guest.inside;
			}
			assert_in_range(inside, 0, 2);
			if (waiting > 0 && inside < 2)
				assert_int_equal(admission_inside(h->at), 5);
		}
	}
}

static void an_address_is_its_network(void **state)
{
	static const struct {
		const char *text;
		const char *network;
	} cases[] = {
		{ "192.0.2.7:51234", "192.0.2.7" },
		{ "192.0.2.7", "192.0.2.7" },
		{ "[2001:db8:1:2:3::1]:22", "2001:db8:1:2::/64" },
		{ "[::ffff:192.0.2.7]:22", "192.0.2.7" },
		{ "[broken", "[broken" },
		{ "unix", "unix" },
		{ "", "" },
	};
	char out[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(addr_network(cases[i].text, out), cases[i].network);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(so_many_go_in_and_the_others_wait_in_order),
		CASE(addresses_take_turns),
		CASE(one_address_never_has_every_place),
		CASE(networks_of_the_sixth_version_count_as_one),
		CASE(too_many_are_turned_away),
		CASE(one_that_was_sent_by_a_proxy_counts_for_its_own_address),
		CASE(guests_that_leave_as_they_enter_are_no_deep_recursion),
		CASE(the_bounds_hold_at_random),
		cmocka_unit_test(an_address_is_its_network),
	};

	return unit_run(tests);
}
