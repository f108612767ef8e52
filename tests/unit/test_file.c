#include "file/file.h"

#include "base/buf.h"
#include "base/err.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/postern-file-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/it", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails if anything was left behind */
}

static void what_was_replaced_is_read_back_with_its_mode(void **state)
{
	struct buf b = { 0 };
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(path, "one", 3, 0640, &e), 0);
	assert_int_equal(file_replace(path, "second", 6, 0600, &e), 0);
	assert_int_equal(file_read(path, 6, &b, &e), 0);
	assert_string_equal(buf_str(&b), "second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_deinit(&b);
}

static void a_brief_file_is_replaced_like_any_other(void **state)
{
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_replace(path, "one", 3, 0640, &e), 0);
	assert_int_equal(file_replace_brief(path, "second", 6, 0600, &e), 0);
	assert_int_equal(file_read(path, 6, &b, &e), 0);
	assert_string_equal(buf_str(&b), "second");
	assert_int_equal(file_replace_brief("/nonexistent/x", "new", 3, 0600, &e), ERR_IO);
	buf_deinit(&b);
}

static void a_file_that_is_too_long_is_refused(void **state)
{
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_replace(path, "12345", 5, 0600, &e), 0);
	assert_int_equal(file_read(path, 4, &b, &e), ERR_LIMIT);
	buf_deinit(&b);
}

static void an_absent_file_is_not_found_by_name(void **state)
{
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_read("/nonexistent/x", 4, &b, &e), ERR_NOT_FOUND);
	assert_string_equal(e.msg, "open '/nonexistent/x': No such file or directory");
}

static void a_failed_replace_leaves_the_old_content(void **state)
{
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_replace(path, "old", 3, 0600, &e), 0);
	assert_int_equal(file_replace("/nonexistent/x", "new", 3, 0600, &e), ERR_IO);
	assert_int_equal(file_read(path, 10, &b, &e), 0);
	assert_string_equal(buf_str(&b), "old");
	buf_deinit(&b);
}

static void a_folder_is_made_once(void **state)
{
	char sub[80];
	struct err e = { 0 };

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", folder);
	assert_int_equal(file_make_dir(sub, 0700, &e), 0);
	assert_int_equal(file_make_dir(sub, 0700, &e), 0);
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(file_make_dir(path, 0700, &e), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_replaced_is_read_back_with_its_mode),
		cmocka_unit_test(a_brief_file_is_replaced_like_any_other),
		cmocka_unit_test(a_file_that_is_too_long_is_refused),
		cmocka_unit_test(an_absent_file_is_not_found_by_name),
		cmocka_unit_test(a_failed_replace_leaves_the_old_content),
		cmocka_unit_test(a_folder_is_made_once),
	};

	return unit_run_with(tests, make_folder, remove_folder);
}
