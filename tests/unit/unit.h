/*
 * unit - cmocka with what it needs included, and a runner that honours F='cancel*'.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define unit_run(tests) unit_run_with(tests, NULL, NULL)

/* Honours F='cancel*'. */
static inline void unit_heed_filter(void)
{
	const char *filter = getenv("CMOCKA_TEST_FILTER");

	if (filter != NULL && *filter != 0)
		cmocka_set_test_filter(filter);
}

/* Runs the table; the group set-up and tear-down may be NULL. */
#define unit_run_with(tests, setup, teardown) \
	(unit_heed_filter(), cmocka_run_group_tests(tests, setup, teardown))

#endif
