#include "tsh/profile.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char top[64];
	char home[80];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->top, "/tmp/test_profile.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->home, sizeof(f->home), "%s/tsh", f->top);
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

static void log_in(const struct fixture *f, const char *proxy, const char *user)
{
	struct profile p;
	struct err err = { 0 };

	assert_int_equal(profile_init(&p, f->home, proxy, user, &err), 0);
	fields_set_str(&p.data.cluster, "example", &err);
	p.data.valid_until = 2000;
	if (profile_write(&p, PROFILE_KEY, "secret", 6, &err) != 0 || profile_save(&p, &err) != 0)
		fail_msg("%s", err.msg);
	profile_deinit(&p);
}

static void what_was_saved_is_found_again_as_the_current_one(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	struct buf key = { 0 };
	struct err err = { 0 };

	log_in(f, "one.example.com", "alice");
	log_in(f, "two.example.com:8443", "bob@example.com");
	if (profile_open(&p, f->home, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(p.data.user, "bob@example.com");
	assert_string_equal(p.data.proxy, "two.example.com:8443");
	assert_string_equal(p.name, "two.example.com_8443");
	assert_int_equal(profile_read(&p, PROFILE_KEY, &key, &err), 0);
	assert_string_equal(buf_str(&key), "secret");
	buf_deinit(&key);
	profile_deinit(&p);
	assert_int_equal(profile_open(&p, f->home, "one.example.com:3080", &err), 0);
	assert_string_equal(p.data.user, "alice");
	profile_deinit(&p);
}

static void files_are_private(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	struct stat st;
	struct err err = { 0 };
	char *path;

	log_in(f, "one.example.com", "alice");
	assert_int_equal(profile_open(&p, f->home, NULL, &err), 0);
	path = profile_path(&p, PROFILE_KEY);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	*strrchr(path, '/') = 0;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	free(path);
	profile_deinit(&p);
}

static void logging_out_leaves_nothing_secret_behind(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	struct err err = { 0 };
	char *path;

	log_in(f, "one.example.com", "alice");
	assert_int_equal(profile_open(&p, f->home, NULL, &err), 0);
	path = profile_path(&p, PROFILE_KEY);
	assert_int_equal(profile_remove(&p, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	profile_deinit(&p);
	assert_int_equal(profile_open(&p, f->home, NULL, &err), ERR_NOT_FOUND);
	assert_string_equal(err.msg, "not logged in; run: tsh login --proxy=HOST:PORT --user=NAME");
}

static void one_that_was_turned_to_a_leaf_is_saved_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	char *own, *leaf;
	struct err err = { 0 };

	log_in(f, "one.example.com", "alice");
	assert_int_equal(profile_open(&p, f->home, NULL, &err), 0);
	own = profile_path(&p, PROFILE_CAS);
	assert_int_equal(profile_turn_to(&p, "../leaf", &err), ERR_INVALID);
	assert_int_equal(profile_turn_to(&p, "twig", &err), 0);
	assert_int_equal(profile_turn_to(&p, "leaf", &err), 0);
	assert_string_equal(p.data.cluster, "leaf");
	assert_string_equal(p.own, "example");
	leaf = profile_path(&p, PROFILE_CAS);
	assert_string_not_equal(own, leaf);
	assert_non_null(strstr(leaf, "/leaf.cas.pem"));
	assert_int_equal(profile_save(&p, &err), 0);
	assert_string_equal(p.data.cluster, "leaf");
	profile_deinit(&p);
	assert_int_equal(profile_open(&p, f->home, NULL, &err), 0);
	assert_string_equal(p.data.cluster, "example");
	assert_null(p.own);
	profile_deinit(&p);
	free(own);
	free(leaf);
}

static void an_expired_login_says_so_with_both_times(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	struct err err = { 0 };

	log_in(f, "one.example.com", "alice");
	assert_int_equal(profile_open(&p, f->home, NULL, &err), 0);
	assert_int_equal(profile_check_valid(&p, 1999, &err), 0);
	assert_int_equal(profile_check_valid(&p, 3000, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "ran out at 1970-01-01T00:00:02"));
	assert_non_null(strstr(err.msg, "it is 1970-01-01T00:00:03"));
	assert_non_null(strstr(err.msg, "tsh login --proxy=one.example.com:3080 --user=alice"));
	profile_deinit(&p);
}

static void names_that_would_leave_the_folder_are_refused(void **state)
{
	static const struct {
		const char *proxy, *user;
	} bad[] = {
		{ "../x:1", "alice" }, { "a/b", "alice" },     { "", "alice" },
		{ ":3080", "alice" },  { "a:99999", "alice" }, { "a:x", "alice" },
		{ "-oX", "alice" },    { "a", "../bob" },      { "a", "" },
		{ "a", ".." },         { "a", "x/y" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct profile p;
		struct err err = { 0 };

		assert_int_equal(profile_init(&p, f->home, bad[i].proxy, bad[i].user, &err),
		                 ERR_INVALID);
	}
}

static void a_proxys_port_is_3080_unless_told(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "example.com", "example.com:3080" },
		{ "example.com:443", "example.com:443" },
		{ "192.0.2.7", "192.0.2.7:3080" },
		{ "[2001:db8::1]", "[2001:db8::1]:3080" },
		{ "[2001:db8::1]:443", "[2001:db8::1]:443" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		char *out = NULL;

		assert_int_equal(profile_proxy_parse(cases[i].in, &out, &err), 0);
		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_saved_is_found_again_as_the_current_one),
		TEST(files_are_private),
		TEST(logging_out_leaves_nothing_secret_behind),
		TEST(one_that_was_turned_to_a_leaf_is_saved_as_it_was),
		TEST(an_expired_login_says_so_with_both_times),
		TEST(names_that_would_leave_the_folder_are_refused),
		TEST(a_proxys_port_is_3080_unless_told),
	};

	return unit_run(tests);
}
