/*
 * The n-th write, fsync or allocation fails, for every n: what was acknowledged is there, what
 * failed is not, and the error says what happened.
 *
 * The functions that LMDB calls are defined here, in front of the C library's.
 */
#include "store/keyspace.h"

#include "tests/unit/keyspace_fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define WRITES 6 /* in one run */

enum fault { FAULT_WRITE, FAULT_SHORT_WRITE, FAULT_SYNC, FAULT_ALLOCATION, FAULTS };

static atomic_int left[FAULTS]; /* calls until one fails; 0 or less: none does */
static int fault_errno;

static bool strikes(enum fault f)
{
	return atomic_load(&left[f]) > 0 && atomic_fetch_sub(&left[f], 1) == 1;
}

/* --- what LMDB calls ------------------------------------------------------------------------- */

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	if (strikes(FAULT_WRITE)) {
		errno = fault_errno;
		return -1;
	}
	if (strikes(FAULT_SHORT_WRITE))
		len /= 2;
	return syscall(SYS_pwrite64, fd, data, len, offset);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (strikes(FAULT_WRITE)) {
		errno = fault_errno;
		return -1;
	}
	if (strikes(FAULT_SHORT_WRITE) && count > 1)
		count--;
	return syscall(SYS_writev, fd, iov, count);
}

int fdatasync(int fd)
{
	if (strikes(FAULT_SYNC)) {
		errno = fault_errno;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

#ifndef __SANITIZE_ADDRESS__ /* it brings its own */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

/* Not for the optimizer, which knows what these functions do. */
#define SEAM __attribute__((noipa))

static bool no_memory(void)
{
	if (!strikes(FAULT_ALLOCATION))
		return false;
	errno = ENOMEM;
	return true;
}

SEAM void *malloc(size_t size)
{
	return no_memory() ? NULL : __libc_malloc(size);
}

SEAM void *calloc(size_t count, size_t size)
{
	return no_memory() ? NULL : __libc_calloc(count, size);
}

SEAM void *realloc(void *old, size_t size)
{
	return no_memory() ? NULL : __libc_realloc(old, size);
}

SEAM int posix_memalign(void **out, size_t align, size_t size)
{
	if (no_memory())
		return ENOMEM;
	*out = __libc_memalign(align, size);
	return *out != NULL ? 0 : ENOMEM;
}
#endif

/* --- one run --------------------------------------------------------------------------------- */

struct outcome {
	int codes[WRITES];
	char failure[ERR_MSG_SIZE]; /* of the first that failed */
};

/* Large and small values, so that LMDB writes single pages and runs of them. */
static struct keyspace_op nth_op(int i, char key[32])
{
	static uint8_t value[20000];

	snprintf(key, 32, "/k/%d", i);
	memset(value, 'a' + i, sizeof(value));
	return keyspace_op_put(key, value, i % 2 == 0 ? sizeof(value) : 10, 0);
}

/* Writes, one after the other, with the n-th call of the kind failing. Whether it came to that. */
static bool write_with(struct fixture *f, enum fault fault, int n, struct outcome *out)
{
	*out = (struct outcome){ 0 };
	for (int i = 0; i < WRITES; i++) {
		char key[32];
		struct keyspace_op op = nth_op(i, key);

		if (i == 0)
			atomic_store(&left[fault], n);
		out->codes[i] = run_op(f, op);
		if (out->codes[i] != 0 && out->failure[0] == 0)
			snprintf(out->failure, sizeof(out->failure), "%s", f->err.msg);
	}
	return atomic_exchange(&left[fault], 0) <= 0;
}

/* One write fails by the fault; those behind it only if the keyspace is broken by it. */
static void assert_codes(struct fixture *f, const struct outcome *out, int code)
{
	bool broken = keyspace_is_broken(f->ks);
	int failed = 0;

	for (int i = 0; i < WRITES; i++)
		if (out->codes[i] != 0)
			assert_int_equal(out->codes[i], failed++ == 0 ? code : ERR_IO);
	assert_true(failed <= 1 || broken);
	assert_true(!broken || out->codes[WRITES - 1] != 0);
}

/* Each item is there, whole, if its write was acknowledged, and absent otherwise. */
static void assert_stored(struct fixture *f, const struct outcome *out)
{
	for (int i = 0; i < WRITES; i++) {
		char key[32];
		struct keyspace_op op = nth_op(i, key);
		struct keyspace_item item;
		int rc = keyspace_get(f->ks, key, &item, &f->err);

		assert_int_equal(rc, out->codes[i] == 0 ? 0 : ERR_NOT_FOUND);
		if (rc != 0)
			continue;
		assert_int_equal(item.len, op.len);
		assert_memory_equal(item.value, op.value, op.len);
		keyspace_item_deinit(&item);
	}
}

/* The change log tells of exactly the writes that were acknowledged. */
static void assert_logged(struct fixture *f, uint64_t after, const struct outcome *out)
{
	struct keyspace_watch *w = watch(f, NULL, after);

	for (int i = 0; i < WRITES; i++) {
		char key[32];

		nth_op(i, key);
		if (out->codes[i] == 0)
			assert_string_equal(next_event(f, w)->item.key, key);
	}
	assert_no_event(f, w);
	keyspace_watch_close(w);
}

/* Tries n = 1, 2, ... until a run does not reach its fault; returns how many did. */
static int try_all(struct fixture *f, enum fault fault, const char *wanted, int code)
{
	struct outcome out;
	int n = 1;

	for (bool struck = true; struck; n++) {
		uint64_t before = keyspace_revision(f->ks);

		struck = write_with(f, fault, n, &out);
		assert_codes(f, &out, code);
		if (out.failure[0] != 0)
			assert_non_null(strstr(out.failure, wanted));
		keyspace_close(f->ks);
		fixture_open(f);
		assert_stored(f, &out);
		assert_logged(f, before, &out);
		assert_int_equal(run_op(f, keyspace_op_delete_range("/k/", NULL)), 0);
	}
	print_message("%d places where it failed\n", n - 2);
	return n - 2;
}

/* --- the kinds ------------------------------------------------------------------------------- */

static void a_write_that_fails_loses_nothing(void **state)
{
	fault_errno = EIO;
	assert_true(try_all(*state, FAULT_WRITE, "the disk is full or failing", ERR_IO) >= WRITES);
}

static void a_disk_that_is_full_for_one_write_loses_nothing(void **state)
{
	fault_errno = ENOSPC;
	assert_true(try_all(*state, FAULT_WRITE, "the disk is full", ERR_LIMIT) >= WRITES);
}

static void a_write_that_is_cut_short_loses_nothing(void **state)
{
	assert_true(try_all(*state, FAULT_SHORT_WRITE, "the disk is full or failing", ERR_IO) >=
	            WRITES);
}

static void an_fsync_that_fails_loses_nothing(void **state)
{
	fault_errno = EIO;
	assert_true(try_all(*state, FAULT_SYNC, "the disk is full or failing", ERR_IO) >= WRITES);
}

/* Now and then a commit is followed by a checkpoint, which flushes twice more. */
static void a_checkpoint_that_fails_loses_nothing(void **state)
{
	struct fixture *f = *state;
	int broken = 0;

	fault_errno = EIO;
	for (int n = 254; n <= 258; n++) {
		int acked = 0, rc = 0;
		char text[16];

		put(f, "/n", "0");
		atomic_store(&left[FAULT_SYNC], n);
		for (int i = 1; rc == 0 && i < 300; i++) {
			snprintf(text, sizeof(text), "%d", i);
			rc = put(f, "/n", text);
			acked = rc == 0 ? i : acked;
		}
		assert_int_equal(atomic_exchange(&left[FAULT_SYNC], 0), 0);
		broken += keyspace_is_broken(f->ks);
		keyspace_close(f->ks);
		fixture_open(f);
		snprintf(text, sizeof(text), "%d", acked);
		assert_value(f, "/n", text);
	}
	assert_true(broken > 0);
}

#ifndef __SANITIZE_ADDRESS__
static void memory_that_runs_out_loses_nothing(void **state)
{
	assert_true(try_all(*state, FAULT_ALLOCATION, "out of memory", ERR_NOMEM) >= WRITES);
}
#endif

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_write_that_fails_loses_nothing),
		CASE(a_disk_that_is_full_for_one_write_loses_nothing),
		CASE(a_write_that_is_cut_short_loses_nothing),
		CASE(an_fsync_that_fails_loses_nothing),
		CASE(a_checkpoint_that_fails_loses_nothing),
#ifndef __SANITIZE_ADDRESS__
		CASE(memory_that_runs_out_loses_nothing),
#endif
	};

	return unit_run(tests);
}
