#include "noded/jail/sshd_conf.h"

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sshd_conf sample = {
	.jails = "/run/x/jails",
	.host_keys = "/a\n/b",
	.host_certificates = "/a-cert.pub",
	.user_ca = "/ca",
	.revoked_keys = "/krl",
};

static void versions_are_read_from_what_sshd_says(void **state)
{
	static const struct {
		const char *banner;
		int version; /* 0: refused */
	} cases[] = {
		{ "OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026\n", 902 },
		{ "OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15", 902 },
		{ "OpenSSH_9.8p1", 908 },
		{ "OpenSSH_10.0p2, OpenSSL 3.5.0", 1000 },
		{ "unknown option -- V\nOpenSSH_9.9p1", 909 },
		{ "OpenSSH_8.4p1", 0 },
		{ "OpenSSH_9.1p1", 0 },
		{ "Dropbear v2022.83", 0 },
		{ "OpenSSH_", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int version = 0;
		struct err err = { 0 };
		int rc = sshd_conf_version(cases[i].banner, &version, &err);

		assert_int_equal(rc, cases[i].version != 0 ? 0 : ERR_UNSUPPORTED);
		assert_int_equal(version, cases[i].version);
	}
}

static void assert_has(const struct buf *text, const char *line)
{
	if (strstr(buf_str(text), line) == NULL)
		fail_msg("'%s' is not in:\n%s", line, buf_str(text));
}

static void every_closure_that_sshd_holds_is_in_the_file(void **state)
{
	static const char *const lines[] = {
		"HostKey /a\nHostKey /b\n",
		"HostCertificate /a-cert.pub\n",
		"TrustedUserCAKeys /ca\n",
		"RevokedKeys /krl\n",
		"ChrootDirectory /run/x/jails/%u\n",
		"AllowStreamLocalForwarding no\n",
		"PermitUserRC no\n",
		"PermitUserEnvironment no\n",
		"AuthorizedKeysFile none\n",
		"AuthorizedPrincipalsFile none\n",
		"PasswordAuthentication no\n",
		"PermitTunnel no\n",
	};
	struct buf text = { 0 };

	(void)state;
	sshd_conf_write(&text, &sample, 902);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_has(&text, lines[i]);
	buf_deinit(&text);
}

static void the_pam_service_is_named_where_sshd_takes_its_name_from_the_file(void **state)
{
	static const struct {
		int version;
		bool named;
	} cases[] = { { 902, false }, { 907, false }, { 908, true }, { 1000, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = { 0 };

		sshd_conf_write(&text, &sample, cases[i].version);
		assert_int_equal(strstr(buf_str(&text), "PAMServiceName postern-sshd\n") != NULL,
		                 cases[i].named);
		buf_deinit(&text);
	}
}

/* The sshd of this machine agrees that it is a configuration. */
static void the_installed_sshd_takes_the_file(void **state)
{
	char dir[] = "/tmp/pt-sshd-conf-XXXXXX", file[64], key[64], command[512];
	struct sshd_conf c = sample;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/config", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	snprintf(command, sizeof(command), "ssh-keygen -q -t ecdsa -N '' -f %s", key);
	assert_int_equal(system(command), 0);
	c.host_keys = key;
	c.host_certificates = "";
	assert_int_equal(sshd_conf_generate(&c, "/usr/sbin/sshd", file, &err), 0);
	snprintf(command, sizeof(command),
	         "mkdir -p /run/sshd; /usr/sbin/sshd -T -f %s "
	         "-o 'AuthorizedPrincipalsCommand=/bin/true %%u' > %s/out",
	         file, dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(sshd_conf_generate(&c, "/bin/false", file, &err), ERR_UNSUPPORTED);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_read_from_what_sshd_says),
		cmocka_unit_test(every_closure_that_sshd_holds_is_in_the_file),
		cmocka_unit_test(the_pam_service_is_named_where_sshd_takes_its_name_from_the_file),
		cmocka_unit_test(the_installed_sshd_takes_the_file),
	};

	return unit_run(tests);
}
