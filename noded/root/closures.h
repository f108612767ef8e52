/*
 * closures - the measures that close a hole, each by its name, so that a test can take one away
 * and watch the hole open: a test that passes either way proves nothing.
 *
 * In what `make` builds they are constants. tests/integration/jail_attacks.sh compiles copies of
 * its own with POSTERN_TEST_CLOSURES, in which POSTERN_TEST_WITHOUT names the one to leave out.
 */
#ifndef NODED_ROOT_CLOSURES_H
#define NODED_ROOT_CLOSURES_H

#include <stdbool.h>

#ifdef POSTERN_TEST_CLOSURES
#include <stdlib.h>
#include <string.h>

static inline bool closure(const char *name)
{
	const char *without = getenv("POSTERN_TEST_WITHOUT");

	return without == NULL || strstr(without, name) == NULL;
}
#else
static inline bool closure(const char *name)
{
	(void)name;
	return true;
}
#endif

#endif
