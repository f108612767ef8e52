#include "proxyd/visitor.h"

#include "base/err.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static int come(struct visitors *all, const char *addr, unsigned port, struct visitor **out)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct err err = { 0 };
	char client[64];

	assert_int_equal(inet_pton(AF_INET, addr, &from.sin_addr), 1);
	snprintf(client, sizeof(client), "%s:%u", addr, port);
	return visitor_come(all, (struct sockaddr *)&from, client, out, &err);
}

static void one_address_does_not_hold_the_whole_door(void **state)
{
	struct visitors *all = visitors_new();
	struct visitor *here[VISITORS_MAX_PER_ADDR + 1], *other;

	(void)state;
	for (unsigned i = 0; i < VISITORS_MAX_PER_ADDR; i++)
		assert_int_equal(come(all, "192.0.2.1", 1000 + i, &here[i]), 0);
	assert_int_equal(come(all, "192.0.2.1", 1, &other), ERR_LIMIT);
	assert_int_equal(come(all, "192.0.2.2", 1, &other), 0);
	visitor_leave(here[0]);
	assert_int_equal(come(all, "192.0.2.1", 1, &here[0]), 0);
	visitors_free(all); /* before they have left */
	for (unsigned i = 0; i < VISITORS_MAX_PER_ADDR; i++)
		visitor_leave(here[i]);
	visitor_leave(other);
}

static void who_has_logged_in_counts_no_more(void **state)
{
	struct visitors *all = visitors_new();
	struct visitor *here[VISITORS_MAX_PER_ADDR + 1], *more;

	(void)state;
	for (unsigned i = 0; i < VISITORS_MAX_PER_ADDR; i++)
		assert_int_equal(come(all, "192.0.2.1", 1000 + i, &here[i]), 0);
	visitor_prove(all, "192.0.2.1:999");
	assert_int_equal(come(all, "192.0.2.1", 1, &more), ERR_LIMIT);
	visitor_prove(all, "192.0.2.1:1000");
	visitor_prove(all, "192.0.2.1:1000");
	assert_int_equal(come(all, "192.0.2.1", 1, &here[VISITORS_MAX_PER_ADDR]), 0);
	assert_int_equal(come(all, "192.0.2.1", 2, &more), ERR_LIMIT);
	for (unsigned i = 0; i <= VISITORS_MAX_PER_ADDR; i++)
		visitor_leave(here[i]);
	visitors_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address_does_not_hold_the_whole_door),
		cmocka_unit_test(who_has_logged_in_counts_no_more),
	};

	return unit_run(tests);
}
