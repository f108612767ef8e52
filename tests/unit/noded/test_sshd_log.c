#include "noded/sshd_log.h"

#include "tests/unit/unit.h"

#include <string.h>

#define TAIL " ssh2: ECDSA-CERT SHA256:abc ID alice (serial 1) CA ECDSA SHA256:def"

static void the_line_of_a_proven_key_is_taken_apart(void **state)
{
	static const struct {
		const char *line, *login, *addr, *port;
	} cases[] = {
		{ "Accepted publickey for root from 192.0.2.7 port 51234" TAIL, "root", "192.0.2.7",
		  "51234" },
		{ "Accepted publickey for root from 2001:db8::1 port 22" TAIL, "root",
		  "2001:db8::1", "22" },
		{ "Accepted publickey for root from UNKNOWN port 65535" TAIL, "root", "UNKNOWN",
		  "65535" },
		/* logins that hold the very words */
		{ "Accepted publickey for a b from 192.0.2.7 port 1" TAIL, "a b", "192.0.2.7",
		  "1" },
		{ "Accepted publickey for x from 10.0.0.1 port 22 from 192.0.2.7 port 1" TAIL,
		  "x from 10.0.0.1 port 22", "192.0.2.7", "1" },
		{ "Accepted publickey for from from 192.0.2.7 port 1" TAIL, "from", "192.0.2.7",
		  "1" },
		{ "Accepted publickey for port 7 from 192.0.2.7 port 1" TAIL, "port 7", "192.0.2.7",
		  "1" },
	};
	char login[128], addr[128], port[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(sshd_log_accepted(cases[i].line, login, addr, port, sizeof(login)));
		assert_string_equal(login, cases[i].login);
		assert_string_equal(addr, cases[i].addr);
		assert_string_equal(port, cases[i].port);
	}
}

/* The key's comment stands behind "ssh2:" and is the client's to choose. */
static void what_stands_behind_the_key_type_moves_nothing(void **state)
{
	static const char line[] =
	        "Accepted publickey for root from 192.0.2.7 port 1 ssh2: ECDSA-CERT SHA256:abc ID "
	        "x from 10.0.0.1 port 99 ssh2: y (serial 1) CA ECDSA SHA256:def";
	char login[128], addr[128], port[128];

	(void)state;
	assert_true(sshd_log_accepted(line, login, addr, port, sizeof(login)));
	assert_string_equal(login, "root");
	assert_string_equal(addr, "192.0.2.7");
	assert_string_equal(port, "1");
}

static void other_lines_prove_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"Accepted password for root from 192.0.2.7 port 51234" TAIL,
		"Accepted publickey for root",
		"Accepted publickey for root from 192.0.2.7 port 51234",
		"Accepted publickey for  from 192.0.2.7 port 51234" TAIL,
		"Accepted publickey for root from  port 51234" TAIL,
		"Accepted publickey for root from 192.0.2.7 port " TAIL,
		"Accepted publickey for root port 1 from 192.0.2.7" TAIL,
		" Accepted publickey for root from 192.0.2.7 port 51234" TAIL,
		"Invalid user Accepted publickey for root from 192.0.2.7 port 51234" TAIL,
		"Failed publickey for root from 192.0.2.7 port 51234" TAIL,
	};
	char login[128], addr[128], port[128];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (sshd_log_accepted(lines[i], login, addr, port, sizeof(login)))
			fail_msg("taken: '%s'", lines[i]);
}

static void a_field_that_does_not_fit_is_refused(void **state)
{
	static const char line[] = "Accepted publickey for root from 192.0.2.7 port 51234" TAIL;
	char login[128], addr[128], port[128];

	(void)state;
	assert_true(sshd_log_accepted(line, login, addr, port, sizeof("192.0.2.7")));
	assert_false(sshd_log_accepted(line, login, addr, port, sizeof("192.0.2.7") - 1));
}

static void a_certificate_that_was_not_taken_is_taken_apart(void **state)
{
	static const struct {
		const char *line, *login, *addr, *port, *key_id, *ca;
	} cases[] = {
		{ "Failed publickey for root from 192.0.2.7 port 51234" TAIL, "root", "192.0.2.7",
		  "51234", "alice", "SHA256:def" },
		{ "Failed publickey for invalid user x y from 2001:db8::1 port 22" TAIL,
		  "invalid user x y", "2001:db8::1", "22", "alice", "SHA256:def" },
		{ "Failed publickey for root from 192.0.2.7 port 1 ssh2: ECDSA-CERT SHA256:abc ID "
		  "x "
		  "(serial 9) CA ECDSA SHA256:ours (serial 1) CA ED25519 SHA256:def",
		  "root", "192.0.2.7", "1", "x (serial 9) CA ECDSA SHA256:ours", "SHA256:def" },
	};
	struct sshd_log_failed f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(sshd_log_failed(cases[i].line, &f));
		assert_string_equal(f.login, cases[i].login);
		assert_string_equal(f.addr, cases[i].addr);
		assert_string_equal(f.port, cases[i].port);
		assert_string_equal(f.key_id, cases[i].key_id);
		assert_string_equal(f.ca, cases[i].ca);
	}
}

static void what_is_no_certificate_that_was_not_taken_is_none(void **state)
{
	static const char *const lines[] = {
		"",
		"Failed publickey for ",
		"Failed publickey for root from 192.0.2.7 port 1 ssh2: ECDSA SHA256:abc",
		"Failed publickey for root from 192.0.2.7 port 1 ssh2: ECDSA-CERT SHA256:abc ID x",
		"Failed publickey for root from 192.0.2.7 port 1 ssh2: ECDSA-CERT SHA256:abc ID x "
		"(serial 1) CA",
		"Failed publickey for root port 1 from 192.0.2.7" TAIL,
		"Failed publickey for from 192.0.2.7 port 1" TAIL,
		"Failed password for root from 192.0.2.7 port 1" TAIL,
		"Accepted publickey for root from 192.0.2.7 port 51234" TAIL,
	};
	struct sshd_log_failed f;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (sshd_log_failed(lines[i], &f))
			fail_msg("taken: '%s'", lines[i]);
}

static void words_that_are_too_long_are_cut(void **state)
{
	char line[1024] = "Failed publickey for root from 192.0.2.7 port 1 ssh2: ECDSA-CERT "
	                  "SHA256:abc ID ";
	struct sshd_log_failed f;
	size_t len = strlen(line);

	(void)state;
	memset(line + len, 'x', 500);
	strcpy(line + len + 500, " (serial 1) CA ECDSA SHA256:def");
	assert_true(sshd_log_failed(line, &f));
	assert_int_equal(strlen(f.key_id), SSHD_LOG_FIELD_SIZE - 1);
	assert_string_equal(f.ca, "SHA256:def");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_line_of_a_proven_key_is_taken_apart),
		cmocka_unit_test(what_stands_behind_the_key_type_moves_nothing),
		cmocka_unit_test(other_lines_prove_nothing),
		cmocka_unit_test(a_field_that_does_not_fit_is_refused),
		cmocka_unit_test(a_certificate_that_was_not_taken_is_taken_apart),
		cmocka_unit_test(what_is_no_certificate_that_was_not_taken_is_none),
		cmocka_unit_test(words_that_are_too_long_are_cut),
	};

	return unit_run(tests);
}
