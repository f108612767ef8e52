#include "conf/conf.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct command {
	char *name;
	int64_t period;
};

struct sample {
	char *nodename;
	char *mode;
	char *data_dir;
	bool enabled;
	int64_t count;
	int64_t ttl;
	int64_t log_size;
	mode_t socket_mode;
	struct conf_addr listen;
	struct conf_list roles;
	struct conf_map labels;
	struct conf_blocks commands;
};

static const struct conf_key command_keys[] = {
	{ "name", CONF_STRING, offsetof(struct command, name), .help = "its name",
	  .required = true },
	{ "period", CONF_DURATION, offsetof(struct command, period), "1m", "how often it runs" },
	{ 0 },
};

#define MEMBER(m) offsetof(struct sample, m)

static const struct conf_key keys[] = {
	{ "nodename", CONF_STRING, MEMBER(nodename), NULL, "the node's name" },
	{ "listen", CONF_ADDR, MEMBER(listen), "[::]:3025", "where the API is served",
	  .min = 3025 },
	{ "data_dir", CONF_PATH, MEMBER(data_dir), "/var/lib/postern/authd",
	  "where state is kept" },
	{ "recording.mode", CONF_STRING, MEMBER(mode), "node", "who records",
	  .choices = "node|proxy|off" },
	{ "recording.enabled", CONF_BOOL, MEMBER(enabled), "yes", "whether anything is recorded" },
	{ "certs.ttl", CONF_DURATION, MEMBER(ttl), "8h", "life of a user certificate",
	  .min = 60 * 1000, .max = 30 * 3600 * 1000 },
	{ "limits.count", CONF_INT, MEMBER(count), "3", "how many", .min = 1, .max = 10 },
	{ "limits.log_size", CONF_SIZE, MEMBER(log_size), "10MB", "size of the log" },
	{ "socket_mode", CONF_MODE, MEMBER(socket_mode), "0660", "mode of the socket" },
	{ "roles", CONF_LIST, MEMBER(roles), "[node, proxy]", "roles of the host" },
	{ "labels", CONF_MAP, MEMBER(labels), NULL, "static labels" },
	{ "commands", CONF_BLOCKS, MEMBER(commands), .help = "command labels",
	  .blocks = command_keys, .block_size = sizeof(struct command) },
	{ 0 },
};

static int parse(const char *text, struct sample *out, struct err *err)
{
	return conf_parse(keys, "authd.yaml", text, strlen(text), out, err);
}

static void an_empty_file_gives_the_defaults(void **state)
{
	struct sample c;
	struct err err;

	(void)state;
	assert_int_equal(parse("# nothing\n", &c, &err), 0);
	assert_null(c.nodename);
	assert_string_equal(c.listen.host, "::");
	assert_string_equal(c.listen.port, "3025");
	assert_string_equal(c.data_dir, "/var/lib/postern/authd");
	assert_string_equal(c.mode, "node");
	assert_true(c.enabled);
	assert_int_equal(c.ttl, 8 * 3600 * 1000);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.log_size, 10 * 1024 * 1024);
	assert_int_equal(c.socket_mode, 0660);
	assert_int_equal(c.roles.count, 2);
	assert_string_equal(c.roles.items[1], "proxy");
	assert_int_equal(c.labels.count + c.commands.count, 0);
	conf_deinit(keys, &c);
	assert_null(c.listen.host);
}

static void a_file_wins_over_the_defaults(void **state)
{
	struct sample c;
	struct err err;

	(void)state;
	assert_int_equal(parse("nodename: 42\n"
	                       "listen: auth.example.com\n"
	                       "recording: {mode: off, enabled: no}\n"
	                       "certs:\n  ttl: 1h30m\n"
	                       "limits: {count: 10, log_size: 2GB}\n"
	                       "socket_mode: '0600'\n"
	                       "roles: node\n"
	                       "labels: {env: prod, build.id: 7}\n"
	                       "commands:\n- name: uptime\n- {name: load, period: 5s}\n"
	                       "data_dir:\n",
	                       &c, &err),
	                 0);
	assert_string_equal(c.nodename, "42");
	assert_string_equal(c.listen.host, "auth.example.com");
	assert_string_equal(c.listen.port, "3025");
	assert_string_equal(c.mode, "off");
	assert_false(c.enabled);
	assert_int_equal(c.ttl, 90 * 60 * 1000);
	assert_int_equal(c.count, 10);
	assert_int_equal(c.log_size, 2LL << 30);
	assert_int_equal(c.socket_mode, 0600);
	assert_int_equal(c.roles.count, 1);
	assert_string_equal(c.labels.items[1].key, "build.id");
	assert_string_equal(c.labels.items[1].value, "7");
	assert_int_equal(c.commands.count, 2);
	assert_int_equal(((struct command *)c.commands.items)[0].period, 60 * 1000);
	assert_string_equal(((struct command *)c.commands.items)[1].name, "load");
	assert_string_equal(c.data_dir, "/var/lib/postern/authd");
	conf_deinit(keys, &c);
}

static void mistakes_name_file_line_and_key(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "\n\n\ncerts:\n\n\n  ttl: 8 hours\n",
		  "authd.yaml:7: certs.ttl: '8 hours' is not a duration (write '8h', '1h30m' or "
		  "'90s')" },
		{ "certs: {ttl: 5s}",
		  "authd.yaml:1: certs.ttl: '5s' is too little (at least 1m0s)" },
		{ "certs: {ttl: 31h}",
		  "authd.yaml:1: certs.ttl: '31h' is too much (at most 30h0m0s)" },
		{ "certs: {tll: 1h}",
		  "authd.yaml:1: certs.tll: unknown key, did you mean certs.ttl?" },
		{ "listne: x", "authd.yaml:1: listne: unknown key, did you mean listen?" },
		{ "quite_another: 1", "authd.yaml:1: quite_another: unknown key" },
		{ "certs: 8h", "authd.yaml:1: certs: a text is not a map of keys" },
		{ "- certs", "authd.yaml:1: a list is not a map of keys" },
		{ "nodename: a\nroles: x\nnodename: b\n",
		  "authd.yaml:3: 'nodename' is given twice" },
		{ "recording: {mode: both}",
		  "authd.yaml:1: recording.mode: 'both' is not one of node|proxy|off" },
		{ "recording: {enabled: maybe}",
		  "authd.yaml:1: recording.enabled: 'maybe' is not a bool (write yes or no)" },
		{ "limits: {count: 11}",
		  "authd.yaml:1: limits.count: '11' is too much (at most 10)" },
		{ "limits: {count: [1]}", "authd.yaml:1: limits.count: a list is not a number" },
		{ "limits: {log_size: 5TB}", "authd.yaml:1: limits.log_size: '5TB' is not a size "
		                             "(write '64KB', '10MB' or '2GB')" },
		{ "socket_mode: rw",
		  "authd.yaml:1: socket_mode: 'rw' is not a file mode (write 0660)" },
		{ "data_dir: var", "authd.yaml:1: data_dir: 'var' is not an absolute path" },
		{ "listen: host:99999",
		  "authd.yaml:1: listen: '99999' is not a port (0 to 65535)" },
		{ "listen: '[::1'", "authd.yaml:1: listen: '[::1' is not an address "
		                    "(write 'host:port' or '[v6]:port')" },
		{ "labels: {a: {b: c}}", "authd.yaml:1: labels: a map is not a text" },
		{ "commands:\n- period: 5s\n", "authd.yaml:2: name: is required (its name)" },
		{ "commands:\n- name: a\n  perid: 5s\n",
		  "authd.yaml:3: perid: unknown key, did you mean period?" },
		{ "a: [", "authd.yaml:2: did not find expected node content" },
		{ "nodename: a\n---\nnodename: b\n", "authd.yaml:3: a second document" },
		{ "nodename: &x a\nmode: *x\n", "authd.yaml:2: aliases are not supported" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample c;
		struct err err;

		assert_int_equal(parse(cases[i].text, &c, &err), ERR_INVALID);
		assert_string_equal(err.msg, cases[i].message);
		assert_null(c.listen.host);
	}
}

static void addresses_split_into_host_and_port(void **state)
{
	static const struct {
		const char *text, *host, *port; /* host NULL: refused */
	} cases[] = {
		{ "host:1", "host", "1" },
		{ "host", "host", "22" },
		{ "[2001:db8::1]:22", "2001:db8::1", "22" },
		{ "[::1]", "::1", "22" },
		{ "2001:db8::1", "2001:db8::1", "22" },
		{ ":3080", "", "3080" },
		{ "127.0.0.1:0", "127.0.0.1", "0" },
		{ "host:", NULL, NULL },
		{ "host:ssh", NULL, NULL },
		{ "[::1]x", NULL, NULL },
		{ "a b:1", NULL, NULL },
		{ "a/b", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_addr addr;
		struct err err;
		int rc = conf_addr_parse(cases[i].text, "22", &addr, &err);

		assert_int_equal(rc, cases[i].host != NULL ? 0 : ERR_INVALID);
		if (rc != 0)
			continue;
		assert_string_equal(addr.host, cases[i].host);
		assert_string_equal(addr.port, cases[i].port);
		conf_addr_deinit(&addr);
	}
}

static void the_printed_defaults_read_back_as_the_defaults(void **state)
{
	struct sample printed, plain;
	struct buf out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(conf_print_defaults(keys, &out, &err), 0);
	assert_non_null(
	        strstr(buf_str(&out), "certs:\n  # life of a user certificate\n  ttl: 8h\n"));
	assert_non_null(strstr(buf_str(&out), "# the node's name\n#nodename:\n"));
	assert_int_equal(parse(buf_str(&out), &printed, &err), 0);
	assert_int_equal(parse("", &plain, &err), 0);
	assert_int_equal(printed.ttl, plain.ttl);
	assert_int_equal(printed.log_size, plain.log_size);
	assert_int_equal(printed.socket_mode, plain.socket_mode);
	assert_string_equal(printed.listen.host, plain.listen.host);
	assert_int_equal(printed.roles.count, plain.roles.count);
	conf_deinit(keys, &printed);
	conf_deinit(keys, &plain);
	buf_deinit(&out);
}

static void the_man_page_list_has_every_key(void **state)
{
	struct buf out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(conf_print_man(keys, &out, &err), 0);
	assert_non_null(strstr(buf_str(&out), ".It Ic certs.ttl\nlife of a user certificate.\n"
	                                      "Default:\n.Ql 8h .\n"));
	buf_deinit(&out);
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
	struct sample c;
	struct err err;

	(void)state;
	assert_int_equal(conf_load(keys, "/nonexistent/authd.yaml", &c, &err), ERR_NOT_FOUND);
	assert_string_equal(err.msg, "open '/nonexistent/authd.yaml': No such file or directory");
}

static void a_file_on_disk_is_read_whole(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX";
	int fd = mkstemp(path);
	struct sample c;
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(write(fd, "# a comment line\n", 17), 17);
	assert_int_equal(write(fd, "limits: {count: 7}\n", 19), 19);
	close(fd);
	assert_int_equal(conf_load(keys, path, &c, &err), 0);
	assert_int_equal(c.count, 7);
	conf_deinit(keys, &c);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(a_file_wins_over_the_defaults),
		cmocka_unit_test(mistakes_name_file_line_and_key),
		cmocka_unit_test(addresses_split_into_host_and_port),
		cmocka_unit_test(the_printed_defaults_read_back_as_the_defaults),
		cmocka_unit_test(the_man_page_list_has_every_key),
		cmocka_unit_test(a_file_that_is_not_there_is_not_found),
		cmocka_unit_test(a_file_on_disk_is_read_whole),
	};

	return unit_run(tests);
}
