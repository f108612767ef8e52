/*
 * The vectors of access control from v13 on, where texts stand for something else: templates, role
 * maps, the forms of YAML and JSON (test_role_vectors.c has the others).
 */
#include "model/role.h"

#include "base/strlist.h"
#include "model/role_map.h"

#include "tests/unit/roles.h"

#define HOUR         (60 * 60 * 1000LL)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* --- templates ------------------------------------------------------------------------------- */

static void v13_a_template_gives_as_many_texts_as_its_trait_has_values(void **state)
{
	char *both[] = { TEXT("alice"), TEXT("bob") };
	const struct {
		size_t values;
		const char *first, *second;
	} rows[] = { { 0, NULL, NULL }, { 1, "u-alice", NULL }, { 2, "u-alice", "u-bob" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const pv_Identity_TraitsEntry traits[] = {
			{ TEXT("x"), true, { (pb_size_t)rows[i].values, both } }
		};
		const struct role_docs docs = { "v7",
			                        { "{allow: {logins: ['u-{{external.x}}', "
			                          "'{{external.missing}}']}}" },
			                        traits,
			                        1 };
		struct role_set *s = roles_of(&docs);
		struct strlist logins = { 0 };
		struct err err;

		assert_int_equal(role_set_logins(s, HOUR, &logins, &err), 0);
		assert_int_equal(logins.count, rows[i].values);
		if (rows[i].first != NULL)
			assert_string_equal(logins.items[0], rows[i].first);
		if (rows[i].second != NULL)
			assert_string_equal(logins.items[1], rows[i].second);
		strlist_deinit(&logins);
		role_set_unref(s);
	}
}

static void v14_an_invalid_template_is_refused_when_the_role_is_made(void **state)
{
	const char *const specs[] = {
		"{allow: {logins: ['{{internal.logins']}}",
		"{allow: {logins: ['internal.logins}}']}}",
		"{allow: {logins: ['{{internal.logins}}{{internal.logins}}']}}",
		"{allow: {logins: ['{{launch(external.x)}}']}}",
		"{allow: {logins: ['{{internal.secrets}}']}}",
		"{allow: {logins: ['{{regexp.match(\"x\")}}']}}", /* in labels only */
		"{deny: {node_labels: {env: '{{external}}'}}}",
		"{deny: {node_labels: {env: '{{regexp.match(\"(\")}}'}}}",
		"{deny: {node_labels: {'{{x.y}}': a}}}",
		"{allow: {kubernetes_groups: ['{{external.x']}}",
		"{allow: {kubernetes_users: ['{{']}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(specs); i++) {
		pv_Role role;
		struct err err;

		if (role_of_yaml("dev", "v7", specs[i], &role, &err) != ERR_INVALID)
			fail_msg("%s", specs[i]);
	}
}

static void v15_values_that_regexp_replace_does_not_match_are_dropped(void **state)
{
	char *teams[] = { TEXT("team-red"), TEXT("guild-c"), TEXT("team-blue") };
	const pv_Identity_TraitsEntry traits[] = { { TEXT("teams"), true, { 3, teams } } };
	const struct role_docs docs = { "v7",
		                        { "{allow: {logins: ['{{regexp.replace(external.teams, "
		                          "\"^team-(.*)$\", \"$1\")}}']}}" },
		                        traits,
		                        1 };
	struct role_set *s = roles_of(&docs);
	struct strlist logins = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(role_set_logins(s, HOUR, &logins, &err), 0);
	assert_int_equal(logins.count, 2);
	assert_string_equal(logins.items[0], "blue");
	assert_string_equal(logins.items[1], "red");
	strlist_deinit(&logins);
	role_set_unref(s);
}

/* --- other clusters -------------------------------------------------------------------------- */

#define LOCAL(...)                                     \
	COUNT(((char *[]){ __VA_ARGS__ })), (char *[]) \
	{                                              \
		__VA_ARGS__                            \
	}

/* Joined by blanks; the error's name when it fails. */
static const char *mapped(const pv_RoleMapping *map, size_t count, char *const *remote,
                          size_t remote_count)
{
	static char text[300];
	struct strlist out = { 0 };
	struct err err;
	int rc = role_map_apply(map, count, remote, remote_count, &out, &err);

	snprintf(text, sizeof(text), "%s", rc != 0 ? err_name(rc) : "");
	for (size_t i = 0; rc == 0 && i < out.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "",
		         out.items[i]);
	strlist_deinit(&out);
	return text;
}

static void v16_roles_map_by_expressions_and_their_captures(void **state)
{
	const struct {
		pv_RoleMapping map[3];
		size_t count;
		const char *want;
	} rows[] = {
		{ { { TEXT("^remote-(.*)$"), LOCAL(TEXT("local-$1")) } },
		  1,
		  "local-dev local-ops" },
		{ { { TEXT("^remote-(.*)$"), LOCAL(TEXT("${1}s"), TEXT("all")) } },
		  1,
		  "devs all opss all" },
		{ { { TEXT("remote-*"), LOCAL(TEXT("x-$1")) } }, 1, "x-dev x-ops" },
		{ { { TEXT("remote-dev"), LOCAL(TEXT("dev")) } }, 1, "dev" },
		{ { { TEXT("remote.dev"), LOCAL(TEXT("dev")) } }, 1, "denied" }, /* literal */
		{ { { TEXT("remote-dev"), LOCAL(TEXT("$1")) } }, 1, "denied" }, /* empty: dropped */
		{ { { TEXT("remote-ops"), LOCAL(TEXT("a")) }, { TEXT("*"), LOCAL(TEXT("b")) } },
		  2,
		  "a b b b" },
		{ { { TEXT("none"), LOCAL(TEXT("a")) } }, 1, "denied" },
		{ { { TEXT("^(a+$"), LOCAL(TEXT("a")) } }, 1, "invalid" },
		{ { { NULL, LOCAL(TEXT("a")) } }, 1, "denied" },
	};
	char *remote[] = { TEXT("remote-dev"), TEXT("remote-ops"), TEXT("plain") };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = mapped(rows[i].map, rows[i].count, remote, 3);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: '%s', not '%s'", i, got, rows[i].want);
	}
}

static void v17_a_role_map_that_makes_no_sense_is_refused(void **state)
{
	const struct {
		pv_RoleMapping map[2];
		size_t count;
		const char *why;
	} rows[] = {
		{ { { TEXT("a"), LOCAL(TEXT("b")) }, { TEXT("a"), LOCAL(TEXT("c")) } },
		  2,
		  "role_map[1].remote: 'a' is mapped already" },
		{ { { TEXT(""), LOCAL(TEXT("b")) } }, 1, "role_map[0]: remote: missing" },
		{ { { TEXT("^(a$"), LOCAL(TEXT("b")) } }, 1, "is not a regular expression" },
		{ { { TEXT("a"), 0, NULL } }, 1, "role_map[0]: local: no roles" },
		{ { { TEXT("a"), LOCAL(TEXT("")) } }, 1, "local[0]: an empty role" },
		{ { { TEXT("a"), LOCAL(TEXT("*")) } }, 1, "local[0]: '*' is no role" },
		{ { { TEXT("a"), LOCAL(TEXT("${1")) } }, 1, "is not a replacement" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (role_map_check("role_map", rows[i].map, rows[i].count, &err) != ERR_INVALID ||
		    strstr(err.msg, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, err.msg);
	assert_int_equal(role_map_check("role_map",
	                                (pv_RoleMapping[]){ { TEXT("a*"), LOCAL(TEXT("b$1")) },
	                                                    { TEXT("^b$"), LOCAL(TEXT("c")) } },
	                                2, &err),
	                 0);
}

static void v18_a_star_maps_everybody_also_those_without_a_role(void **state)
{
	const pv_RoleMapping map[] = { { TEXT("*"), LOCAL(TEXT("guest")) } };
	char *remote[] = { TEXT("x"), TEXT("y") };
	char *user;

	(void)state;
	assert_string_equal(mapped(map, 1, remote, 2), "guest guest");
	assert_string_equal(mapped(map, 1, NULL, 0), "guest");
	assert_string_equal(mapped(map, 0, remote, 2), "denied");
	user = role_map_user("alice", "root.example.com");
	assert_string_equal(user, "remote-alice-root.example.com");
	free(user);
}

/* --- what YAML and JSON mean ----------------------------------------------------------------- */

static void v19_bools_have_their_forms_and_garbage_is_no_yes(void **state)
{
	const struct {
		const char *text;
		int rc;
		bool value;
	} rows[] = {
		{ "yes", 0, true },
		{ "no", 0, false },
		{ "\"true\"", 0, true },
		{ "on", 0, true },
		{ "off", 0, false },
		{ "true", 0, true },
		{ "'yes'", 0, true },
		{ "'off'", 0, false },
		{ "maybe", ERR_INVALID, false },
		{ "1", ERR_INVALID, false },
		{ "[yes]", ERR_INVALID, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char spec[100];
		pv_Role role;
		struct err err;
		int rc;

		snprintf(spec, sizeof(spec), "{options: {forward_agent: %s}}", rows[i].text);
		rc = role_of_yaml("dev", "v7", spec, &role, &err);
		if (rc != rows[i].rc ||
		    (rc == 0 && role.spec.options.forward_agent != rows[i].value))
			fail_msg("%s", rows[i].text);
		if (rc == 0)
			fields_release(&pv_Role_table, &role);
	}
}

static void v20_a_label_has_a_scalar_or_a_list(void **state)
{
	pv_Role scalar, list;
	struct err err;

	(void)state;
	assert_int_equal(
	        role_of_yaml("dev", "v7", "{allow: {node_labels: {env: a}}}", &scalar, &err), 0);
	assert_int_equal(
	        role_of_yaml("dev", "v7", "{allow: {node_labels: {env: [a]}}}", &list, &err), 0);
	assert_true(fields_equal(&pv_Role_table, &scalar, &list));
	fields_release(&pv_Role_table, &scalar);
	fields_release(&pv_Role_table, &list);
}

static void v21_durations_have_units_or_are_nanoseconds(void **state)
{
	const struct {
		const char *json;
		int rc;
		int64_t ms;
	} rows[] = {
		{ "\"30h\"", 0, 30 * HOUR },           { "\"1h30m\"", 0, 90 * 60 * 1000 },
		{ "28800000000000", 0, 8 * HOUR },     { "8", ERR_INVALID, 0 }, /* not "none" */
		{ "-28800000000000", ERR_INVALID, 0 }, { "\"8 hours\"", ERR_INVALID, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char json[200];
		pv_Role role;
		struct err err;
		int rc;

		snprintf(json, sizeof(json), "{\"spec\": {\"options\": {\"max_session_ttl\": %s}}}",
		         rows[i].json);
		rc = fields_from_json(&pv_Role_table, json, strlen(json), &role, &err);
		if (rc != rows[i].rc || role.spec.options.max_session_ttl != rows[i].ms)
			fail_msg("%s: %d", rows[i].json, rc);
		fields_release(&pv_Role_table, &role);
	}
}

static void v22_never_is_no_limit_of_silence(void **state)
{
	struct role_options o;

	(void)state;
	roles_options(&(struct role_docs){ "v7", { "{options: {client_idle_timeout: never}}" } },
	              &o);
	assert_int_equal(o.client_idle_timeout, 0);
	roles_options(&(struct role_docs){ "v7",
	                                   { "{options: {client_idle_timeout: never}}",
	                                     "{options: {client_idle_timeout: 1h}}" } },
	              &o);
	assert_int_equal(o.client_idle_timeout, HOUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v13_a_template_gives_as_many_texts_as_its_trait_has_values),
		cmocka_unit_test(v14_an_invalid_template_is_refused_when_the_role_is_made),
		cmocka_unit_test(v15_values_that_regexp_replace_does_not_match_are_dropped),
		cmocka_unit_test(v16_roles_map_by_expressions_and_their_captures),
		cmocka_unit_test(v17_a_role_map_that_makes_no_sense_is_refused),
		cmocka_unit_test(v18_a_star_maps_everybody_also_those_without_a_role),
		cmocka_unit_test(v19_bools_have_their_forms_and_garbage_is_no_yes),
		cmocka_unit_test(v20_a_label_has_a_scalar_or_a_list),
		cmocka_unit_test(v21_durations_have_units_or_are_nanoseconds),
		cmocka_unit_test(v22_never_is_no_limit_of_silence),
	};

	return unit_run(tests);
}
