#include "model/label.h"
#include "model/label_pattern.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static void patterns_match_as_the_table_says(void **state)
{
	const struct {
		const char *pattern, *value;
		bool match;
	} rows[] = {
		{ "*", "anything", true },
		{ "*", "", true },
		{ "prod", "prod", true },
		{ "prod", "production", false },
		{ "prod", "Prod", false },
		{ "abc-*-prod", "abc-web-prod", true },
		{ "abc-*-prod", "abc--prod", true },
		{ "abc-*-prod", "abc-web-prod2", false },
		{ "*a*b*", "xxaxxbxx", true },
		{ "*a*b*", "xxbxxaxx", false },
		{ "a.c", "abc", false }, /* a dot is a dot */
		{ "a*", "a\nb", true },
		{ "^dev-[0-9]+$", "dev-12", true },
		{ "^dev-[0-9]+$", "dev-", false },
		{ "^dev-[0-9]+$", "dev-12\n", false },
		{ "^foo.*$", "foobar", true },
		{ "^foo.*$", "xfoobar", false },
		{ "^(a|b)$", "b", true },
		{ "^prod", "prod", false }, /* no $ at the end: literal */
		{ "^prod", "^prod", true },
		{ "", "", true },
		{ "", "x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err;
		bool match = !rows[i].match;

		assert_int_equal(label_pattern_match(rows[i].pattern, rows[i].value, &match, &err),
		                 0);
		if (match != rows[i].match)
			fail_msg("'%s' against '%s'", rows[i].pattern, rows[i].value);
	}
}

static void an_expression_that_does_not_compile_is_refused(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(label_pattern_check("^dev-[$", &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "'^dev-[$' is not a regular expression: "));
	assert_int_equal(label_pattern_check("^(((a$", &err), ERR_INVALID);
	assert_int_equal(label_pattern_check("(((a", &err), 0); /* literal */
}

static void an_expression_that_would_take_ages_ends_in_an_error(void **state)
{
	char value[200];
	struct err err;
	bool match;

	(void)state;
	memset(value, 'a', sizeof(value) - 2);
	value[sizeof(value) - 2] = '!';
	value[sizeof(value) - 1] = 0;
	assert_int_equal(label_pattern_match("^(a+)+$", value, &match, &err), ERR_LIMIT);
}

static void a_pattern_that_is_too_long_is_refused(void **state)
{
	char pattern[LABEL_PATTERN_MAX + 2];
	struct err err;

	(void)state;
	memset(pattern, 'a', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = 0;
	assert_int_equal(label_pattern_check(pattern, &err), ERR_INVALID);
}

/* "k=v1|v2 k2=v" as a selector, "k=v k2=v" as labels; in place. */
static size_t parse_pairs(char *text, pv_RoleConditions_NodeLabelsEntry *entries, char *values[][4])
{
	size_t n = 0;
	char *save, *inner;

	for (char *pair = strtok_r(text, " ", &save); pair != NULL;
	     pair = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(pair, '=');
		pv_RoleConditions_NodeLabelsEntry *e = &entries[n];

		*equals = 0;
		*e = (pv_RoleConditions_NodeLabelsEntry){ .key = pair, .has_value = true };
		e->value.values = values[n++];
		for (char *v = strtok_r(equals + 1, "|", &inner); v != NULL;
		     v = strtok_r(NULL, "|", &inner))
			e->value.values[e->value.values_count++] = v;
	}
	return n;
}

static bool selects(const char *selector, const char *labels, const char **out_key)
{
	char text[2][200], *values[2][8][4];
	pv_RoleConditions_NodeLabelsEntry entries[2][8];
	struct label items[8];
	struct label_set set = { items, 0 };
	struct label_selector *s;
	struct err err;
	bool match;
	size_t n;

	strcpy(text[0], selector);
	strcpy(text[1], labels);
	n = parse_pairs(text[0], entries[0], values[0]);
	set.count = parse_pairs(text[1], entries[1], values[1]);
	for (size_t i = 0; i < set.count; i++)
		items[i] =
		        (struct label){ entries[1][i].key, entries[1][i].value.values_count > 0
			                                           ? entries[1][i].value.values[0]
			                                           : "" };
	assert_int_equal(label_selector_new(&s, entries[0], n, &err), 0);
	assert_int_equal(label_selector_match(s, &set, &match, out_key, &err), 0);
	label_selector_free(s);
	return match;
}

static void selectors_choose_as_the_table_says(void **state)
{
	const struct {
		const char *selector, *labels;
		bool match;
	} rows[] = {
		{ "", "", false },
		{ "", "env=prod", false },
		{ "*=*", "", true },
		{ "*=*", "env=prod", true },
		{ "env=prod", "env=prod", true },
		{ "env=prod", "env=dev", false },
		{ "env=prod", "", false },
		{ "env=*", "env=x", true },
		{ "env=*", "tier=x", false },
		{ "env=prod|dev", "env=dev", true },
		{ "env=prod|dev", "env=qa", false },
		{ "env=prod tier=web", "env=prod tier=web", true },
		{ "env=prod tier=web", "env=prod", false },
		{ "env=prod tier=web", "env=prod tier=db", false },
		{ "env=^stag.*$|prod", "env=staging x=y", true },
		{ "env=", "env=prod", false },          /* no values at all */
		{ "env=new", "env=old env=new", true }, /* the later one counts */
		{ "env=old", "env=old env=new", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (selects(rows[i].selector, rows[i].labels, NULL) != rows[i].match)
			fail_msg("selector '%s' on labels '%s'", rows[i].selector, rows[i].labels);
}

static void a_node_has_its_static_labels_and_its_commands_results_win(void **state)
{
	pv_Metadata_LabelsEntry fixed[] = { { TEXT("env"), TEXT("prod") },
		                            { TEXT("kernel"), TEXT("unknown") } };
	pv_NodeSpec_CmdLabelsEntry found[] = {
		{ .key = TEXT("kernel"), .has_value = true, .value = { .result = TEXT("6.1") } },
		{ .key = TEXT("silent"), .has_value = true },
	};
	pv_Node node = { .metadata = { .labels_count = 2, .labels = fixed },
		         .spec = { .cmd_labels_count = 2, .cmd_labels = found } };
	struct label *items;
	struct label_set set;
	struct err err;

	(void)state;
	assert_int_equal(label_of_node(&node, &items, &set, &err), 0);
	assert_string_equal(label_get(&set, "env"), "prod");
	assert_string_equal(label_get(&set, "kernel"), "6.1");
	assert_null(label_get(&set, "silent"));
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_the_table_says),
		cmocka_unit_test(an_expression_that_does_not_compile_is_refused),
		cmocka_unit_test(an_expression_that_would_take_ages_ends_in_an_error),
		cmocka_unit_test(a_pattern_that_is_too_long_is_refused),
		cmocka_unit_test(selectors_choose_as_the_table_says),
		cmocka_unit_test(a_node_has_its_static_labels_and_its_commands_results_win),
	};

	return unit_run(tests);
}
