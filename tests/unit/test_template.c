#include "model/template.h"

#include "base/err.h"
#include "base/strlist.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static char *two_logins[] = { TEXT("alice"), TEXT("ubuntu") };
static char *mail[] = { TEXT("alice@example.com") };
static char *teams[] = { TEXT("team-red"), TEXT("guild-c"), TEXT("team-blue") };
static char *broken[] = { TEXT("nobody") };

static const pv_Identity_TraitsEntry entries[] = {
	{ TEXT("logins"), true, { 2, two_logins } }, { TEXT("email"), true, { 1, mail } },
	{ TEXT("teams"), true, { 3, teams } },       { TEXT("broken"), true, { 1, broken } },
	{ TEXT("none"), true, { 0, NULL } },         { TEXT("with blank"), true, { 1, broken } },
};

static const struct traits traits = { entries, sizeof(entries) / sizeof(entries[0]) };

/* What a text stands for, joined by '|'; the error's name in angles when it fails. */
static const char *expanded(const char *text)
{
	static char joined[500];
	struct strlist out = { 0 };
	struct err err;
	int rc = template_expand(text, &traits, &out, &err);

	joined[0] = 0;
	if (rc != 0)
		snprintf(joined, sizeof(joined), "<%s>", err_name(rc));
	for (size_t i = 0; rc == 0 && i < out.count; i++) {
		strcat(joined, i > 0 ? "|" : "");
		strcat(joined, out.items[i]);
	}
	strlist_deinit(&out);
	return joined;
}

static void texts_expand_as_the_table_says(void **state)
{
	const struct {
		const char *text, *want;
	} rows[] = {
		{ "root", "root" },
		{ "", "" },
		{ "{{internal.logins}}", "alice|ubuntu" },
		{ "{{ internal.logins }}", "alice|ubuntu" },
		{ "{{internal[\"logins\"]}}", "alice|ubuntu" },
		{ "{{external[\"with blank\"]}}", "nobody" },
		{ "IAM#{{external.email}};", "IAM#alice@example.com;" },
		{ "{{external.missing}}", "" },
		{ "{{external.none}}", "" },
		{ "{{email.local(external.email)}}", "alice" },
		{ "{{email.local( external.email )}}", "alice" },
		{ "x-{{email.local(external.email)}}-y", "x-alice-y" },
		{ "{{email.local(external.broken)}}", "<invalid>" },
		{ "{{regexp.replace(external.teams, \"^team-(.*)$\", \"$1-admin\")}}",
		  "red-admin|blue-admin" },
		{ "{{regexp.replace(email.local(external.email), \"^(a).*$\", \"${1}x\")}}", "ax" },
		{ "{{strings.upper(internal.logins)}}", "ALICE|UBUNTU" },
		{ "{{strings.lower(strings.upper(external.email))}}", "alice@example.com" },
		{ "{{regexp.replace(external.teams, \"^none$\", \"x\")}}", "" },
		{ "{{regexp.replace(external.teams, \"^(team)-red$\", \"$2\")}}", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = expanded(rows[i].text);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("'%s' gives '%s', not '%s'", rows[i].text, got, rows[i].want);
	}
}

static void bad_templates_are_refused_with_a_reason(void **state)
{
	const struct {
		const char *text, *reason;
	} rows[] = {
		{ "{{internal.logins", "'}}' is missing" },
		{ "internal.logins}}", "'{{' is missing" },
		{ "{{}}", "a name is missing" },
		{ "{{internal}}", "a trait is missing" },
		{ "{{internal.}}", "a name is missing" },
		{ "{{internal.passwords}}", "internal has no such trait" },
		{ "{{secret.logins}}", "only internal and external hold traits" },
		{ "{{internal.logins}}{{internal.logins}}", "there is more than one expression" },
		{ "}}{{internal.logins}}", "there is more than one expression" },
		{ "{{email.local(external.email}}", "')' is missing" },
		{ "{{email.local(email.local(email.local(email.local(email.local(external.a)))))}}",
		  "functions are nested too deep" },
		{ "{{regexp.replace(external.a)}}", "',' is missing" },
		{ "{{regexp.replace(external.a, \"(\", \"x\")}}", "not a regular expression" },
		{ "{{external[\"a]}}", "a string does not end" },
		{ "{{external.a b}}", "'}}' is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		if (template_check(rows[i].text, &err) != ERR_INVALID ||
		    strstr(err.msg, rows[i].reason) == NULL)
			fail_msg("'%s': %s", rows[i].text, err.msg);
	}
}

/* "{{KIND...}}" with as many a's within as make it that long. */
static int check_long(const char *before, size_t letters, const char *after, struct err *err)
{
	char *text = calloc(1, strlen(before) + letters + strlen(after) + 1);
	int rc;

	strcpy(text, before);
	memset(text + strlen(before), 'a', letters);
	strcat(text, after);
	rc = template_check(text, err);
	free(text);
	return rc;
}

static void every_part_of_a_template_has_a_longest_length(void **state)
{
	const struct {
		const char *before, *after;
		size_t most;
		const char *reason;
	} rows[] = {
		{ "{{external.", "}}", 127, "a name is too long" },
		{ "{{external[\"", "\"]}}", 127, "a string is too long" },
		{ "{{regexp.replace(external.a, \"", "\", \"\")}}", 1024, "a string is too long" },
		{ "{{external.a}}", "", 2034, "it is too long" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (check_long(rows[i].before, rows[i].most, rows[i].after, &err) != 0)
			fail_msg("'%s': %s", rows[i].before, err.msg);
		if (check_long(rows[i].before, rows[i].most + 1, rows[i].after, &err) !=
		            ERR_INVALID ||
		    strstr(err.msg, rows[i].reason) == NULL)
			fail_msg("'%s': %s", rows[i].before, err.msg);
	}
}

/* Dropped without a word, it would be missing where it denies. */
static void a_value_that_a_replacement_makes_too_long_is_an_error(void **state)
{
	char value[1500], *values[] = { value };
	pv_Identity_TraitsEntry entry = { (char *)"a", true, { 1, values } };
	const struct traits long_ones = { &entry, 1 };
	struct strlist out = { 0 };
	struct err err;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	assert_int_equal(template_expand("{{regexp.replace(external.a, \"^(.*)$\", \"$1\")}}",
	                                 &long_ones, &out, &err),
	                 0);
	assert_int_equal(template_expand("{{regexp.replace(external.a, \"^(.*)$\", \"$1$1\")}}",
	                                 &long_ones, &out, &err),
	                 ERR_LIMIT);
	assert_int_equal(out.count, 1);
	strlist_deinit(&out);
}

static void plain_text_needs_no_check(void **state)
{
	struct err err;

	(void)state;
	assert_false(template_used("root"));
	assert_true(template_used("x}}"));
	assert_int_equal(template_check("root{}", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_expand_as_the_table_says),
		cmocka_unit_test(bad_templates_are_refused_with_a_reason),
		cmocka_unit_test(every_part_of_a_template_has_a_longest_length),
		cmocka_unit_test(a_value_that_a_replacement_makes_too_long_is_an_error),
		cmocka_unit_test(plain_text_needs_no_check),
	};

	return unit_run(tests);
}
