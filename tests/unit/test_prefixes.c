#include "store/prefixes.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define MANY 20000

/* --- many subscribers ------------------------------------------------------------------------- */

struct crowd {
	struct prefixes *index;
	struct prefix prefixes[MANY];
	char texts[MANY][24];
};

/* Each with a node of its own; all of one length. */
static int gather(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));
	struct err err;

	c->index = prefixes_new();
	for (int i = 0; i < MANY; i++) {
		snprintf(c->texts[i], sizeof(c->texts[i]), "/nodes/%06d", i);
		c->prefixes[i].text = c->texts[i];
		assert_int_equal(prefixes_add(c->index, &c->prefixes[i], &err), 0);
	}
	*state = c;
	return 0;
}

static int disperse(void **state)
{
	struct crowd *c = *state;

	for (int i = 0; i < MANY; i++)
		prefixes_remove(c->index, &c->prefixes[i]);
	prefixes_free(c->index);
	free(c);
	return 0;
}

static void count_call(void *arg, struct prefix *p)
{
	(void)p;
	(*(int *)arg)++;
}

static void an_event_costs_what_matches_and_not_what_exists(void **state)
{
	static const struct {
		const char *key;
		int matches;
		size_t lookups;
	} cases[] = {
		{ "/nodes/000007", 1, 1 },
		{ "/nodes/019999/child", 1, 1 },
		{ "/nodes/020000", 0, 1 }, /* nobody's */
		{ "/roles/dev", 0, 0 },    /* shorter than all prefixes */
	};
	struct crowd *c = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int calls = 0;

		assert_int_equal(prefixes_match(c->index, cases[i].key, count_call, &calls),
		                 cases[i].lookups);
		assert_int_equal(calls, cases[i].matches);
	}
}

static void each_length_costs_one_look_up_more(void **state)
{
	static char texts[][12] = { "/", "/nodes/", "/nodes/0", "/roles/" };
	struct crowd *c = *state;
	struct prefix more[4];
	struct err err;
	int calls = 0;

	for (int i = 0; i < 4; i++) {
		more[i] = (struct prefix){ .text = texts[i] };
		assert_int_equal(prefixes_add(c->index, &more[i], &err), 0);
	}
	assert_int_equal(prefixes_match(c->index, "/nodes/000007", count_call, &calls), 4);
	assert_int_equal(calls, 4); /* all but "/roles/", which is as long as "/nodes/" */
	for (int i = 0; i < 4; i++)
		prefixes_remove(c->index, &more[i]);
	assert_int_equal(prefixes_match(c->index, "/nodes/000007", count_call, &calls), 1);
}

/* --- removal within a match --------------------------------------------------------------------
 */

struct removing {
	struct prefixes *index;
	int calls;
};

static void remove_it(void *arg, struct prefix *p)
{
	struct removing *r = arg;

	r->calls++;
	prefixes_remove(r->index, p);
}

static void a_subscriber_may_leave_when_it_is_called(void **state)
{
	static char text[] = "/a";
	struct removing r = { .index = prefixes_new() };
	struct prefix three[3] = { { .text = text }, { .text = text }, { .text = text } };
	struct err err;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(prefixes_add(r.index, &three[i], &err), 0);
	prefixes_match(r.index, "/a/b", remove_it, &r);
	assert_int_equal(r.calls, 3);
	assert_int_equal(prefixes_match(r.index, "/a/b", remove_it, &r), 0);
	prefixes_free(r.index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_costs_what_matches_and_not_what_exists,
		                                gather, disperse),
		cmocka_unit_test_setup_teardown(each_length_costs_one_look_up_more, gather,
		                                disperse),
		cmocka_unit_test(a_subscriber_may_leave_when_it_is_called),
	};

	return unit_run(tests);
}
