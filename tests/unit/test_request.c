#include "model/request.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/request.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define ROLES_MAX 4

/* The roles of one person, from YAML; and a request. */
struct world {
	pv_Role items[ROLES_MAX];
	struct request_roles own;
	pv_AccessRequestSpec spec;
};

static void add_role(struct world *w, const char *yaml)
{
	struct err err;

	assert_true(w->own.count < ROLES_MAX);
	w->own.items = w->items;
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
	assert_int_equal(request_check_reviewer(&w.own, "bob", &w.spec, &err), 0);
	assert_int_equal(request_check_reviewer(&w.own, "alice", &w.spec, &err), ERR_DENIED);
	want(&w, "alice", "db");
	assert_int_equal(request_check_reviewer(&w.own, "bob", &w.spec, &err), ERR_DENIED);
	assert_string_equal(err.msg, "none of your roles lets you judge requests for role 'db'");
	add_role(&w, "{metadata: {name: not}, spec: {deny: {review_requests: {roles: ['o*']}}}}");
	assert_int_equal(request_check_reviewer(&w.own, "bob", &w.spec, &err), ERR_DENIED);
	assert_string_equal(err.msg, "role 'not' denies to judge requests for role 'ops'");
	release(&w);
}

static int review(struct world *w, const char *author, const char *proposed, struct err *err)
{
	const pv_AccessReview r = { .author = (char *)(uintptr_t)author,
		                    .proposed_state = (char *)(uintptr_t)proposed,
		                    .reason = (char *)(uintptr_t) "because" };

	return request_review(&w->spec, &r, err);
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
		cmocka_unit_test(the_review_that_reaches_a_threshold_settles),
		cmocka_unit_test(a_review_is_refused),
	};

	return unit_run(tests);
}
