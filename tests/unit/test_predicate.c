#include "model/predicate.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/action.h"
#include "model/label.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static char *roles[] = { TEXT("dev"), TEXT("ops") };
static char *teams[] = { TEXT("red"), TEXT("blue") };
static char *mail[] = { TEXT("alice@example.com") };
static char *broken[] = { TEXT("nobody") };
static char *many[] = { TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") };
static const pv_Identity_TraitsEntry traits[] = {
	{ TEXT("teams"), true, { 2, teams } },   { TEXT("email"), true, { 1, mail } },
	{ TEXT("broken"), true, { 1, broken } }, { TEXT("with blank"), true, { 1, broken } },
	{ TEXT("long"), true, { 1, many } },
};
static const pv_Identity alice = {
	.user = TEXT("alice"),
	.roles = roles,
	.roles_count = 2,
	.traits = (pv_Identity_TraitsEntry *)traits,
	.traits_count = 5,
};

static char *people[] = { TEXT("bob"), TEXT("alice") };
static const pv_Resource session = {
	.which_of = pv_Resource_session_tag,
	.of.session = { .sub_kind = TEXT("ssh"),
	                .metadata = { .name = TEXT("s-1") },
	                .spec = { .user = TEXT("bob"),
	                          .login = TEXT("root"),
	                          .participants = people,
	                          .participants_count = 2 } },
};
static pv_Metadata_LabelsEntry role_labels[] = { { TEXT("env"), TEXT("dev") } };
static const pv_Resource role = {
	.which_of = pv_Resource_role_tag,
	.of.role.metadata = { .name = TEXT("db-admin"), .labels = role_labels, .labels_count = 1 },
};
static const pv_Resource authority = {
	.which_of = pv_Resource_cert_authority_tag,
	.of.cert_authority = { .sub_kind = TEXT("host") },
};

static const struct label node_labels[] = { { "env", "lab" },
	                                    { "team", "red" },
	                                    { "team-2", "blue" } };
static const struct label_set labels = { node_labels, 3 };

static enum predicate_truth test_in(const char *text, enum predicate_use use,
                                    const struct predicate_context *ctx, struct err *err)
{
	enum predicate_truth truth;
	struct predicate *p;

	if (predicate_new(&p, text, use, err) != 0)
		fail_msg("%s: %s", text, err->msg);
	truth = predicate_test(p, ctx, err);
	predicate_free(p);
	return truth;
}

static void conditions_of_rules_hold_as_the_table_says(void **state)
{
	const struct {
		const char *text;
		enum predicate_truth want;
	} rows[] = {
		{ "contains(session.participants, user.metadata.name)", PREDICATE_YES },
		{ "contains(session.participants, \"carol\")", PREDICATE_NO },
		{ "!contains(session.participants, user.metadata.name)", PREDICATE_NO },
		{ "contains(ssh_session.participants, user.metadata.name)", PREDICATE_YES },
		{ "equals(session.owner, \"bob\") && equals(session.kind, \"ssh\")",
		  PREDICATE_YES },
		{ "equals(session.login, \"root\")", PREDICATE_YES },
		{ "equals(resource.kind, \"session\")", PREDICATE_YES },
		{ "equals(resource.metadata.name, \"s-1\")", PREDICATE_YES },
		{ "equals(resource.metadata.labels[\"env\"], \"dev\")", PREDICATE_NO },
		{ "equals(resource.metadata.labels[\"env\"], \"\")", PREDICATE_YES },
		{ "contains(user.spec.roles, \"ops\")", PREDICATE_YES },
		{ "contains(user.spec.traits[\"teams\"], \"red\")", PREDICATE_YES },
		{ "contains(user.spec.traits.teams, \"green\")", PREDICATE_NO },
		{ "contains(user.spec.traits[`with blank`], `nobody`)", PREDICATE_YES },
		{ "contains(user.spec.traits[\"none\"], \"\")", PREDICATE_NO },
		{ "equals(user.spec.traits[\"email\"], \"alice@example.com\")", PREDICATE_YES },
		{ "equals(user.spec.traits[\"teams\"], \"red\")", PREDICATE_NO },
		{ "equals(user.spec.traits[\"teams\"], [\"blue\", \"red\"])", PREDICATE_YES },
		{ "contains([\"x\", user.metadata.name], \"alice\")", PREDICATE_YES },
		{ "contains([], \"x\")", PREDICATE_NO },
		{ "contains(set(\"x\", \"y\"), \"y\")", PREDICATE_YES },
		{ "contains_all(user.spec.roles, [\"dev\", \"ops\"])", PREDICATE_YES },
		{ "contains_all(user.spec.roles, [\"dev\", \"x\"])", PREDICATE_NO },
		{ "contains_all(user.spec.roles, [])", PREDICATE_NO },
		{ "contains_any(user.spec.roles, [\"x\", \"ops\"])", PREDICATE_YES },
		{ "contains_any(user.spec.roles, [\"x\"])", PREDICATE_NO },
		{ "is_subset([\"dev\"], user.spec.roles)", PREDICATE_YES },
		{ "is_subset([\"dev\", \"x\"], user.spec.roles)", PREDICATE_NO },
		{ "all_equals([\"a\", \"a\"], \"a\")", PREDICATE_YES },
		{ "all_equals([\"a\", \"b\"], \"a\")", PREDICATE_NO },
		{ "all_equals([], \"a\")", PREDICATE_NO },
		{ "all_end_with([\"xa\", \"ya\"], \"a\")", PREDICATE_YES },
		{ "all_end_with([\"xa\", \"yb\"], \"a\")", PREDICATE_NO },
		{ "has_prefix(user.metadata.name, \"al\")", PREDICATE_YES },
		{ "has_prefix(user.spec.roles, \"op\")", PREDICATE_YES },
		{ "has_suffix(user.metadata.name, \"al\")", PREDICATE_NO },
		{ "has_suffix(user.spec.roles, \"ps\")", PREDICATE_YES },
		{ "regexp.match(user.metadata.name, \"^a[a-l].*$\")", PREDICATE_YES },
		{ "regexp.match(user.spec.roles, \"o*s\")", PREDICATE_YES },
		{ "regexp.not_match(user.spec.roles, \"o*s\")", PREDICATE_NO },
		{ "contains(regexp.replace(user.spec.roles, \"^d(.*)$\", \"$1-x\"), \"ev-x\")",
		  PREDICATE_YES },
		{ "equals(regexp.replace(user.spec.roles, \"^d(.*)$\", \"$1\"), [\"ev\"])",
		  PREDICATE_YES },
		{ "equals(email.local(user.spec.traits[\"email\"]), user.metadata.name)",
		  PREDICATE_YES },
		{ "equals(strings.upper(user.metadata.name), \"ALICE\")", PREDICATE_YES },
		{ "strings.lower(\"ABC\") == \"abc\"", PREDICATE_YES },
		{ "user.metadata.name != \"alice\"", PREDICATE_NO },
		{ "!(user.metadata.name == \"bob\" || user.metadata.name == \"carol\")",
		  PREDICATE_YES },
		{ "equals(\"a\\\"b\\\\\", `a\"b\\`)", PREDICATE_YES },
		{ " equals ( \"a\" ,\"a\" )&&!equals(\"a\",\"b\") ", PREDICATE_YES },
		/* && binds more than || */
		{ "equals(\"a\",\"a\") || equals(\"a\",\"a\") && equals(\"a\",\"b\")",
		  PREDICATE_YES },
		{ "(equals(\"a\",\"a\") || equals(\"a\",\"a\")) && equals(\"a\",\"b\")",
		  PREDICATE_NO },
	};
	const struct predicate_context ctx = { .who = &alice, .resource = &session };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		if (test_in(rows[i].text, PREDICATE_WHERE, &ctx, &err) != rows[i].want)
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

static void what_is_looked_at_may_be_another_kind_of_thing(void **state)
{
	const struct {
		const char *text;
		const pv_Resource *resource;
		enum predicate_truth want;
	} rows[] = {
		{ "has_prefix(resource.metadata.name, \"db-\")", &role, PREDICATE_YES },
		{ "equals(resource.metadata.labels[\"env\"], \"dev\")", &role, PREDICATE_YES },
		{ "equals(resource.metadata.labels.env, \"dev\")", &role, PREDICATE_YES },
		{ "contains(session.participants, \"alice\")", &role, PREDICATE_NO },
		{ "equals(session.owner, \"\")", &role, PREDICATE_YES },
		{ "equals(system.catype(), \"host\")", &authority, PREDICATE_YES },
		{ "equals(resource.sub_kind, \"host\")", &authority, PREDICATE_YES },
		{ "equals(system.catype(), \"host\")", &role, PREDICATE_NO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct predicate_context ctx = { .who = &alice,
			                               .resource = rows[i].resource };
		struct err err = { 0 };

		if (test_in(rows[i].text, PREDICATE_WHERE, &ctx, &err) != rows[i].want)
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

static void impersonation_is_judged_by_name_and_labels(void **state)
{
	const pv_Resource user = { .which_of = pv_Resource_user_tag,
		                   .of.user.metadata = { .name = TEXT("ci-bot"),
		                                         .labels = role_labels,
		                                         .labels_count = 1 } };
	const struct predicate_context ctx = { .who = &alice,
		                               .impersonated_user = &user,
		                               .impersonated_role = &role };
	struct err err;

	(void)state;
	assert_int_equal(test_in("has_prefix(impersonate_user.metadata.name, \"ci-\") && "
	                         "equals(impersonate_user.metadata.labels[\"env\"], \"dev\")",
	                         PREDICATE_WHERE, &ctx, &err),
	                 PREDICATE_YES);
	assert_int_equal(test_in("equals(impersonate_role.metadata.name, \"db-admin\") && "
	                         "equals(impersonate_role.metadata.labels.env, \"dev\")",
	                         PREDICATE_WHERE, &ctx, &err),
	                 PREDICATE_YES);
}

static void expressions_of_labels_hold_as_the_table_says(void **state)
{
	const struct {
		const char *text;
		enum predicate_truth want;
	} rows[] = {
		{ "labels[\"env\"] == \"lab\" || contains(user.spec.traits[\"teams\"], "
		  "labels[\"team\"])",
		  PREDICATE_YES },
		{ "labels[\"env\"] == \"prod\"", PREDICATE_NO },
		{ "labels.env != \"prod\"", PREDICATE_YES },
		{ "labels[\"none\"] == \"\"", PREDICATE_YES },
		{ "contains(user.spec.traits.teams, labels[\"team\"])", PREDICATE_YES },
		{ "contains(labels_matching(\"team*\"), \"blue\")", PREDICATE_YES },
		{ "contains(labels_matching(\"^team$\"), \"blue\")", PREDICATE_NO },
	};
	const struct predicate_context ctx = { .who = &alice, .labels = &labels };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		if (test_in(rows[i].text, PREDICATE_LABELS, &ctx, &err) != rows[i].want)
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

static void what_is_not_known_gives_no_answer_unless_the_rest_settles_it(void **state)
{
	const struct {
		const char *text;
		enum predicate_truth want;
		const char *why;
	} rows[] = {
		{ "contains(session.participants, \"x\")", PREDICATE_UNKNOWN,
		  "session.participants is not known" },
		{ "!contains(session.participants, \"x\")", PREDICATE_UNKNOWN,
		  "session.participants is not known" },
		{ "resource.metadata.name != \"x\"", PREDICATE_UNKNOWN,
		  "resource.metadata.name is not known" },
		{ "equals(resource.kind, resource.sub_kind)", PREDICATE_UNKNOWN,
		  "resource.kind is not known" },
		{ "equals(\"ssh\", resource.sub_kind)", PREDICATE_UNKNOWN,
		  "resource.sub_kind is not known" },
		{ "equals(resource.metadata.labels.a, \"\")", PREDICATE_UNKNOWN,
		  "resource.metadata.labels is not known" },
		{ "equals(session.owner, session.login)", PREDICATE_UNKNOWN,
		  "session.owner is not known" },
		{ "equals(\"\", session.login)", PREDICATE_UNKNOWN, "session.login is not known" },
		{ "equals(system.catype(), \"user\")", PREDICATE_UNKNOWN,
		  "the authority is not known" },
		{ "equals(impersonate_user.metadata.name, \"\")", PREDICATE_UNKNOWN,
		  "impersonate_user.metadata.name is not known" },
		{ "equals(impersonate_user.metadata.labels.a, \"\")", PREDICATE_UNKNOWN,
		  "impersonate_user.metadata.labels is not known" },
		{ "contains([resource.kind], \"\")", PREDICATE_UNKNOWN,
		  "resource.kind is not known" },
		{ "equals(resource.kind, \"x\") && equals(\"a\", \"b\")", PREDICATE_NO, NULL },
		{ "equals(\"a\", \"a\") || equals(resource.kind, \"x\")", PREDICATE_YES, NULL },
		{ "equals(resource.kind, \"x\") || equals(\"a\", \"a\")", PREDICATE_YES, NULL },
		{ "equals(resource.kind, \"x\") || equals(\"a\", \"b\")", PREDICATE_UNKNOWN,
		  "resource.kind is not known" },
		{ "equals(email.local(user.spec.traits[\"broken\"]), \"x\")", PREDICATE_UNKNOWN,
		  "'nobody' is not an e-mail address" },
		{ "regexp.match(user.spec.traits[\"long\"], \"^(a+)+$\")", PREDICATE_UNKNOWN,
		  "a regular expression takes too long on" },
		{ "regexp.not_match(user.spec.traits[\"long\"], \"^(a+)+$\")", PREDICATE_UNKNOWN,
		  "a regular expression takes too long on" },
	};
	const struct predicate_context ctx = { .who = &alice };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		if (test_in(rows[i].text, PREDICATE_WHERE, &ctx, &err) != rows[i].want ||
		    (rows[i].why != NULL && strstr(err.msg, rows[i].why) == NULL))
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

static void without_anybody_or_labels_nothing_about_them_is_known(void **state)
{
	const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{ "equals(user.metadata.name, \"\")", "user.metadata.name is not known" },
		{ "contains(user.spec.roles, \"\")", "user.spec.roles is not known" },
		{ "contains(user.spec.traits.x, \"\")", "user.spec.traits is not known" },
		{ "labels.env == \"\"", "labels is not known" },
		{ "contains(labels_matching(\"*\"), \"\")", "the labels are not known" },
	};
	const struct predicate_context ctx = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(test_in(rows[i].text, PREDICATE_LABELS, &ctx, &err),
		                 PREDICATE_UNKNOWN);
		assert_string_equal(err.msg, rows[i].why);
	}
}

static void bad_expressions_are_refused_with_a_reason(void **state)
{
	const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "something is missing at byte 1" },
		{ "contains(", "something is missing at byte 10" },
		{ "contains(session.participants", "',' or the end of a list is missing" },
		{ "contains(session.participants)", "too few arguments" },
		{ "contains(session.participants, \"a\", \"b\")", "too many arguments" },
		{ "contains(\"a\", \"b\")", "an argument is of the wrong type" },
		{ "equals(equals(\"a\", \"b\"), \"a\")", "an argument is of the wrong type" },
		{ "contains([[\"a\"]], \"a\")", "a list holds texts" },
		{ "contains([\"a\", \"b\")", "',' or the end of a list is missing" },
		{ "system.catype(\"x\") == \"\"", "too many arguments" },
		{ "launch(\"missiles\")", "no function 'launch'" },
		{ "user.metadata.nickname == \"x\"", "no field 'user.metadata.nickname'" },
		{ "labels[\"env\"] == \"x\"", "no field 'labels'" },
		{ "user.spec.traits == \"x\"", "which entry? '[' is missing" },
		{ "user.spec.traits[x] == \"x\"", "a text in quotes is missing" },
		{ "user.spec.traits[\"x\" == \"x\"", "']' is missing" },
		{ "user.spec.traits[\"x", "a text does not end" },
		{ "equals(\"a, \"b\")", "',' or the end of a list is missing" },
		{ "equals(`a", "a text does not end" },
		{ "\"a\"", "neither true nor false" },
		{ "user.spec.roles", "neither true nor false" },
		{ "log(\"info\", \"x\")", "neither true nor false" },
		{ "!\"a\"", "'!' of something that is not true or false" },
		{ "\"a\" && equals(\"a\", \"b\")", "'&&' and '||' join what is true or false" },
		{ "equals(\"a\", \"b\") == equals(\"a\", \"b\")", "only texts and lists" },
		{ "(equals(\"a\", \"b\")", "')' is missing" },
		{ "equals(\"a\", \"b\") equals(\"a\", \"b\")", "something is behind the end" },
		{ "equals(\"a\", \"b\") & equals(\"a\", \"b\")", "something is behind the end" },
		{ "regexp.match(user.spec.roles, \"^(a$\")", "is not a regular expression" },
		{ "regexp.replace(user.spec.roles, \"(\", \"\")", "is not a regular expression" },
		{ "regexp.match(user.spec.roles, user.metadata.name)",
		  "an expression must be a text in quotes" },
		{ "!!!!!!!!!!!!!!!!!!!!!equals(\"a\", \"b\")", "nested too deep" },
		{ "(((((((((((((((((((((equals(\"a\", \"b\"", "nested too deep" },
		{ "equals(\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\","
		  "\"12\",\"13\",\"14\",\"15\",\"16\",\"17\")",
		  "too many arguments" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		if (predicate_check(rows[i].text, PREDICATE_WHERE, &err) != ERR_INVALID ||
		    strstr(err.msg, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

static void an_expression_has_a_longest_length_and_a_longest_name(void **state)
{
	char text[PREDICATE_MAX + 2];
	struct err err;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(predicate_check(text, PREDICATE_WHERE, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "more than 2048 bytes"));
	text[PREDICATE_MAX] = 0;
	assert_int_equal(predicate_check(text, PREDICATE_WHERE, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "a name is too long"));
}

static void a_test_makes_a_bounded_number_of_steps(void **state)
{
	static char *values[PREDICATE_STEPS + 1], v[] = "v";
	pv_Identity_TraitsEntry entry = { TEXT("x"), true, { PREDICATE_STEPS + 1, values } };
	const pv_Identity who = { .traits = &entry, .traits_count = 1 };
	const struct predicate_context ctx = { .who = &who };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i <= PREDICATE_STEPS; i++)
		values[i] = v;
	assert_int_equal(
	        test_in("regexp.match(user.spec.traits.x, \"w\")", PREDICATE_WHERE, &ctx, &err),
	        PREDICATE_UNKNOWN);
	assert_string_equal(err.msg, "an expression takes too long");
	entry.value.values_count--;
	assert_int_equal(
	        test_in("regexp.match(user.spec.traits.x, \"w\")", PREDICATE_WHERE, &ctx, &err),
	        PREDICATE_NO);
}

/* --- access requests ------------------------------------------------------------------------- */

static void requests_and_reviews_are_looked_at_by_those_who_judge(void **state)
{
	const struct {
		const char *text;
		enum predicate_truth judge, review;
	} rows[] = {
		{ "contains(reviewer.roles, \"ops\")", PREDICATE_YES, PREDICATE_YES },
		{ "contains(reviewer.traits[\"teams\"], \"red\")", PREDICATE_YES, PREDICATE_YES },
		{ "contains(reviewer.traits.none, \"red\")", PREDICATE_NO, PREDICATE_NO },
		{ "contains(request.roles, \"root\")", PREDICATE_YES, PREDICATE_YES },
		{ "request.reason == \"disk\"", PREDICATE_YES, PREDICATE_YES },
		{ "contains(request.system_annotations[\"by\"], \"a\")", PREDICATE_YES,
		  PREDICATE_YES },
		{ "equals(request.system_annotations[\"x\"], [])", PREDICATE_YES, PREDICATE_YES },
		{ "review.reason == \"fine\"", PREDICATE_UNKNOWN, PREDICATE_YES },
		{ "user.metadata.name == \"alice\"", PREDICATE_UNKNOWN, PREDICATE_UNKNOWN },
		{ "contains(", PREDICATE_UNKNOWN, PREDICATE_UNKNOWN },
	};
	char *wanted[] = { TEXT("root") }, *by[] = { TEXT("a"), TEXT("b") };
	pv_AccessRequestSpec_SystemAnnotationsEntry annotation = { TEXT("by"), true, { 2, by } };
	const pv_AccessRequestSpec request = { .roles = wanted,
		                               .roles_count = 1,
		                               .request_reason = TEXT("disk"),
		                               .system_annotations = &annotation,
		                               .system_annotations_count = 1 };
	const pv_AccessReview review = { .reason = TEXT("fine") };
	const struct predicate_context ctx = { .who = &alice,
		                               .request = &request,
		                               .review = &review };
	const struct predicate_context nothing = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (predicate_ask(rows[i].text, PREDICATE_JUDGE, &ctx) != rows[i].judge ||
		    predicate_ask(rows[i].text, PREDICATE_REVIEW, &ctx) != rows[i].review)
			fail_msg("%s", rows[i].text);
		assert_int_equal(predicate_ask(rows[i].text, PREDICATE_REVIEW, &nothing),
		                 PREDICATE_UNKNOWN);
	}
}

/* --- actions --------------------------------------------------------------------------------- */

static void an_action_says_what_is_to_be_logged(void **state)
{
	const struct {
		const char *text, *level, *line;
	} rows[] = {
		{ "log(\"info\", \"read\")", "info", "read" },
		{ "log(\"warn\", \"%v reads %s (%q), 100%\", user.metadata.name, "
		  "resource.metadata.name, user.spec.roles)",
		  "warn", "alice reads db-admin (dev ops), 100%" },
		{ "log(\"debug\", \"%v %v\", user.metadata.name)", "debug", "alice ?" },
		{ "log(\"error\", user.metadata.name)", "error", "alice" },
		{ "log(\"info\", \"%v\", impersonate_user.metadata.name)", "info", "?" },
	};
	const struct predicate_context ctx = { .who = &alice, .resource = &role };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf line = { 0 };
		struct action *a;
		struct err err;

		if (action_new(&a, rows[i].text, &err) != 0)
			fail_msg("%s: %s", rows[i].text, err.msg);
		assert_string_equal(action_line(a, &ctx, &line), rows[i].level);
		assert_string_equal(buf_str(&line), rows[i].line);
		buf_deinit(&line);
		action_free(a);
	}
}

static void nothing_but_logging_is_an_action(void **state)
{
	const struct {
		const char *text, *why;
	} rows[] = {
		{ "equals(\"a\", \"a\")", "nothing that can be done" },
		{ "log(\"loud\", \"x\")", "the level is debug, info, warn or error" },
		{ "log(user.metadata.name, \"x\")", "the level is debug, info, warn or error" },
		{ "log(\"info\")", "too few arguments" },
		{ "exec(\"rm\")", "no function 'exec'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct action *a;
		struct err err = { 0 };

		if (action_new(&a, rows[i].text, &err) != ERR_INVALID ||
		    strstr(err.msg, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_of_rules_hold_as_the_table_says),
		cmocka_unit_test(what_is_looked_at_may_be_another_kind_of_thing),
		cmocka_unit_test(impersonation_is_judged_by_name_and_labels),
		cmocka_unit_test(expressions_of_labels_hold_as_the_table_says),
		cmocka_unit_test(what_is_not_known_gives_no_answer_unless_the_rest_settles_it),
		cmocka_unit_test(without_anybody_or_labels_nothing_about_them_is_known),
		cmocka_unit_test(bad_expressions_are_refused_with_a_reason),
		cmocka_unit_test(an_expression_has_a_longest_length_and_a_longest_name),
		cmocka_unit_test(a_test_makes_a_bounded_number_of_steps),
		cmocka_unit_test(requests_and_reviews_are_looked_at_by_those_who_judge),
		cmocka_unit_test(an_action_says_what_is_to_be_logged),
		cmocka_unit_test(nothing_but_logging_is_an_action),
	};

	return unit_run(tests);
}
