/*
 * The vectors that access control must decide as its specification says, one test for each, in its
 * order; from v13 on in test_role_vectors_text.c.
 */
#include "model/role.h"

#include "base/buf.h"
#include "base/strlist.h"
#include "model/label.h"
#include "model/rule.h"

#include "tests/unit/roles.h"

#define HOUR         (60 * 60 * 1000LL)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct label prod[] = { { "env", "prod" } };
static const struct label_set in_prod = { prod, 1 };

static int login_of(const struct role_docs *docs, const struct label_set *labels, const char *login,
                    struct err *err)
{
	struct role_set *s = roles_of(docs);
	int rc = role_set_check_login(s, "n", labels, login, err);

	role_set_unref(s);
	return rc;
}

/* --- labels ---------------------------------------------------------------------------------- */

static void v01_labels_match_as_the_table_says(void **state)
{
	const struct {
		const char *selector; /* of node_labels */
		struct label labels[2];
		bool match;
	} rows[] = {
		{ "{}", { { "a", "b" } }, false },          /* empty selector */
		{ "{'*': '*'}", { { "a", "b" } }, true },   /* wildcard */
		{ "{'*': '*'}", { { NULL, NULL } }, true }, /* wildcard, no labels at all */
		{ "{a: b}", { { "a", "b" } }, true },
		{ "{a: b}", { { "a", "c" } }, false },
		{ "{a: [b, c]}", { { "a", "c" } }, true }, /* list: any */
		{ "{a: [b, c]}", { { "a", "d" } }, false },
		{ "{a: b, c: d}", { { "a", "b" }, { "c", "d" } }, true }, /* keys: all */
		{ "{a: b, c: d}", { { "a", "b" } }, false },              /* missing key */
		{ "{a: '*'}", { { "a", "" } }, true },
		{ "{a: '*'}", { { "b", "x" } }, false },
		{ "{a: '^foo.*$'}", { { "a", "foobar" } }, true }, /* expression */
		{ "{a: '^foo.*$'}", { { "a", "xfoo" } }, false },
		{ "{a: 'abc-*-prod'}", { { "a", "abc-1-prod" } }, true }, /* partial glob */
		{ "{a: 'abc-*-prod'}", { { "a", "abc-1-prod2" } }, false },
		{ "{a: 'a.c'}", { { "a", "abc" } }, false }, /* quoted literally */
		{ "{a: '{{regexp.match(\"^foo$\")}}'}", { { "a", "foo" } }, true },
		{ "{a: '{{regexp.match(\"^foo$\")}}'}", { { "a", "fo" } }, false },
		{ "{a: '{{regexp.not_match(\"^foo$\")}}'}", { { "a", "bar" } }, true },
		{ "{a: '{{regexp.not_match(\"^foo$\")}}'}", { { "a", "foo" } }, false },
		{ "{a: '{{regexp.not_match(\"^foo$\")}}'}", { { "b", "bar" } }, false },
		{ "{a: 'x-{{regexp.match(\"^[0-9]+$\")}}-y'}", { { "a", "x-12-y" } }, true },
		{ "{a: 'x-{{regexp.match(\"^[0-9]+$\")}}-y'}", { { "a", "x-1a-y" } }, false },
		{ "{a: 'x-{{regexp.not_match(\"^1$\")}}'}", { { "a", "z-2" } }, false },
		{ "{a: 'x-{{regexp.not_match(\"^1$\")}}'}", { { "a", "x-2" } }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct label_set labels = { rows[i].labels, rows[i].labels[0].key == NULL ? 0
			                                          : rows[i].labels[1].key == NULL
			                                                  ? 1
			                                                  : 2 };
		char allow[200], deny[200];
		struct role_docs docs = { "v7", { allow } };
		struct err err;

		snprintf(allow, sizeof(allow), "{allow: {logins: [root], node_labels: %s}}",
		         rows[i].selector);
		if ((login_of(&docs, &labels, "root", &err) == 0) != rows[i].match)
			fail_msg("allow %s", rows[i].selector);
		snprintf(deny, sizeof(deny), "{deny: {node_labels: %s}}", rows[i].selector);
		docs.specs[0] = "{allow: {logins: [root], node_labels: {'*': '*'}}}";
		docs.specs[1] = deny;
		if ((login_of(&docs, &labels, "root", &err) != 0) != rows[i].match)
			fail_msg("deny %s", rows[i].selector);
	}
}

/* --- deny and allow -------------------------------------------------------------------------- */

static void v02_a_denied_login_beats_an_allowed_one(void **state)
{
	const struct role_docs docs = { "v7",
		                        { "{allow: {logins: [root, dev], node_labels: {'*': '*'}}}",
		                          "{deny: {logins: [root]}}" } };
	struct err err;

	(void)state;
	assert_int_equal(login_of(&docs, &in_prod, "root", &err), ERR_DENIED);
	assert_string_equal(err.msg, "role 'r1' denies login 'root'");
	assert_int_equal(login_of(&docs, &in_prod, "dev", &err), 0);
}

static void v03_denied_labels_count_in_their_namespace_only(void **state)
{
	const struct {
		const char *namespaces;
		bool denied;
	} rows[] = {
		{ "[default]", true }, { "['*']", true }, { "[other, default]", true },
		{ "[other]", false },  { "[]", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char deny[200];
		struct role_docs docs = {
			"v7", { "{allow: {logins: [root], node_labels: {'*': '*'}}}", deny }
		};
		struct err err;

		snprintf(deny, sizeof(deny), "{deny: {namespaces: %s, node_labels: {env: prod}}}",
		         rows[i].namespaces);
		if ((login_of(&docs, &in_prod, "root", &err) != 0) != rows[i].denied)
			fail_msg("%s", rows[i].namespaces);
	}
	/* A namespace alone denies nothing. */
	assert_int_equal(
	        login_of(
	                &(struct role_docs){ "v7",
	                                     { "{allow: {logins: [root], node_labels: {'*': '*'}}, "
	                                       "deny: {namespaces: [default]}}" } },
	                &in_prod, "root", &(struct err){ 0 }),
	        0);
}

static void v04_what_is_allowed_by_two_roles_half_each_is_not_allowed(void **state)
{
	const struct role_docs split = { "v7",
		                         { "{allow: {logins: [root], node_labels: {env: dev}}}",
		                           "{allow: {logins: [dev], node_labels: {env: prod}}}" } };
	const struct role_docs elsewhere = {
		"v7",
		{ "{allow: {namespaces: [other], logins: [root], node_labels: {'*': '*'}}}",
		  "{allow: {logins: [dev], node_labels: {'*': '*'}}}" }
	};
	struct err err;

	(void)state;
	assert_int_equal(login_of(&split, &in_prod, "root", &err), ERR_DENIED);
	assert_string_equal(err.msg, "no role that reaches node 'n' allows login 'root'");
	assert_int_equal(login_of(&split, &in_prod, "dev", &err), 0);
	assert_int_equal(login_of(&elsewhere, &in_prod, "root", &err), ERR_DENIED);
	assert_string_equal(err.msg, "no role allows login 'root'");
}

/* --- options --------------------------------------------------------------------------------- */

static void v05_the_shortest_life_counts_and_its_logins_do(void **state)
{
	const struct role_docs docs = { "v7",
		                        { "{options: {max_session_ttl: 8h}, allow: {logins: [a]}}",
		                          "{options: {max_session_ttl: 2h}, allow: {logins: [b]}}",
		                          "{allow: {logins: [c]}}" } };
	const struct {
		int64_t ttl;
		const char *logins;
	} rows[] = {
		{ 1 * HOUR, "abc" }, { 2 * HOUR, "abc" }, { 3 * HOUR, "ac" },
		{ 9 * HOUR, "c" },   { 31 * HOUR, "" },
	};
	struct role_set *s = roles_of(&docs);

	(void)state;
	assert_int_equal(role_set_options(s)->max_session_ttl, 2 * HOUR);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strlist logins = { 0 };
		char text[8] = "";
		struct err err;

		assert_int_equal(role_set_logins(s, rows[i].ttl, &logins, &err), 0);
		for (size_t k = 0; k < logins.count; k++)
			strcat(text, logins.items[k]);
		assert_string_equal(text, rows[i].logins);
		strlist_deinit(&logins);
	}
	role_set_unref(s);
	s = roles_of(&(struct role_docs){ "v7", { "{options: {max_session_ttl: 0s}}" } });
	assert_int_equal(role_set_options(s)->max_session_ttl, 30 * HOUR);
	role_set_unref(s);
}

static void v06_the_shortest_silence_that_is_set_counts(void **state)
{
	const pv_ClusterNetworkingConfigSpec net = { .client_idle_timeout = 4 * 60 * 1000 };
	const struct role_docs docs = { "v7",
		                        { "{}", "{options: {client_idle_timeout: 10m}}",
		                          "{options: {client_idle_timeout: 5m}}" } };
	struct role_options o;

	(void)state;
	assert_int_equal(roles_options(&docs, &o)->client_idle_timeout, 5 * 60 * 1000);
	role_options_add_cluster(&o, NULL, NULL);
	assert_int_equal(o.client_idle_timeout, 5 * 60 * 1000);
	role_options_add_cluster(&o, &net, NULL);
	assert_int_equal(o.client_idle_timeout, 4 * 60 * 1000);
	roles_options(&(struct role_docs){ "v7", { "{}" } }, &o);
	assert_int_equal(o.client_idle_timeout, 0);
}

static void v07_one_role_that_disconnects_is_enough(void **state)
{
	const pv_ClusterAuthPreferenceSpec auth = { .has_disconnect_expired_cert = true,
		                                    .disconnect_expired_cert = true };
	struct role_options o;

	(void)state;
	roles_options(&(struct role_docs){ "v7",
	                                   { "{options: {disconnect_expired_cert: no}}",
	                                     "{options: {disconnect_expired_cert: yes}}" } },
	              &o);
	assert_true(o.disconnect_expired_cert);
	roles_options(
	        &(struct role_docs){ "v7", { "{options: {disconnect_expired_cert: no}}", "{}" } },
	        &o);
	assert_false(o.disconnect_expired_cert);
	role_options_add_cluster(&o, NULL, &auth);
	assert_true(o.disconnect_expired_cert);
}

static void v08_port_forwarding_is_allowed_by_one_role_that_does_not_forbid_it(void **state)
{
	const struct {
		const char *a, *b;
		bool allowed;
	} rows[] = {
		{ "{options: {port_forwarding: no}}", "{options: {port_forwarding: no}}", false },
		{ "{options: {port_forwarding: no}}", "{options: {port_forwarding: yes}}", true },
		{ "{options: {port_forwarding: no}}", "{}", true }, /* unset counts as yes */
		{ "{}", NULL, true },
		{ "{options: {port_forwarding: no}}", NULL, false },
		{ NULL, NULL, false }, /* the implicit role says no */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct role_options o;

		roles_options(&(struct role_docs){ "v7", { rows[i].a, rows[i].b } }, &o);
		if (o.port_forwarding != rows[i].allowed)
			fail_msg("row %zu", i);
	}
}

/* --- Kubernetes ------------------------------------------------------------------------------ */

static void v09_denied_kubernetes_groups_are_subtracted(void **state)
{
	char *groups[] = { TEXT("qa"), TEXT("system:masters") };
	const pv_Identity_TraitsEntry traits[] = { { TEXT("groups"), true, { 2, groups } } };
	const struct role_docs docs = {
		"v5",
		{ "{allow: {kubernetes_groups: [dev, '{{external.groups}}'], kubernetes_users: "
		  "['IAM#{{external.none}}'], kubernetes_labels: {env: [dev, prod]}}}",
		  "{deny: {kubernetes_groups: ['system:masters']}}" },
		traits,
		1
	};
	struct role_set *s = roles_of(&docs);
	struct strlist got = { 0 }, users = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(role_set_kubernetes(s, HOUR, &in_prod, &got, &users, &err), 0);
	assert_int_equal(got.count, 3);
	assert_string_equal(got.items[0], "dev");
	assert_string_equal(got.items[1], "qa");
	assert_string_equal(got.items[2], "system:authenticated");
	assert_int_equal(users.count, 1);
	assert_string_equal(users.items[0], "alice"); /* without users: one's own name */
	strlist_deinit(&got);
	strlist_deinit(&users);
	role_set_unref(s);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void v10_where_looks_at_the_users_traits(void **state)
{
	char *teams[] = { TEXT("red") };
	const pv_Identity_TraitsEntry traits[] = { { TEXT("teams"), true, { 1, teams } } };
	pv_Metadata_LabelsEntry label = { TEXT("team"), TEXT("red") };
	pv_Resource role = { .which_of = pv_Resource_role_tag };
	const struct role_call read = { "role", "read", &role }, any = { "role", "read" };
	const struct role_docs docs = {
		"v7",
		{ "{allow: {rules: [{resources: [role], verbs: [read], where: "
		  "'contains(user.spec.traits[\"teams\"], "
		  "resource.metadata.labels[\"team\"])'}]}}" },
		traits,
		1
	};
	struct role_set *s = roles_of(&docs);
	struct err err;

	(void)state;
	role.of.role.metadata.labels = &label;
	role.of.role.metadata.labels_count = 1;
	assert_int_equal(role_set_check_call(s, &read, &err), 0);
	label.value = TEXT("blue");
	assert_int_equal(role_set_check_call(s, &read, &err), ERR_DENIED);
	assert_int_equal(role_set_judge_call(s, &any, &err), ROLE_CALL_DEPENDS);
	assert_int_equal(role_set_check_call(s, &any, &err), ERR_DENIED);
	role_set_unref(s);
	/* A denial that depends denies until it is known not to. */
	s = roles_of(&(struct role_docs){
	        "v7",
	        { "{allow: {rules: [{resources: ['*'], verbs: ['*']}]}, deny: {rules: [{resources: "
	          "[role], verbs: ['*'], where: 'equals(resource.metadata.labels[\"team\"], "
	          "\"red\")'}]}}" } });
	assert_int_equal(role_set_check_call(s, &read, &err), 0);
	assert_int_equal(role_set_judge_call(s, &any, &err), ROLE_CALL_DEPENDS);
	label.value = TEXT("red");
	assert_int_equal(role_set_judge_call(s, &read, &err), ROLE_CALL_DENIED);
	assert_string_equal(err.msg, "access denied to perform action 'read' on 'role': role 'r0' "
	                             "denies it");
	role_set_unref(s);
}

static void collect_line(void *arg, const char *level, const char *line)
{
	buf_appendf(arg, "%s:%s;", level, line);
}

static void v11_actions_of_the_rule_that_matched_are_logged(void **state)
{
	const struct role_docs docs = {
		"v7",
		{ "{allow: {rules: [{resources: [role], verbs: [read], actions: ['log(\"info\", "
		  "\"%v "
		  "reads a %v\", user.metadata.name, resource.kind)']}, {resources: [role], verbs: "
		  "[list], actions: ['log(\"info\", \"never\")']}]}}",
		  "{deny: {rules: [{resources: [role], verbs: [delete], actions: ['log(\"warn\", "
		  "\"tried\")']}]}}" }
	};
	const pv_Resource role = { .which_of = pv_Resource_role_tag };
	struct role_set *s = roles_of(&docs);
	struct buf lines = { 0 };
	struct role_call call = { "role", "read", &role, collect_line, &lines };
	struct err err;

	(void)state;
	assert_int_equal(role_set_check_call(s, &call, &err), 0);
	assert_string_equal(buf_str(&lines), "info:alice reads a role;");
	call.verb = "delete";
	assert_int_equal(role_set_check_call(s, &call, &err), ERR_DENIED);
	assert_string_equal(buf_str(&lines), "info:alice reads a role;warn:tried;");
	buf_deinit(&lines);
	role_set_unref(s);
}

static void v12_the_most_specific_rule_goes_first(void **state)
{
	char *one[] = { TEXT("role") }, *two[] = { TEXT("role"), TEXT("user") };
	char *star[] = { TEXT("*") }, *read[] = { TEXT("read") };
	char *action[] = { TEXT("log(\"info\", \"x\")") };
	char where[] = "equals(\"a\", \"a\")";
	const struct {
		pv_Rule rule;
		int score;
	} rows[] = {
		{ { 1, star, 1, star, NULL, 0, NULL }, -6 },
		{ { 1, star, 1, read, NULL, 0, NULL }, -4 },
		{ { 2, two, 1, star, NULL, 0, NULL }, -2 },
		{ { 2, two, 1, read, NULL, 0, NULL }, 0 },
		{ { 1, one, 1, star, NULL, 0, NULL }, 0 },
		{ { 1, one, 1, read, NULL, 0, NULL }, 2 },
		{ { 1, one, 1, read, where, 0, NULL }, 10 },
		{ { 1, one, 1, read, NULL, 1, action }, 10 },
		{ { 1, one, 1, read, where, 1, action }, 18 },
	};
	/* As written the general ones come first; a kind's own name goes before '*' even so. */
	const struct role_docs docs = {
		"v7",
		{ "{allow: {rules: [{resources: ['*'], verbs: [read], where: 'equals(\"a\", "
		  "\"a\")', "
		  "actions: ['log(\"info\", \"star\")']}, {resources: [role, user], verbs: [read], "
		  "actions: ['log(\"info\", \"both\")']}, {resources: [role], verbs: [read], "
		  "where: "
		  "'equals(resource.metadata.name, \"x\")', actions: ['log(\"info\", "
		  "\"named\")']}]}}" }
	};
	const char *const names[] = { "x", "y" }, *const want[] = { "info:named;", "info:both;" };
	struct role_set *s = roles_of(&docs);
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(rule_score(&rows[i].rule), rows[i].score);
	for (size_t i = 0; i < COUNT(names); i++) {
		const pv_Resource role = { .which_of = pv_Resource_role_tag,
			                   .of.role.metadata.name = (char *)(uintptr_t)names[i] };
		struct buf lines = { 0 };
		const struct role_call call = { "role", "read", &role, collect_line, &lines };

		assert_int_equal(role_set_check_call(s, &call, &err), 0);
		assert_string_equal(buf_str(&lines), want[i]);
		buf_deinit(&lines);
	}
	role_set_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v01_labels_match_as_the_table_says),
		cmocka_unit_test(v02_a_denied_login_beats_an_allowed_one),
		cmocka_unit_test(v03_denied_labels_count_in_their_namespace_only),
		cmocka_unit_test(v04_what_is_allowed_by_two_roles_half_each_is_not_allowed),
		cmocka_unit_test(v05_the_shortest_life_counts_and_its_logins_do),
		cmocka_unit_test(v06_the_shortest_silence_that_is_set_counts),
		cmocka_unit_test(v07_one_role_that_disconnects_is_enough),
		cmocka_unit_test(
		        v08_port_forwarding_is_allowed_by_one_role_that_does_not_forbid_it),
		cmocka_unit_test(v09_denied_kubernetes_groups_are_subtracted),
		cmocka_unit_test(v10_where_looks_at_the_users_traits),
		cmocka_unit_test(v11_actions_of_the_rule_that_matched_are_logged),
		cmocka_unit_test(v12_the_most_specific_rule_goes_first),
	};

	return unit_run(tests);
}
