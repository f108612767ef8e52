#include "conf/args.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"

#include "tests/unit/unit.h"

#include <string.h>

struct sample {
	bool force;
	bool verbose;
	const char *ttl;
	struct strlist roles;
	int argc;
	char *argv[16];
	struct err err;
};

/* Splits the line at its blanks and parses that. */
static int parse(struct sample *s, unsigned flags, char *line)
{
	const struct args_option global[] = {
		{ "verbose", 'v', ARGS_FLAG, &s->verbose },
		{ 0 },
	};
	const struct args_option own[] = {
		{ "force", 'f', ARGS_FLAG, &s->force },
		{ "ttl", 't', ARGS_TEXT, &s->ttl },
		{ "roles", 0, ARGS_LIST, &s->roles },
		{ 0 },
	};
	const struct args_option *const tables[] = { global, own, NULL };

	s->argc = 0;
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		s->argv[s->argc++] = word;
	return args_parse(tables, flags, &s->argc, s->argv, &s->err);
}

static void options_and_words_come_in_any_order(void **state)
{
	char line[] = "alice --roles=dev,ops -v --ttl 8h bob --roles admin --force -- --not";
	struct sample s = { 0 };

	(void)state;
	assert_int_equal(parse(&s, 0, line), 0);
	assert_true(s.force && s.verbose);
	assert_string_equal(s.ttl, "8h");
	assert_int_equal(s.roles.count, 3);
	assert_string_equal(s.roles.items[2], "admin");
	assert_int_equal(s.argc, 3);
	assert_string_equal(s.argv[0], "alice");
	assert_string_equal(s.argv[1], "bob");
	assert_string_equal(s.argv[2], "--not");
	strlist_deinit(&s.roles);
}

static void letters_may_be_joined(void **state)
{
	char line[] = "-fvt1h -";
	struct sample s = { 0 };

	(void)state;
	assert_int_equal(parse(&s, 0, line), 0);
	assert_true(s.force && s.verbose);
	assert_string_equal(s.ttl, "1h");
	assert_int_equal(s.argc, 1);
	assert_string_equal(s.argv[0], "-");
}

static void parsing_can_stop_at_the_first_word(void **state)
{
	char line[] = "-v users add --force";
	struct sample s = { 0 };

	(void)state;
	assert_int_equal(parse(&s, ARGS_STOP_AT_WORD, line), 0);
	assert_true(s.verbose && !s.force);
	assert_int_equal(s.argc, 3);
	assert_string_equal(s.argv[2], "--force");
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
		{ "--rolse=a", "unknown option '--rolse', did you mean '--roles'?" },
		{ "--something-else", "unknown option '--something-else'" },
		{ "-x", "unknown option '-x'" },
		{ "--force=yes", "option '--force' takes no value" },
		{ "--ttl", "option '--ttl' needs a value" },
		{ "-t", "option '--ttl' needs a value" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample s = { 0 };
		char line[64];

		assert_int_equal(str_copy(line, sizeof(line), cases[i].line), 0);
		assert_int_equal(parse(&s, 0, line), ERR_INVALID);
		assert_string_equal(s.err.msg, cases[i].message);
		strlist_deinit(&s.roles);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_words_come_in_any_order),
		cmocka_unit_test(letters_may_be_joined),
		cmocka_unit_test(parsing_can_stop_at_the_first_word),
		cmocka_unit_test(mistakes_are_named),
	};

	return unit_run(tests);
}
