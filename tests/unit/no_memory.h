/*
 * no_memory - an allocator that fails when it is told to.
 *
 * For a test that is linked with --wrap for each function below (see the Makefile): what our own
 * code, nanopb and mbedTLS allocate passes through here. Shared libraries keep theirs.
 */
#ifndef TESTS_NO_MEMORY_H
#define TESTS_NO_MEMORY_H

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned left;    /* until the one that fails; 0: none does */
	bool and_onwards; /* and all behind it */
	bool failed;
} no_memory;

/* From now on the n-th allocation fails, and with `and_onwards` all that come later. */
static inline void no_memory_at(unsigned n, bool and_onwards)
{
	no_memory.left = n;
	no_memory.and_onwards = and_onwards;
	no_memory.failed = false;
}

/* Allocations work again; whether one had failed. */
static inline bool no_memory_end(void)
{
	no_memory.left = 0;
	return no_memory.failed;
}

static inline bool no_memory_now(void)
{
	if (no_memory.left == 0)
		return false;
	if (no_memory.left > 1) {
		no_memory.left--;
		return false;
	}
	if (!no_memory.and_onwards)
		no_memory.left = 0;
	no_memory.failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_reallocarray(void *at, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_reallocarray(void *at, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size)
{
	return no_memory_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return no_memory_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	return no_memory_now() ? NULL : __real_realloc(at, size);
}

void *__wrap_reallocarray(void *at, size_t count, size_t size)
{
	return no_memory_now() ? NULL : __real_reallocarray(at, count, size);
}

char *__wrap_strdup(const char *text)
{
	return no_memory_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return no_memory_now() ? NULL : __real_strndup(text, len);
}

/* --- each in turn ---------------------------------------------------------------------------- */

struct no_memory_part {
	const char *name;
	int (*run)(struct err *err); /* frees all it allocates, and fails with what failed in it */
};

/* Every allocation of the part, one after the other. */
static inline void no_memory_fail_each(const struct no_memory_part *part, bool and_onwards)
{
	struct err err;
	bool failed;
	unsigned n = 0;
	int rc;

	do {
		err = (struct err){ 0 };
		no_memory_at(++n, and_onwards);
		rc = part->run(&err);
		failed = no_memory_end();
		if (failed ? rc != ERR_NOMEM && rc != ERR_INTERNAL : rc != 0)
			fail_msg("%s, allocation %u: %s, %s", part->name, n, err_name(rc), err.msg);
	} while (failed);
	assert_true(n > 1); /* it allocates at all */
}

#endif
