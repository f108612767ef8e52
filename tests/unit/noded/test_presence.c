#include "noded/presence.h"

#include "base/log.h"

#include "tests/unit/noded/fake_authd.h"

#include <fcntl.h>

struct fixture {
	struct node_world w;
	struct fake_authd authd;
};

static struct fixture *begin(const char *settings)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	world_init(&f->w, settings);
	fake_authd_open(&f->authd, &f->w);
	return f;
}

static void end(struct fixture *f)
{
	fake_authd_close(&f->authd, &f->w);
	world_close(&f->w);
	fake_authd_deinit(&f->authd);
	free(f);
}

static const char *label(const struct fixture *f, const char *key)
{
	return label_get(presence_labels(f->w.n.presence), key);
}

static const char *announced(const struct fixture *f, const char *key)
{
	for (pb_size_t i = 0; i < f->authd.node.spec.cmd_labels_count; i++)
		if (str_eq(f->authd.node.spec.cmd_labels[i].key, key))
			return f->authd.node.spec.cmd_labels[i].value.result;
	return NULL;
}

static void the_record_says_who_and_where_the_node_is(void **state)
{
	struct fixture *f = begin("labels: {env: prod}\npublic_addrs: ['web-1.example.com:22']\n");
	const pv_Node *node = &f->authd.node;

	(void)state;
	world_start(&f->w);
	turn_until(&f->w.loop, f->authd.announcements == 1);
	assert_string_equal(node->kind, "node");
	assert_string_equal(node->version, "v2");
	assert_string_equal(node->metadata.name, NODE_ID);
	assert_int_equal(node->metadata.labels_count, 1);
	assert_string_equal(node->metadata.labels[0].key, "env");
	assert_string_equal(node->metadata.labels[0].value, "prod");
	assert_string_equal(node->spec.addr, "web-1:3022");
	assert_string_equal(node->spec.hostname, "web-1");
	assert_int_equal(node->spec.public_addrs_count, 1);
	assert_string_equal(node->spec.version, POSTERN_VERSION);
	assert_string_equal(label(f, "env"), "prod");
	end(f);
}

static void a_label_is_the_first_line_of_what_its_command_prints(void **state)
{
	static const struct {
		const char *command;
		const char *value; /* NULL: none */
	} cases[] = {
		{ "printf one", "one" },
		{ "printf '  two words \\t\\r\\nthree'", "two words" },
		{ "printf '\\nsecond'", "" },
		{ "true", "" },
		{ "printf 'gr\\303\\274n'", "gr\303\274n" },
		{ "printf 'gr\\374n'", NULL },
		{ "printf 'a\\033[31mb'", NULL },
		{ "printf half; exit 3", NULL },
		{ "printf '%02000d' 7", NULL },
		{ "kill -9 $$", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf yaml = { 0 };
		struct fixture *f;

		/* in a block scalar nothing needs to be escaped */
		buf_appendf(&yaml,
		            "commands:\n- name: it\n  command:\n  - sh\n  - -c\n  - |-\n    %s\n",
		            cases[i].command);
		f = begin(buf_str(&yaml));
		world_start(&f->w);
		if (!str_eq(label(f, "it"), cases[i].value))
			fail_msg("case %zu: '%s'", i, label(f, "it"));
		turn_until(&f->w.loop, f->authd.announcements > 0 &&
		                               str_eq(announced(f, "it"), cases[i].value));
		end(f);
		buf_deinit(&yaml);
	}
}

static void a_program_that_is_not_there_is_no_label(void **state)
{
	struct fixture *f = begin("commands: [{name: it, command: [/no/such/program]}]\n");

	(void)state;
	world_start(&f->w);
	assert_null(label(f, "it"));
	assert_true(presence_labels_known(f->w.n.presence));
	end(f);
}

/* The command looks at a file that the test changes. */
static void a_change_is_announced_at_once_and_a_failure_keeps_the_value(void **state)
{
	char *settings = NULL;
	char path[96];
	char line[512] = "";
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	int fds[2], before;

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	strcpy(path, "/tmp/test_presence.XXXXXX");
	close(mkstemp(path));
	settings = str_printf("commands: [{name: it, command: [sh, -c, 'cat %s'], period: 1s}]\n",
	                      path);
	world_init(&f->w, settings);
	free(settings);
	fake_authd_open(&f->authd, &f->w);
	world_check(file_replace(path, "one\n", 4, 0600, &err), &err);
	world_start(&f->w);
	assert_string_equal(label(f, "it"), "one");
	turn_until(&f->w.loop, str_eq(announced(f, "it"), "one"));
	before = f->authd.announcements;
	world_check(file_replace(path, "two\n", 4, 0600, &err), &err);
	turn_until(&f->w.loop, str_eq(announced(f, "it"), "two"));
	assert_int_equal(f->authd.announcements, before + 1);
	unlink(path);
	log_set_fd(fds[1]);
	turn_until(&f->w.loop, read(fds[0], line, sizeof(line) - 1) > 0);
	log_set_fd(STDERR_FILENO);
	assert_non_null(strstr(line, "label not updated"));
	assert_string_equal(label(f, "it"), "two");
	close(fds[1]);
	close(fds[0]);
	end(f);
}

static void announced_once_it_only_says_that_it_is_still_here(void **state)
{
	struct fixture *f = begin("announce_ttl: 2s\n");

	(void)state;
	world_start(&f->w);
	turn_until(&f->w.loop, f->authd.keep_alives == 2);
	assert_int_equal(f->authd.announcements, 1);
	end(f);
}

static void authd_that_comes_late_hears_at_once(void **state)
{
	struct fixture *f = begin("");

	(void)state;
	f->w.on_connected = NULL;
	fake_authd_close(&f->authd, &f->w);
	world_start(&f->w);
	turn_until(&f->w.loop, cache_filled(f->w.n.cache));
	fake_authd_open(&f->authd, &f->w);
	turn_until(&f->w.loop, f->w.connected);
	turn_until(&f->w.loop, f->authd.announcements > 0);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_record_says_who_and_where_the_node_is),
		cmocka_unit_test(a_label_is_the_first_line_of_what_its_command_prints),
		cmocka_unit_test(a_program_that_is_not_there_is_no_label),
		cmocka_unit_test(a_change_is_announced_at_once_and_a_failure_keeps_the_value),
		cmocka_unit_test(announced_once_it_only_says_that_it_is_still_here),
		cmocka_unit_test(authd_that_comes_late_hears_at_once),
	};

	return unit_run(tests);
}
