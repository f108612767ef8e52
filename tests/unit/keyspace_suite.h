/*
 * keyspace_suite - what every implementation of a keyspace must do, whoever implements it.
 *
 * A test program per implementation runs all of it: test_keyspace.c and test_keyspace_far.c.
 */
#ifndef TESTS_UNIT_KEYSPACE_SUITE_H
#define TESTS_UNIT_KEYSPACE_SUITE_H

#include <stddef.h>

struct CMUnitTest;
struct err;
struct fixture;
struct keyspace;

/* Opens the keyspace in the folder of the fixture's options, made when absent; heeds its clock,
 * queue, log_events and log_age_ms. May fork; the fixture's memory is shared. */
typedef int (*keyspace_suite_open)(struct fixture *f, struct keyspace **out_ks, struct err *err);

/* How many tests failed. */
int keyspace_suite_run(keyspace_suite_open open);

/* Its parts: tests that take a fixture; *out_count of them. */
const struct CMUnitTest *keyspace_suite_items(size_t *out_count);
const struct CMUnitTest *keyspace_suite_leases(size_t *out_count);
const struct CMUnitTest *keyspace_suite_events(size_t *out_count);

#endif
