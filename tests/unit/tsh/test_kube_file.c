#include "tsh/kube_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "file/file.h"

#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char top[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->top, "/tmp/test_kube_file.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	unsetenv("KUBECONFIG");
	setenv("HOME", f->top, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", f->top);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static const char *path_of(const struct fixture *f, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->top, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void expect_file(const char *path, const char *text)
{
	struct buf had = { 0 };
	struct err err = { 0 };

	assert_int_equal(file_read(path, 512, &had, &err), 0);
	assert_string_equal(buf_str(&had), text);
	buf_deinit(&had);
}

static void expect_path(const char *path)
{
	char *found = kube_file_path();

	assert_string_equal(found, path);
	free(found);
}

static int use(void *arg, struct value *root, struct err *err)
{
	return value_set(root, "current-context", value_new_text(arg), err);
}

static int nothing(void *arg, struct value *root, struct err *err)
{
	(void)arg;
	(void)root;
	(void)err;
	return 0;
}

static int refuse(void *arg, struct value *root, struct err *err)
{
	struct err ignored;

	use(arg, root, &ignored);
	return err_set(err, ERR_DENIED, "no");
}

static void the_first_file_of_the_list_that_is_there_is_taken(void **state)
{
	const struct fixture *f = *state;
	char list[256];

	expect_path(path_of(f, ".kube/config"));
	snprintf(list, sizeof(list), ":%s/a::%s/b:", f->top, f->top);
	setenv("KUBECONFIG", list, 1);
	expect_path(path_of(f, "b")); /* none: the last */
	write_file(path_of(f, "b"), "");
	write_file(path_of(f, "a"), "");
	expect_path(path_of(f, "a"));
	setenv("KUBECONFIG", "", 1);
	expect_path(path_of(f, ".kube/config"));
}

static void a_change_replaces_the_file_and_only_its_owner_may_read_it(void **state)
{
	const struct fixture *f = *state;
	char *path = kube_file_path();
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(kube_file_edit(path, use, (char[]){ "one" }, &err), 0);
	expect_file(path, "apiVersion: v1\nkind: Config\ncurrent-context: one\n");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(kube_file_edit(path, use, (char[]){ "two" }, &err), 0);
	expect_file(path, "apiVersion: v1\nkind: Config\ncurrent-context: two\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_not_equal(access(path_of(f, ".kube/config.lock"), F_OK), 0);
	free(path);
}

static void a_file_in_which_nothing_changes_keeps_its_own_looks(void **state)
{
	const char *path = path_of(*state, "config");
	const char *text = "# mine\n{current-context:   one}\n";
	struct err err = { 0 };

	write_file(path, text);
	assert_int_equal(kube_file_edit(path, nothing, NULL, &err), 0);
	assert_int_equal(kube_file_edit(path, use, (char[]){ "one" }, &err), 0);
	expect_file(path, text);
	assert_int_equal(kube_file_edit(path, refuse, (char[]){ "two" }, &err), ERR_DENIED);
	expect_file(path, text);
}

static void what_is_no_kubeconfig_stays_as_it_is(void **state)
{
	const char *path = path_of(*state, "config");
	struct err err = { 0 };

	write_file(path, "- a\n");
	assert_int_equal(kube_file_edit(path, use, (char[]){ "one" }, &err), ERR_INVALID);
	expect_file(path, "- a\n");
	assert_int_not_equal(access(path_of(*state, "config.lock"), F_OK), 0);
}

static void a_link_still_leads_to_the_changed_file(void **state)
{
	const struct fixture *f = *state;
	char *target = strdup(path_of(f, "real"));
	struct err err = { 0 };
	struct stat st;

	write_file(target, "current-context: one\n");
	assert_int_equal(symlink(target, path_of(f, "config")), 0);
	assert_int_equal(kube_file_edit(path_of(f, "config"), use, (char[]){ "two" }, &err), 0);
	expect_file(target, "current-context: two\n");
	assert_int_equal(lstat(path_of(f, "config"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	free(target);
}

static void who_finds_the_lock_held_gives_up_and_says_whose_file(void **state)
{
	const char *path = path_of(*state, "config");
	struct err err = { 0 };
	char lock[160];

	snprintf(lock, sizeof(lock), "%s.lock", path);
	write_file(lock, "");
	write_file(path, "current-context: one\n");
	assert_int_equal(kube_file_edit(path, use, (char[]){ "two" }, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.msg, "config.lock"));
	expect_file(path, "current-context: one\n");
	assert_int_equal(access(lock, F_OK), 0); /* it is not ours to remove */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_first_file_of_the_list_that_is_there_is_taken),
		TEST(a_change_replaces_the_file_and_only_its_owner_may_read_it),
		TEST(a_file_in_which_nothing_changes_keeps_its_own_looks),
		TEST(what_is_no_kubeconfig_stays_as_it_is),
		TEST(a_link_still_leads_to_the_changed_file),
		TEST(who_finds_the_lock_held_gives_up_and_says_whose_file),
	};

	return unit_run(tests);
}
