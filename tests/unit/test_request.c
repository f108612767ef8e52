#include "model/request.h"

#include "base/err.h"
#include "model/predicate.h"
#include "wire/fields.h"

#include "proto/identity.fields.h"
#include "proto/request.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <string.h>

#define ROLES_MAX 4

/* One person with their roles, from YAML; and a request. */
struct world {
	pv_Identity who;
	pv_Role items[ROLES_MAX];
	struct request_person own;
	pv_AccessRequestSpec spec;
};

/* Whose the roles are from now on; before: nobody's in particular. */
static void be(struct world *w, const char *identity)
{
	struct err err;

	fields_release(&pv_Identity_table, &w->who);
	if (fields_from_yaml(&pv_Identity_table, "who", identity, strlen(identity), &w->who,
	                     &err) != 0)
		fail_msg("%s", err.msg);
	w->own.who = &w->who;
}

static void add_role(struct world *w, const char *yaml)
{
	struct err err;

	assert_true(w->own.count < ROLES_MAX);
	w->own.roles = w->items;
	w->own.who = &w->who;
	if (fields_from_yaml(&pv_Role_table, "role", yaml, strlen(yaml), &w->items[w->own.count++],
	                     &err) != 0)
		fail_msg("%s", err.msg);
}

static void want(struct world *w, const char *user, const char *role)
{
	struct err err;

	assert_int_equal(fields_set_str(&w->spec.user, user, &err), 0);
	assert_int_equal(fields_set_str(&w->spec.state, REQUEST_PENDING, &err), 0);
	assert_int_equal(fields_add_str(&w->spec.roles, &w->spec.roles_count, role, &err), 0);
}

static void release(struct world *w)
{
	for (size_t i = 0; i < w->own.count; i++)
		fields_release(&pv_Role_table, &w->items[i]);
	fields_release(&pv_Identity_table, &w->who);
	fields_release(&pv_AccessRequestSpec_table, &w->spec);
}

#define ASKS_OPS "{metadata: {name: dev}, spec: {allow: {request: {roles: [ops, 'db-*']}}}}"

static void what_may_be_asked_for_is_what_some_role_allows_and_none_denies(void **state)
{
	static const struct {
		const char *role, *second, *wanted;
		int code;
		const char *why;
	} cases[] = {
		{ ASKS_OPS, NULL, "ops", 0, NULL },
		{ ASKS_OPS, NULL, "db-main", 0, NULL },
		{ ASKS_OPS, NULL, "root", ERR_DENIED,
		  "none of your roles lets you ask for role 'root'" },
		{ ASKS_OPS, NULL, "xdb-main", ERR_DENIED,
		  "none of your roles lets you ask for role 'xdb-main'" },
		{ ASKS_OPS, "{metadata: {name: never}, spec: {deny: {request: {roles: ['db-*']}}}}",
		  "db-main", ERR_DENIED, "role 'never' denies to ask for role 'db-main'" },
		{ ASKS_OPS, "{metadata: {name: never}, spec: {deny: {request: {roles: ['db-*']}}}}",
		  "ops", 0, NULL },
		{ "{metadata: {name: re}, spec: {allow: {request: {roles: ['^a+$']}}}}", NULL,
		  "aaa", 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w = { 0 };
		struct err err = { 0 };

		add_role(&w, cases[i].role);
		if (cases[i].second != NULL)
			add_role(&w, cases[i].second);
		want(&w, "alice", cases[i].wanted);
		assert_int_equal(request_check(&w.own, &w.spec, &err), cases[i].code);
		if (cases[i].why != NULL)
			assert_string_equal(err.msg, cases[i].why);
		release(&w);
	}
}

static void every_role_of_a_request_must_be_allowed(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	add_role(&w, ASKS_OPS);
	want(&w, "alice", "ops");
	want(&w, "alice", "root");
	assert_int_equal(request_check(&w.own, &w.spec, &err), ERR_DENIED);
	release(&w);
}

static void a_request_for_nothing_is_none(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	add_role(&w, ASKS_OPS);
	assert_int_equal(request_check(&w.own, &w.spec, &err), ERR_INVALID);
	release(&w);
}

static void a_reason_is_due_where_roles_want_one(void **state)
{
	static const char *const roles[] = {
		"{metadata: {name: a}, spec: {options: {request_access: reason}, allow: {request: "
		"{roles: [ops]}}}}",
		"{metadata: {name: b}, spec: {allow: {request: {roles: [ops], reason: {mode: "
		"required}}}}}",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world w = { 0 };
		struct err err;

		add_role(&w, roles[i]);
		want(&w, "alice", "ops");
		assert_int_equal(request_check(&w.own, &w.spec, &err), ERR_INVALID);
		assert_int_equal(fields_set_str(&w.spec.request_reason, "the disk is full", &err),
		                 0);
		assert_int_equal(request_check(&w.own, &w.spec, &err), 0);
		release(&w);
	}
}

static void thresholds_and_reviewers_come_from_the_roles_that_let_one_ask(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	add_role(&w, "{metadata: {name: a}, spec: {allow: {request: {roles: [ops], thresholds: "
	             "[{approve: 2, deny: 1}], suggested_reviewers: [bob], max_duration: 4h}}}}");
	add_role(&w, "{metadata: {name: b}, spec: {allow: {request: {roles: [db], thresholds: "
	             "[{approve: 9}], max_duration: 1h}}}}");
	want(&w, "alice", "ops");
	assert_int_equal(request_complete(&w.own, &w.spec, &err), 0);
	assert_int_equal(w.spec.thresholds_count, 1);
	assert_int_equal(w.spec.thresholds[0].approve, 2);
	assert_int_equal(w.spec.suggested_reviewers_count, 1);
	assert_string_equal(w.spec.suggested_reviewers[0], "bob");
	assert_int_equal(request_max_duration(&w.own, &w.spec), 4 * 60 * 60 * 1000);
	release(&w);
}

static void without_thresholds_one_review_settles(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	add_role(&w, ASKS_OPS);
	want(&w, "alice", "ops");
	assert_int_equal(request_complete(&w.own, &w.spec, &err), 0);
	assert_int_equal(w.spec.thresholds_count, 1);
	assert_int_equal(w.spec.thresholds[0].approve, 1);
	assert_int_equal(w.spec.thresholds[0].deny, 1);
	assert_int_equal(request_max_duration(&w.own, &w.spec), 0);
	release(&w);
}

static void only_who_may_judges_and_nobody_themselves(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	add_role(&w, "{metadata: {name: lead}, spec: {allow: {review_requests: {roles: [ops]}}}}");
	want(&w, "alice", "ops");
	be(&w, "{user: bob}");
	assert_int_equal(request_check_reviewer(&w.own, &w.spec, &err), 0);
	be(&w, "{user: alice}");
	assert_int_equal(request_check_reviewer(&w.own, &w.spec, &err), ERR_DENIED);
	be(&w, "{user: bob}");
	want(&w, "alice", "db");
	assert_int_equal(request_check_reviewer(&w.own, &w.spec, &err), ERR_DENIED);
	assert_string_equal(err.msg, "none of your roles lets you judge requests for role 'db'");
	add_role(&w, "{metadata: {name: not}, spec: {deny: {review_requests: {roles: ['o*']}}}}");
	assert_int_equal(request_check_reviewer(&w.own, &w.spec, &err), ERR_DENIED);
	assert_string_equal(err.msg, "role 'not' denies to judge requests for role 'ops'");
	release(&w);
}

#define ASK(ask)     "{metadata: {name: r}, spec: {allow: {request: {" ask "}}}}"
#define NOT_ASK(ask) "{metadata: {name: not}, spec: {deny: {request: {" ask "}}}}"

/* alice, and what she may ask for by one role, unless another denies it. */
static void templates_and_claims_fill_in_what_may_be_asked_for(void **state)
{
	static const char alice[] = "{user: alice, traits: {team: [red, blue], groups: [prod-db, "
	                            "prod-web, x], mail: [nobody], star: ['*']}}";
	static const struct {
		const char *role, *second, *wanted;
		int code;
	} cases[] = {
		{ ASK("roles: ['{{external.team}}-ops']"), NULL, "red-ops", 0 },
		{ ASK("roles: ['{{external.team}}-ops']"), NULL, "blue-ops", 0 },
		{ ASK("roles: ['{{external.team}}-ops']"), NULL, "green-ops", ERR_DENIED },
		{ ASK("roles: ['{{external.none}}-ops']"), NULL, "-ops", ERR_DENIED },
		{ ASK("roles: ['{{external.none}}*']"), NULL, "ops", ERR_DENIED },
		{ ASK("roles: ['{{email.local(external.mail)}}', ops]"), NULL, "ops", 0 },
		{ ASK("roles: ['{{external.star}}-ops']"), NULL, "any-ops", 0 },
		{ ASK("claims_to_roles: [{claim: groups, value: '^prod-(.*)$', roles: "
		      "['$1-admin']}]"),
		  NULL, "db-admin", 0 },
		{ ASK("claims_to_roles: [{claim: groups, value: '^prod-(.*)$', roles: "
		      "['$1-admin']}]"),
		  NULL, "web-admin", 0 },
		{ ASK("claims_to_roles: [{claim: groups, value: '^prod-(.*)$', roles: "
		      "['$1-admin']}]"),
		  NULL, "x-admin", ERR_DENIED },
		{ ASK("claims_to_roles: [{claim: groups, value: x, roles: ['db-*']}]"), NULL,
		  "db-7", 0 },
		{ ASK("claims_to_roles: [{claim: none, value: '*', roles: [ops]}]"), NULL, "ops",
		  ERR_DENIED },
		{ ASK("roles: ['*']"), NOT_ASK("roles: ['{{external.team}}-ops']"), "red-ops",
		  ERR_DENIED },
		{ ASK("roles: ['*']"), NOT_ASK("roles: ['{{external.team}}-ops']"), "ops", 0 },
		{ ASK("roles: ['*']"),
		  NOT_ASK("claims_to_roles: [{claim: groups, value: '^prod-(.*)$', roles: "
		          "['$1']}]"),
		  "web", ERR_DENIED },
		{ ASK("roles: ['*']"),
		  NOT_ASK("claims_to_roles: [{claim: groups, value: '^prod-(.*)$', roles: "
		          "['$1']}]"),
		  "ops", 0 },
		/* What cannot be told denies all that it might mean. */
		{ ASK("roles: ['*']"), NOT_ASK("roles: ['{{email.local(external.mail)}}']"), "ops",
		  ERR_DENIED },
		/* Elsewhere. */
		{ "{metadata: {name: r}, spec: {allow: {namespaces: [far], request: {roles: "
		  "[ops]}}}}",
		  NULL, "ops", ERR_DENIED },
		{ ASK("roles: ['*']"),
		  "{metadata: {name: not}, spec: {deny: {namespaces: [far], request: {roles: "
		  "[ops]}}}}",
		  "ops", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w = { 0 };
		struct err err = { 0 };

		be(&w, alice);
		add_role(&w, cases[i].role);
		if (cases[i].second != NULL)
			add_role(&w, cases[i].second);
		want(&w, "alice", cases[i].wanted);
		if (request_check(&w.own, &w.spec, &err) != cases[i].code)
			fail_msg("row %zu, '%s': %s", i, cases[i].wanted, err.msg);
		release(&w);
	}
}

#define JUDGE(rest)     "{metadata: {name: r}, spec: {allow: {review_requests: {" rest "}}}}"
#define NOT_JUDGE(rest) "{metadata: {name: not}, spec: {deny: {review_requests: {" rest "}}}}"

/* A condition that takes too many steps to be told. */
#define ENDLESS "regexp.match(reviewer.traits[\"many\"], \"x\")"

static void add_many(pv_Identity *who)
{
	pv_Identity_TraitsEntry *t;
	struct err err;

	t = fields_add(&who->traits, &who->traits_count, sizeof(*t), &err);
	assert_non_null(t);
	t->has_value = true;
	assert_int_equal(fields_set_str(&t->key, "many", &err), 0);
	for (int i = 0; i <= PREDICATE_STEPS; i++)
		assert_int_equal(
		        fields_add_str(&t->value.values, &t->value.values_count, "v", &err), 0);
}

static void where_says_who_judges_what(void **state)
{
	static const struct {
		const char *role, *second;
		int code;
	} cases[] = {
		{ JUDGE("roles: [ops], where: 'contains(reviewer.roles, \"lead\")'"), NULL, 0 },
		{ JUDGE("roles: [ops], where: 'contains(reviewer.roles, \"boss\")'"), NULL,
		  ERR_DENIED },
		{ JUDGE("roles: [ops], where: 'contains(reviewer.traits[\"team\"], \"red\")'"),
		  NULL, 0 },
		{ JUDGE("roles: [ops], where: 'contains(reviewer.traits[\"team\"], \"blue\")'"),
		  NULL, ERR_DENIED },
		{ JUDGE("roles: [ops], where: 'contains(request.roles, \"ops\")'"), NULL, 0 },
		{ JUDGE("roles: [ops], where: 'contains(request.roles, \"db\")'"), NULL,
		  ERR_DENIED },
		{ JUDGE("roles: [ops], where: 'has_prefix(request.reason, \"INC-\")'"), NULL, 0 },
		{ JUDGE("roles: [ops], where: 'request.reason == \"\"'"), NULL, ERR_DENIED },
		{ JUDGE("roles: [ops], where: 'contains(request.system_annotations[\"by\"], "
		        "\"leads\")'"),
		  NULL, 0 },
		{ JUDGE("roles: [ops], where: 'contains(request.system_annotations[\"x\"], "
		        "\"leads\")'"),
		  NULL, ERR_DENIED },
		{ JUDGE("where: 'contains(reviewer.roles, \"lead\")'"), NULL, ERR_DENIED },
		{ JUDGE("roles: [ops], where: '" ENDLESS "'"), NULL, ERR_DENIED },
		{ JUDGE("roles: ['{{external.team}}-ops', ops]"), NULL, 0 },
		{ JUDGE("roles: [db], claims_to_roles: [{claim: team, value: red, roles: [ops]}]"),
		  NULL, 0 },
		{ JUDGE("claims_to_roles: [{claim: team, value: blue, roles: [ops]}]"), NULL,
		  ERR_DENIED },
		{ JUDGE("roles: [ops]"),
		  NOT_JUDGE("roles: ['*'], where: 'contains(reviewer.roles, \"lead\")'"),
		  ERR_DENIED },
		{ JUDGE("roles: [ops]"),
		  NOT_JUDGE("roles: ['*'], where: 'contains(reviewer.roles, \"boss\")'"), 0 },
		{ JUDGE("roles: [ops]"), NOT_JUDGE("where: 'contains(reviewer.roles, \"lead\")'"),
		  ERR_DENIED },
		{ JUDGE("roles: [ops]"), NOT_JUDGE("roles: [ops], where: '" ENDLESS "'"),
		  ERR_DENIED },
		{ JUDGE("roles: [ops]"), NOT_JUDGE("roles: [db], where: '" ENDLESS "'"), 0 },
	};
	static const char request[] = "{user: alice, roles: [ops], state: PENDING, request_reason: "
	                              "INC-7, system_annotations: {by: [leads]}}";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w = { 0 };
		struct err err = { 0 };

		be(&w, "{user: bob, roles: [lead], traits: {team: [red]}}");
		add_many(&w.who);
		add_role(&w, cases[i].role);
		if (cases[i].second != NULL)
			add_role(&w, cases[i].second);
		assert_int_equal(fields_from_yaml(&pv_AccessRequestSpec_table, "request", request,
		                                  strlen(request), &w.spec, &err),
		                 0);
		if (request_check_reviewer(&w.own, &w.spec, &err) != cases[i].code)
			fail_msg("row %zu: %s", i, err.msg);
		release(&w);
	}
}

static void roles_annotate_requests_unless_one_denies_it(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	be(&w, "{user: alice, traits: {team: [red, blue]}}");
	add_role(&w, ASK("roles: [ops], annotations: {teams: ['{{external.team}}', green], "
	                 "pager: [day]}"));
	add_role(&w, ASK("roles: [ops], annotations: {teams: [green, black]}"));
	add_role(&w, ASK("roles: [db], annotations: {teams: [white]}"));
	add_role(&w, NOT_ASK("annotations: {teams: [black], pager: ['{{external.team}}']}"));
	want(&w, "alice", "ops");
	assert_int_equal(request_complete(&w.own, &w.spec, &err), 0);
	assert_int_equal(w.spec.system_annotations_count, 2);
	assert_string_equal(w.spec.system_annotations[0].key, "teams");
	assert_int_equal(w.spec.system_annotations[0].value.values_count, 3);
	assert_string_equal(w.spec.system_annotations[0].value.values[0], "red");
	assert_string_equal(w.spec.system_annotations[0].value.values[1], "blue");
	assert_string_equal(w.spec.system_annotations[0].value.values[2], "green");
	assert_int_equal(w.spec.system_annotations[1].value.values_count, 1);
	release(&w);
}

static int review(struct world *w, const char *author, const char *proposed, struct err *err)
{
	const pv_AccessReview r = { .author = (char *)(uintptr_t)author,
		                    .proposed_state = (char *)(uintptr_t)proposed,
		                    .reason = (char *)(uintptr_t) "because" };

	if (w->own.who == NULL)
		w->own.who = &w->who;
	return request_review(&w->own, &w->spec, &r, err);
}

static void set_threshold(struct world *w, uint32_t approve, uint32_t deny)
{
	pv_ReviewThreshold *t;
	struct err err;

	t = fields_add(&w->spec.thresholds, &w->spec.thresholds_count, sizeof(*t), &err);
	assert_non_null(t);
	t->approve = approve;
	t->deny = deny;
}

static void the_review_that_reaches_a_threshold_settles(void **state)
{
	static const struct {
		uint32_t approve, deny;
		const char *proposed[3];
		const char *end[3];
	} cases[] = {
		{ 1, 1, { "APPROVED" }, { "APPROVED" } },
		{ 1, 1, { "DENIED" }, { "DENIED" } },
		{ 2, 1, { "APPROVED", "APPROVED" }, { "PENDING", "APPROVED" } },
		{ 2, 1, { "APPROVED", "DENIED" }, { "PENDING", "DENIED" } },
		{ 2, 2, { "APPROVED", "DENIED", "DENIED" }, { "PENDING", "PENDING", "DENIED" } },
		{ 2,
		  0,
		  { "DENIED", "APPROVED", "APPROVED" },
		  { "PENDING", "PENDING", "APPROVED" } },
	};
	static const char *const authors[] = { "bob", "carol", "dave" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w = { 0 };
		struct err err;

		want(&w, "alice", "ops");
		set_threshold(&w, cases[i].approve, cases[i].deny);
		for (size_t k = 0; k < 3 && cases[i].proposed[k] != NULL; k++) {
			assert_int_equal(review(&w, authors[k], cases[i].proposed[k], &err), 0);
			assert_string_equal(w.spec.state, cases[i].end[k]);
		}
		assert_string_equal(w.spec.resolve_reason, "because");
		release(&w);
	}
}

static void a_review_is_refused(void **state)
{
	struct world w = { 0 };
	struct err err;

	(void)state;
	want(&w, "alice", "ops");
	set_threshold(&w, 2, 2);
	assert_int_equal(review(&w, "bob", "PROMOTED", &err), ERR_INVALID);
	assert_int_equal(review(&w, "bob", "APPROVED", &err), 0);
	assert_int_equal(review(&w, "bob", "APPROVED", &err), ERR_EXISTS);
	assert_int_equal(review(&w, "carol", "APPROVED", &err), 0);
	assert_int_equal(review(&w, "dave", "DENIED", &err), ERR_CONFLICT);
	assert_string_equal(w.spec.state, REQUEST_APPROVED);
	release(&w);
}

/* Reviewers are "bob" with role lead, "carol" with none, "dave" with leads and a trait. */
static const char *const reviewers[] = {
	"{user: bob, roles: [lead]}",
	"{user: carol}",
	"{user: dave, roles: [lead], traits: {team: [red]}}",
};

#define LEADS "filter: 'contains(reviewer.roles, \"lead\")'"
#define RED   "filter: 'contains(reviewer.traits[\"team\"], \"red\")'"

static void thresholds_count_the_reviews_that_their_filters_find(void **state)
{
	static const struct {
		const char *roles[2];
		const char *proposed; /* by bob, carol and dave: A or D, - for not at all */
		const char *end;
	} cases[] = {
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 1, deny: 1}]") },
		  "A--",
		  "APPROVED" },
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 1, deny: 1}]") },
		  "-A-",
		  "PENDING" },
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 1, deny: 1}]") },
		  "-D-",
		  "PENDING" },
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 1, deny: 1}]") },
		  "-AD",
		  "DENIED" },
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 2}]") },
		  "AA-",
		  "PENDING" },
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 2}]") },
		  "A-A",
		  "APPROVED" },
		/* any one of a role's own thresholds */
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 2}, {approve: 3}, {" RED
		        ", approve: 1}]") },
		  "--A",
		  "APPROVED" },
		{ { ASK("roles: [ops], thresholds: [{" LEADS ", approve: 2}, {approve: 3}, {" RED
		        ", approve: 1}]") },
		  "AA-",
		  "PENDING" },
		/* one of every role's */
		{ { ASK("roles: [ops], thresholds: [{approve: 1}]"),
		    ASK("roles: [db], thresholds: [{" LEADS ", approve: 2}]") },
		  "AA-",
		  "PENDING" },
		{ { ASK("roles: [ops], thresholds: [{approve: 1}]"),
		    ASK("roles: [db], thresholds: [{" LEADS ", approve: 2}]") },
		  "A-A",
		  "APPROVED" },
		{ { ASK("roles: [ops]"), ASK("roles: [db], thresholds: [{approve: 2}]") },
		  "A--",
		  "PENDING" },
		{ { ASK("roles: [ops]"), ASK("roles: [db], thresholds: [{approve: 2}]") },
		  "AA-",
		  "APPROVED" },
		{ { ASK("roles: [ops]"), ASK("roles: [db], thresholds: [{approve: 2}]") },
		  "D--",
		  "DENIED" },
		{ { ASK("roles: [ops], thresholds: [{filter: 'review.reason == \"because\"', "
		        "approve: 1}]") },
		  "A--",
		  "APPROVED" },
		{ { ASK("roles: [ops], thresholds: [{filter: 'review.reason == \"\"', "
		        "approve: 1}]") },
		  "A--",
		  "PENDING" },
		/* what cannot be told approves nothing, and denies */
		{ { ASK("roles: [ops], thresholds: [{filter: 'oops(', approve: 1, deny: 1}]") },
		  "A-A",
		  "PENDING" },
		{ { ASK("roles: [ops], thresholds: [{filter: 'oops(', approve: 1, deny: 1}]") },
		  "D--",
		  "DENIED" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static const char *const authors[] = { "bob", "carol", "dave" };
		struct world w = { 0 };
		struct err err;

		for (size_t k = 0; k < 2 && cases[i].roles[k] != NULL; k++)
			add_role(&w, cases[i].roles[k]);
		be(&w, "{user: alice}");
		want(&w, "alice", "ops");
		if (w.own.count > 1)
			want(&w, "alice", "db");
		assert_int_equal(request_check(&w.own, &w.spec, &err), 0);
		assert_int_equal(request_complete(&w.own, &w.spec, &err), 0);
		for (size_t k = 0; k < 3; k++) {
			char proposed = cases[i].proposed[k];

			be(&w, reviewers[k]);
			if (proposed != '-' &&
			    review(&w, authors[k], proposed == 'A' ? "APPROVED" : "DENIED", &err) !=
			            0)
				fail_msg("row %zu: %s", i, err.msg);
		}
		if (strcmp(w.spec.state, cases[i].end) != 0)
			fail_msg("row %zu: %s, not %s", i, w.spec.state, cases[i].end);
		release(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_asked_for_is_what_some_role_allows_and_none_denies),
		cmocka_unit_test(every_role_of_a_request_must_be_allowed),
		cmocka_unit_test(a_request_for_nothing_is_none),
		cmocka_unit_test(a_reason_is_due_where_roles_want_one),
		cmocka_unit_test(thresholds_and_reviewers_come_from_the_roles_that_let_one_ask),
		cmocka_unit_test(without_thresholds_one_review_settles),
		cmocka_unit_test(only_who_may_judges_and_nobody_themselves),
		cmocka_unit_test(templates_and_claims_fill_in_what_may_be_asked_for),
		cmocka_unit_test(where_says_who_judges_what),
		cmocka_unit_test(roles_annotate_requests_unless_one_denies_it),
		cmocka_unit_test(thresholds_count_the_reviews_that_their_filters_find),
		cmocka_unit_test(the_review_that_reaches_a_threshold_settles),
		cmocka_unit_test(a_review_is_refused),
	};

	return unit_run(tests);
}
