#include "tsh/ssh_config.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

static struct ssh_config_spec spec(void)
{
	return (struct ssh_config_spec){ .cluster = "example",
		                         .proxy = "proxy.example.com:3080",
		                         .user = "alice",
		                         .tsh = "/usr/bin/tsh",
		                         .key = "/home/alice/.tsh/keys/p/alice",
		                         .certificate = "/home/alice/.tsh/keys/p/alice-cert.pub",
		                         .known_hosts = "/home/alice/.tsh/keys/p/known_hosts" };
}

static void the_block_sends_the_clusters_names_through_the_proxy(void **state)
{
	struct ssh_config_spec s = spec();
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ssh_config_write(&out, &s, &err), 0);
	assert_string_equal(
	        buf_str(&out),
	        "# Nodes of the Postern cluster example, as alice by way of "
	        "proxy.example.com:3080.\n"
	        "Match host *.example\n"
	        "    ProxyCommand '/usr/bin/tsh' proxy ssh --proxy='proxy.example.com:3080' "
	        "--cluster='example' '%r@%h:%p'\n"
	        "    IdentityFile \"/home/alice/.tsh/keys/p/alice\"\n"
	        "    CertificateFile \"/home/alice/.tsh/keys/p/alice-cert.pub\"\n"
	        "    UserKnownHostsFile \"/home/alice/.tsh/keys/p/known_hosts\"\n"
	        "    GlobalKnownHostsFile /dev/null\n"
	        "    IdentitiesOnly yes\n"
	        "    StrictHostKeyChecking yes\n"
	        "    UpdateHostKeys no\n"
	        "    CheckHostIP no\n"
	        "    HostKeyAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com\n"
	        "Match all\n");
	buf_deinit(&out);
}

static void bare_names_get_the_clusters_name_before_the_block_looks(void **state)
{
	struct ssh_config_spec s = spec();
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	s.bare = "web-* db-1";
	assert_int_equal(ssh_config_write(&out, &s, &err), 0);
	assert_non_null(strstr(buf_str(&out), "Host !*.example web-* db-1\n"
	                                      "    HostName %h.example\n"
	                                      "Match host *.example\n"));
	buf_deinit(&out);
}

static void bare_names_are_never_those_of_other_clusters(void **state)
{
	char *leaves[] = { (char *)"leaf", (char *)"twig.example" };
	char *bad[] = { (char *)"leaf *" };
	struct ssh_config_spec s = spec();
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	s.bare = "*";
	s.others = leaves;
	s.others_count = 2;
	assert_int_equal(ssh_config_write(&out, &s, &err), 0);
	assert_non_null(strstr(buf_str(&out), "Host !*.example !*.leaf !*.twig.example *\n"
	                                      "    HostName %h.example\n"));
	s.others = bad;
	s.others_count = 1;
	assert_int_equal(ssh_config_write(&out, &s, &err), ERR_INVALID);
	buf_deinit(&out);
}

static void odd_paths_are_quoted_for_ssh_and_for_the_shell(void **state)
{
	struct ssh_config_spec s = spec();
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	s.tsh = "/opt/it's 100%/tsh";
	s.key = "/home/a b/50%/key";
	assert_int_equal(ssh_config_write(&out, &s, &err), 0);
	assert_non_null(strstr(buf_str(&out), "ProxyCommand '/opt/it'\\''s 100%%/tsh' proxy"));
	assert_non_null(strstr(buf_str(&out), "IdentityFile \"/home/a b/50%%/key\"\n"));
	buf_deinit(&out);
}

static void what_could_end_a_line_or_a_quote_is_refused(void **state)
{
	static const char *const bad[] = { "a\nProxyCommand evil", "a\"b", "a\\b", "a\tb" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ssh_config_spec s = spec();
		struct buf out = { 0 };
		struct err err = { 0 };

		s.user = bad[i];
		assert_int_equal(ssh_config_write(&out, &s, &err), ERR_INVALID);
		buf_deinit(&out);
	}
}

static void a_clusters_name_cannot_widen_the_patterns(void **state)
{
	static const char *const bad[] = { "", "*", "a,*", "a b", "A", "-x", ".x", "a\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ssh_config_is_cluster(bad[i]));
	assert_true(ssh_config_is_cluster("prod-1.example.com"));
}

static void the_authority_is_believed_for_its_clusters_names_only(void **state)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ssh_config_known_host(&out, "example", "ecdsa-sha2-nistp256 AAAA", &err),
	                 0);
	assert_string_equal(buf_str(&out), "@cert-authority *.example,[*.example]:* "
	                                   "ecdsa-sha2-nistp256 AAAA\n");
	assert_int_equal(ssh_config_known_host(&out, "example", "a b\n* c d", &err), ERR_INVALID);
	buf_deinit(&out);
}

static void a_nodes_own_name_is_what_stands_before_the_clusters(void **state)
{
	(void)state;
	assert_int_equal(ssh_config_node_len("web-1.example", "example"), 5);
	assert_int_equal(ssh_config_node_len("web-1", "example"), 5);
	assert_int_equal(ssh_config_node_len("a.b.example", "example"), 3);
	assert_int_equal(ssh_config_node_len(".example", "example"), 8);
	assert_int_equal(ssh_config_node_len("notexample", "example"), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_block_sends_the_clusters_names_through_the_proxy),
		cmocka_unit_test(bare_names_get_the_clusters_name_before_the_block_looks),
		cmocka_unit_test(bare_names_are_never_those_of_other_clusters),
		cmocka_unit_test(odd_paths_are_quoted_for_ssh_and_for_the_shell),
		cmocka_unit_test(what_could_end_a_line_or_a_quote_is_refused),
		cmocka_unit_test(a_clusters_name_cannot_widen_the_patterns),
		cmocka_unit_test(the_authority_is_believed_for_its_clusters_names_only),
		cmocka_unit_test(a_nodes_own_name_is_what_stands_before_the_clusters),
	};

	return unit_run(tests);
}
