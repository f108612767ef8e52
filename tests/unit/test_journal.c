#include "store/journal.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	char dir[64];
	struct journal *journal;
	struct err err;
};

static void reopen(struct fixture *f)
{
	journal_close(f->journal);
	if (journal_open(f->dir, &f->journal, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	journal_opened(f->journal);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/postern-test-journal.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	reopen(f);
	*state = f;
	return 0;
}

static void path_of(const struct fixture *f, int i, char out[96])
{
	snprintf(out, 96, "%s/journal.%d", f->dir, i);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[96];

	journal_close(f->journal);
	for (int i = 0; i < 2; i++) {
		path_of(f, i, path);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void begin(struct fixture *f, const char *base)
{
	assert_int_equal(journal_begin(f->journal, 0, base, strlen(base), &f->err), 0);
}

static uint64_t append(struct fixture *f, uint64_t at, const char *payload)
{
	uint64_t next = 0;

	if (journal_append(f->journal, at, payload, strlen(payload), &next, &f->err) != 0)
		fail_msg("%s", f->err.msg);
	return next;
}

static void assert_base(struct fixture *f, const char *expected)
{
	struct buf base = { 0 };

	assert_int_equal(journal_base(f->journal, &base, &f->err), 0);
	assert_string_equal(buf_str(&base), expected);
	buf_deinit(&base);
}

/* The records from the beginning on, with a blank behind each. */
static void assert_records(struct fixture *f, const char *expected)
{
	struct buf all = { 0 };
	uint64_t at;

	journal_number(f->journal);
	at = journal_start(f->journal);
	while (journal_read(f->journal, at, &all, &at, &f->err) == 0)
		buf_append_byte(&all, ' ');
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	assert_string_equal(buf_str(&all), expected);
	buf_deinit(&all);
}

/* One byte of a file becomes another. */
static void damage(struct fixture *f, int i, off_t at)
{
	char path[96];
	uint8_t byte;
	int fd;

	path_of(f, i, path);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void records_follow_their_base_and_survive(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	assert_int_equal(journal_number(f->journal), 0);
	begin(f, "base one");
	at = append(f, journal_start(f->journal), "a");
	at = append(f, at, "bb");
	append(f, at, "");
	reopen(f);
	assert_int_equal(journal_number(f->journal), 1);
	assert_base(f, "base one");
	assert_records(f, "a bb  ");
	begin(f, "base two");
	assert_records(f, "");
	append(f, journal_start(f->journal), "c");
	begin(f, "three");
	append(f, journal_start(f->journal), "d");
	reopen(f);
	assert_int_equal(journal_number(f->journal), 3);
	assert_base(f, "three");
	assert_records(f, "d "); /* and none of the first, which lay behind it */
}

/* Which file a head is in does not matter to who reads it: the first goes to one, the second to the
 * other. */
static int file_of_newest(struct fixture *f, const char *base)
{
	char path[96];
	char there[16];
	int fd, found = -1;

	for (int i = 0; i < 2; i++) {
		path_of(f, i, path);
		fd = open(path, O_RDONLY);
		if (pread(fd, there, strlen(base), 64) == (ssize_t)strlen(base) &&
		    memcmp(there, base, strlen(base)) == 0)
			found = i;
		close(fd);
	}
	assert_true(found >= 0);
	return found;
}

static void a_base_that_is_damaged_leaves_the_one_before(void **state)
{
	struct fixture *f = *state;
	int file;

	begin(f, "standing");
	append(f, journal_start(f->journal), "kept");
	begin(f, "too late");
	file = file_of_newest(f, "too late");
	for (off_t at = 0; at < 64 + 8; at++) {
		damage(f, file, at);
		reopen(f);
		assert_int_equal(journal_number(f->journal), 1);
		assert_base(f, "standing");
		assert_records(f, "kept ");
		damage(f, file, at);
	}
	reopen(f);
	assert_base(f, "too late");
}

static void a_record_that_is_taken_back_was_never_there(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	begin(f, "base");
	at = append(f, journal_start(f->journal), "a");
	append(f, at, "a long one that is taken back");
	journal_cancel(f->journal, at);
	assert_records(f, "a ");
	append(f, at, "b");
	assert_records(f, "a b ");
}

static void numbers_never_come_again(void **state)
{
	struct fixture *f = *state;

	begin(f, "base");
	assert_int_equal(journal_begin(f->journal, 56, "base", 4, &f->err), 0);
	assert_int_equal(journal_number(f->journal), 57);
}

static void who_opens_it_knows_whether_others_have_it(void **state)
{
	struct fixture *f = *state;
	struct journal *other;

	assert_true(journal_was_alone(f->journal));
	assert_int_equal(journal_open(f->dir, &other, &f->err), 0);
	assert_false(journal_was_alone(other));
	journal_opened(other);
	journal_close(other);
	reopen(f);
	assert_true(journal_was_alone(f->journal));
}

/* Each sees what the other begins. */
static void two_write_one_journal(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;
	uint64_t at;

	assert_int_equal(journal_open(f->dir, &other.journal, &f->err), 0);
	journal_opened(other.journal);
	begin(f, "base");
	assert_int_equal(journal_number(other.journal), 1);
	at = append(f, journal_start(f->journal), "a");
	append(&other, at, "b");
	assert_records(f, "a b ");
	begin(&other, "next");
	assert_int_equal(journal_number(f->journal), 2);
	assert_records(f, "");
	journal_close(other.journal);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(records_follow_their_base_and_survive),
		CASE(a_base_that_is_damaged_leaves_the_one_before),
		CASE(a_record_that_is_taken_back_was_never_there),
		CASE(numbers_never_come_again),
		CASE(who_opens_it_knows_whether_others_have_it),
		CASE(two_write_one_journal),
	};

	return unit_run(tests);
}
