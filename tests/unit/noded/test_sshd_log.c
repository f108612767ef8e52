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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_line_of_a_proven_key_is_taken_apart),
		cmocka_unit_test(what_stands_behind_the_key_type_moves_nothing),
		cmocka_unit_test(other_lines_prove_nothing),
		cmocka_unit_test(a_field_that_does_not_fit_is_refused),
	};

	return unit_run(tests);
}
