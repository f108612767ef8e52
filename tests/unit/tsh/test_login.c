#include "tsh/cmd.h"

#include "base/err.h"
#include "crypto/ticket.h"

#include "tests/unit/tsh/fake_proxy.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char top[64];
	struct tsh tsh;
	struct fake_proxy proxy;
	char address[32];
	char pin[PIN_TEXT_SIZE];
};

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->top, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[96];

	assert_non_null(f);
	strcpy(f->top, "/tmp/test_login.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	uv_loop_init(&f->tsh.loop);
	fake_proxy_open(&f->proxy, &f->tsh.loop);
	snprintf(f->address, sizeof(f->address), "127.0.0.1:%u", listen_port(f->proxy.listen));
	fake_proxy_pin(&f->proxy, f->pin);
	f->tsh.home = str_printf("%s/tsh", f->top);
	f->tsh.program = strdup("/usr/bin/tsh");
	f->tsh.proxy = f->address;
	f->tsh.user = "alice";
	f->tsh.clock = &f->proxy.clock.clock;
	write_file(f, "password", FAKE_PASSWORD "\n");
	write_file(f, "wrong", "battery staple\n");
	snprintf(path, sizeof(path), "%s/password", f->top);
	setenv("TSH_PASSWORD_FILE", path, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	fake_proxy_close(&f->proxy);
	assert_int_equal(uv_loop_close(&f->tsh.loop), 0);
	free(f->tsh.home);
	free(f->tsh.program);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->top);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static int log_in(struct fixture *f, const char *pin, struct err *err)
{
	char option[PIN_TEXT_SIZE + 16];
	char *argv[] = { option };

	snprintf(option, sizeof(option), "--ca-pin=%s", pin);
	return cmd_login(&f->tsh, pin != NULL ? 1 : 0, argv, err);
}

static void must_log_in(struct fixture *f)
{
	struct err err = { 0 };

	if (log_in(f, f->pin, &err) != 0)
		fail_msg("%s", err.msg);
}

static void a_login_by_pin_leaves_what_ssh_needs(void **state)
{
	static const enum profile_file files[] = { PROFILE_KEY,       PROFILE_PUB,
		                                   PROFILE_SSH_CERT,  PROFILE_TLS_CERT,
		                                   PROFILE_CAS,       PROFILE_KNOWN_HOSTS,
		                                   PROFILE_SSH_CONFIG };
	struct fixture *f = *state;
	struct profile p;
	struct buf text = { 0 };
	struct err err = { 0 };

	must_log_in(f);
	assert_int_equal(f->proxy.logins, 1);
	assert_int_equal(profile_open(&p, f->tsh.home, NULL, &err), 0);
	assert_string_equal(p.data.cluster, "example");
	assert_string_equal(p.data.ca_pin, f->pin);
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
	struct fixture *f = *state;
	struct err err = { 0 };

	must_log_in(f);
	if (cmd_login(&f->tsh, 0, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(f->proxy.logins, 2);
}

static void a_proxy_without_the_pin_sees_no_request_at_all(void **state)
{
	struct fixture *f = *state;
	char other[PIN_TEXT_SIZE];
	struct err err = { 0 };

	strcpy(other, f->pin);
	other[10] = other[10] == '0' ? '1' : '0';
	setenv("TSH_PASSWORD_FILE", "/nonexistent", 1); /* it is not even looked at */
	assert_int_equal(log_in(f, other, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "does not hold the pin, so nothing was sent"));
	assert_int_equal(f->proxy.pings + f->proxy.logins, 0);
}

static void a_proxy_that_the_system_does_not_trust_is_refused_with_advice(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	setenv("TSH_PASSWORD_FILE", "/nonexistent", 1);
	assert_int_equal(cmd_login(&f->tsh, 0, NULL, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "log in with --ca-pin=sha256:..."));
	assert_int_equal(f->proxy.pings + f->proxy.logins, 0);
}

static void system_roots_are_as_good_as_a_pin(void **state)
{
	struct fixture *f = *state;
	struct buf pem = { 0 };
	char path[96];
	struct err err = { 0 };

	x509_append_pem(f->proxy.pki.ca, &pem);
	write_file(f, "roots.pem", buf_str(&pem));
	snprintf(path, sizeof(path), "%s/roots.pem", f->top);
	setenv("SSL_CERT_FILE", path, 1);
	if (cmd_login(&f->tsh, 0, NULL, &err) != 0)
		fail_msg("%s", err.msg);
	unsetenv("SSL_CERT_FILE");
	buf_deinit(&pem);
}

static void a_wrong_password_is_told_in_authds_words(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	struct profile p;
	char path[96];

	snprintf(path, sizeof(path), "%s/wrong", f->top);
	setenv("TSH_PASSWORD_FILE", path, 1);
	assert_int_equal(log_in(f, f->pin, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "as 'alice': invalid user name or password"));
	assert_int_equal(profile_open(&p, f->tsh.home, NULL, &err), ERR_NOT_FOUND);
}

static void certificates_of_another_key_are_not_taken(void **state)
{
	struct fixture *f = *state;
	struct profile p;
	struct err err = { 0 };

	f->proxy.certify_other_key = true;
	assert_int_equal(log_in(f, f->pin, &err), ERR_CORRUPT);
	assert_int_equal(profile_open(&p, f->tsh.home, NULL, &err), ERR_NOT_FOUND);
}

static void a_clusters_name_that_would_widen_ssh_patterns_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	f->proxy.cluster = "*";
	assert_int_equal(log_in(f, f->pin, &err), ERR_CORRUPT);
}

static void a_login_where_nobody_listens_names_the_address(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	f->tsh.proxy = "127.0.0.1:1";
	assert_int_equal(log_in(f, f->pin, &err), ERR_UNAVAILABLE);
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
		TEST(a_wrong_password_is_told_in_authds_words),
		TEST(certificates_of_another_key_are_not_taken),
		TEST(a_clusters_name_that_would_widen_ssh_patterns_is_not_taken),
		TEST(a_login_where_nobody_listens_names_the_address),
	};

	return unit_run(tests);
}
