/* join_sessions: who may take part in whose session. */
#include "model/role.h"

#include "tests/unit/roles.h"

#define ALLOW(rest) "{allow: {join_sessions: [{" rest "}]}}"
#define DENY(rest)  "{deny: {join_sessions: [{" rest "}]}}"
#define WATCH       ALLOW("roles: [dev], kinds: [ssh], modes: [observer]")

enum answer { NO, YES, ALIKE };

static enum answer ask(const char *version, const char *first, const char *second,
                       const struct role_join *join)
{
	struct role_set *s = roles_of(&(struct role_docs){ version, { first, second } });
	bool alike = false;
	struct err err;
	int rc = role_set_check_join(s, join, &alike, &err);

	role_set_unref(s);
	if (rc != 0)
		assert_int_equal(rc, ERR_DENIED);
	return rc != 0 ? NO : alike ? ALIKE : YES;
}

static void policies_name_roles_kinds_and_modes(void **state)
{
	static const struct {
		const char *first, *second;
		const char *kind, *mode;
		enum answer want;
	} cases[] = {
		{ WATCH, NULL, "ssh", "observer", YES },
		{ WATCH, NULL, "ssh", "peer", NO },
		{ WATCH, NULL, "k8s", "observer", NO },
		{ ALLOW("roles: ['d*'], kinds: ['*'], modes: ['*']"), NULL, "k8s", "peer", YES },
		{ ALLOW("roles: ['^op+s$'], kinds: [ssh], modes: [peer]"), NULL, "ssh", "peer",
		  YES },
		{ ALLOW("roles: [other], kinds: [ssh], modes: [peer]"), NULL, "ssh", "peer", NO },
		{ ALLOW("roles: [dev], modes: [peer]"), NULL, "ssh", "peer", NO },
		{ ALLOW("roles: [dev], kinds: [ssh]"), NULL, "ssh", "peer", NO },
		{ ALLOW("kinds: [ssh], modes: [peer]"), NULL, "ssh", "peer", NO },
		{ ALLOW("roles: [dev], kinds: [ssh], modes: [moderator]"), NULL, "ssh", "observer",
		  NO },
		/* no two halves of policies make one */
		{ ALLOW("roles: [dev], kinds: [k8s], modes: [peer]"), WATCH, "ssh", "peer", NO },
		{ "{allow: {logins: [root], node_labels: {'*': '*'}}}", NULL, "ssh", "observer",
		  NO },
		{ "{allow: {namespaces: [far], join_sessions: [{roles: ['*'], kinds: ['*'], modes: "
		  "['*']}]}}",
		  NULL, "ssh", "observer", NO },
		/* a denial goes first, and what it leaves out means all */
		{ WATCH, DENY("roles: [dev], kinds: [ssh], modes: [observer]"), "ssh", "observer",
		  NO },
		{ WATCH, DENY("roles: [dev], kinds: [ssh], modes: [peer]"), "ssh", "observer",
		  YES },
		{ WATCH, DENY("roles: [other]"), "ssh", "observer", YES },
		{ WATCH, DENY("roles: [ops]"), "ssh", "observer", NO },
		{ WATCH, DENY("modes: [observer]"), "ssh", "observer", NO },
		{ WATCH, DENY("kinds: [ssh]"), "ssh", "observer", NO },
		{ WATCH, DENY("kinds: [k8s]"), "ssh", "observer", YES },
		{ WATCH, "{deny: {namespaces: [far], join_sessions: [{roles: ['*']}]}}", "ssh",
		  "observer", YES },
	};
	char *roles[] = { TEXT("dev"), TEXT("opps"), TEXT("ops") };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct role_join join = { cases[i].kind, cases[i].mode, "bob", roles, 3 };

		if (ask("v5", cases[i].first, cases[i].second, &join) != cases[i].want)
			fail_msg("row %zu", i);
	}
}

static void the_owner_and_older_roles_join_where_they_may_log_in(void **state)
{
	static const struct {
		const char *version, *owner;
		enum answer want;
	} cases[] = {
		{ "v3", "bob", ALIKE }, { "v4", "bob", ALIKE },   { "v5", "bob", NO },
		{ "v7", "bob", NO },    { "v5", "alice", ALIKE },
	};
	const char *logs_in = "{allow: {logins: [root], node_labels: {'*': '*'}}}";
	const char *denies = DENY("modes: [peer]");
	char *roles[] = { TEXT("dev") };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct role_join join = { "ssh", "peer", cases[i].owner, roles, 1 };

		if (ask(cases[i].version, logs_in, NULL, &join) != cases[i].want)
			fail_msg("row %zu", i);
		assert_int_equal(ask(cases[i].version, logs_in, denies, &join), NO);
	}
}

static void policies_that_do_not_hold_make_no_role(void **state)
{
	static const char *const specs[] = {
		ALLOW("roles: [dev], kinds: [shh], modes: [peer]"),
		ALLOW("roles: [dev], kinds: [ssh], modes: [watcher]"),
		DENY("roles: ['^a($']"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct err err;
		pv_Role role;

		assert_int_equal(role_of_yaml("r", "v5", specs[i], &role, &err), ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_name_roles_kinds_and_modes),
		cmocka_unit_test(the_owner_and_older_roles_join_where_they_may_log_in),
		cmocka_unit_test(policies_that_do_not_hold_make_no_role),
	};

	return unit_run(tests);
}
