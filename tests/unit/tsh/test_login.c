#include "tests/unit/tsh/fake_user.h"

#include <sys/stat.h>

static int setup(void **state)
{
	struct fake_user *u = calloc(1, sizeof(*u));

	assert_non_null(u);
	fake_user_open(u);
	*state = u;
	return 0;
}

static int teardown(void **state)
{
	fake_user_close(*state);
	free(*state);
	return 0;
}

static void a_login_by_pin_leaves_what_ssh_needs(void **state)
{
	static const enum profile_file files[] = { PROFILE_KEY,       PROFILE_PUB,
		                                   PROFILE_SSH_CERT,  PROFILE_TLS_CERT,
		                                   PROFILE_CAS,       PROFILE_KNOWN_HOSTS,
		                                   PROFILE_SSH_CONFIG };
	struct fake_user *u = *state;
	struct profile p;
	struct buf text = { 0 };
	struct err err = { 0 };

	fake_user_log_in(u);
	assert_int_equal(u->proxy.logins, 1);
	assert_int_equal(profile_open(&p, u->tsh.home, NULL, &err), 0);
	assert_string_equal(p.data.cluster, "example");
	assert_string_equal(p.data.ca_pin, u->pin);
	assert_string_equal(p.data.logins[0], "root");
	assert_int_equal(p.data.valid_until, PKI_NOW + PKI_HOUR);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = profile_path(&p, files[i]);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size > 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		free(path);
	}
	assert_int_equal(profile_read(&p, PROFILE_KNOWN_HOSTS, &text, &err), 0);
	assert_true(str_starts(buf_str(&text), "@cert-authority *.example,[*.example]:* ecdsa-"));
	buf_deinit(&text);
	profile_deinit(&p);
}

static void the_pin_is_remembered_for_the_next_login(void **state)
{
	struct fake_user *u = *state;
	struct err err = { 0 };

	fake_user_log_in(u);
	if (cmd_login(&u->tsh, 0, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(u->proxy.logins, 2);
}

static void a_proxy_without_the_pin_sees_no_request_at_all(void **state)
{
	struct fake_user *u = *state;
	char other[PIN_TEXT_SIZE];
	struct err err = { 0 };

	strcpy(other, u->pin);
	other[10] = other[10] == '0' ? '1' : '0';
	setenv("TSH_PASSWORD_FILE", "/nonexistent", 1); /* it is not even looked at */
	assert_int_equal(fake_user_try(u, other, &err), ERR_UNTRUSTED);
	assert_non_null(
	        strstr(err.msg, "has not proved that it holds the pin, so nothing was sent"));
	assert_int_equal(u->proxy.pings + u->proxy.logins, 0);
}

static void a_proxy_that_the_system_does_not_trust_is_refused_with_advice(void **state)
{
	struct fake_user *u = *state;
	struct err err = { 0 };

	setenv("TSH_PASSWORD_FILE", "/nonexistent", 1);
	assert_int_equal(cmd_login(&u->tsh, 0, NULL, &err), ERR_UNTRUSTED);
	assert_non_null(strstr(err.msg, "log in with --ca-pin=sha256:..."));
	assert_int_equal(u->proxy.pings + u->proxy.logins, 0);
}

static void system_roots_are_as_good_as_a_pin(void **state)
{
	struct fake_user *u = *state;
	struct buf pem = { 0 };
	char path[96];
	struct err err = { 0 };

	x509_append_pem(u->proxy.pki.ca, &pem);
	fake_user_write(u, "roots.pem", buf_str(&pem));
	snprintf(path, sizeof(path), "%s/roots.pem", u->top);
	setenv("SSL_CERT_FILE", path, 1);
	if (cmd_login(&u->tsh, 0, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	unsetenv("SSL_CERT_FILE");
	buf_deinit(&pem);
}

static void a_clock_that_is_far_off_is_named_as_the_cause(void **state)
{
	struct fake_user *u = *state;
	struct clock_fake late;
	struct err err = { 0 };

	clock_fake_init(&late, PKI_NOW + 48 * PKI_HOUR);
	u->tsh.clock = &late.clock;
	assert_int_equal(fake_user_try(u, u->pin, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "expired at 2027-01-15T09:00:00"));
	assert_non_null(strstr(err.msg, "it is 2027-01-17T08:00:00"));
	assert_int_equal(u->proxy.pings + u->proxy.logins, 0);
}

static void a_wrong_password_is_told_in_authds_words(void **state)
{
	struct fake_user *u = *state;
	struct err err = { 0 };
	struct profile p;

	fake_user_write(u, "wrong", "battery staple\n");
	fake_user_password(u, "wrong");
	assert_int_equal(fake_user_try(u, u->pin, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "as 'alice': invalid user name or password"));
	assert_int_equal(profile_open(&p, u->tsh.home, NULL, &err), ERR_NOT_FOUND);
}

static void certificates_of_another_key_are_not_taken(void **state)
{
	struct fake_user *u = *state;
	struct profile p;
	struct err err = { 0 };

	u->proxy.certify_other_key = true;
	assert_int_equal(fake_user_try(u, u->pin, &err), ERR_CORRUPT);
	assert_int_equal(profile_open(&p, u->tsh.home, NULL, &err), ERR_NOT_FOUND);
}

static void a_clusters_name_that_would_widen_ssh_patterns_is_not_taken(void **state)
{
	struct fake_user *u = *state;
	struct err err = { 0 };

	u->proxy.cluster = "*";
	assert_int_equal(fake_user_try(u, u->pin, &err), ERR_CORRUPT);
}

static void a_login_where_nobody_listens_names_the_address(void **state)
{
	struct fake_user *u = *state;
	struct err err = { 0 };

	u->tsh.proxy = "127.0.0.1:1";
	assert_int_equal(fake_user_try(u, u->pin, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "connect to '127.0.0.1:1'"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_login_by_pin_leaves_what_ssh_needs),
		TEST(the_pin_is_remembered_for_the_next_login),
		TEST(a_proxy_without_the_pin_sees_no_request_at_all),
		TEST(a_proxy_that_the_system_does_not_trust_is_refused_with_advice),
		TEST(system_roots_are_as_good_as_a_pin),
		TEST(a_clock_that_is_far_off_is_named_as_the_cause),
		TEST(a_wrong_password_is_told_in_authds_words),
		TEST(certificates_of_another_key_are_not_taken),
		TEST(a_clusters_name_that_would_widen_ssh_patterns_is_not_taken),
		TEST(a_login_where_nobody_listens_names_the_address),
	};

	return unit_run(tests);
}
