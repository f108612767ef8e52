/* What a role set tells beyond yes and no: why, with which limits, what about Kubernetes; and how
 * long sets are kept. */
#include "model/role.h"

#include "base/buf.h"
#include "base/strlist.h"
#include "model/label.h"
#include "model/role_cache.h"

#include "tests/unit/roles.h"

#define HOUR         (60 * 60 * 1000LL)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct label prod[] = { { "env", "prod" }, { "team", "red" } };
static const struct label_set in_prod = { prod, 2 };

/* --- why ------------------------------------------------------------------------------------- */

static void write_down(void *arg, const struct role_opinion *o)
{
	buf_appendf(arg, "%s:%d:%s%s;", o->role, (int)o->says, o->label != NULL ? o->label : "",
	            o->failed != NULL ? "!" : "");
}

static void every_role_gives_its_opinion(void **state)
{
	const struct {
		const char *spec, *login, *opinion;
		int rc;
	} rows[] = {
		{ "{allow: {logins: [a], node_labels: {env: prod}}}", "a", "r0:0:;", 0 },
		{ "{allow: {logins: [a], node_labels: {env: prod}}}", NULL, "r0:0:;", 0 },
		{ "{deny: {node_labels: {env: prod}}}", "a", "r0:1:env;", ERR_DENIED },
		{ "{deny: {logins: [a]}}", "a", "r0:2:;", ERR_DENIED },
		{ "{allow: {logins: [a], node_labels: {env: dev}}}", "a", "r0:3:env;", ERR_DENIED },
		{ "{allow: {logins: [b], node_labels: {env: prod}}}", "a", "r0:4:;", ERR_DENIED },
		{ "{allow: {logins: [b]}}", "a", "r0:5:;", ERR_DENIED },
		{ "{allow: {namespaces: [x], logins: [a]}}", "a", "r0:6:;", ERR_DENIED },
		{ "{allow: {logins: [a], node_labels_expression: 'labels.env == \"dev\"'}}", "a",
		  "r0:3:;", ERR_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct role_set *s = roles_of(&(struct role_docs){ "v7", { rows[i].spec } });
		struct buf said = { 0 };
		struct err err;
		int rc = role_set_explain(s, "n", &in_prod, rows[i].login, write_down, &said, &err);

		if (rc != rows[i].rc || strcmp(buf_str(&said), rows[i].opinion) != 0)
			fail_msg("%s: %s", rows[i].spec, buf_str(&said));
		buf_deinit(&said);
		role_set_unref(s);
	}
}

static void what_cannot_be_told_allows_nothing_and_denies(void **state)
{
	const struct label slow[] = { { "x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" } };
	const struct label_set labels = { slow, 1 };
	const struct {
		const char *spec, *opinion, *says;
	} rows[] = {
		{ "{allow: {logins: [a], node_labels: {x: '^(a+)+$'}}}", "r0:3:x!;",
		  "no role allows access to node 'n': label 'x': a regular expression takes too" },
		{ "{allow: {logins: [a], node_labels: {'*': '*'}}, deny: {node_labels: {x: "
		  "'^(a+)+$'}}}",
		  "r0:1:x!;", "role 'r0' denies access to node 'n': label 'x': a regular" },
		{ "{allow: {logins: [a], node_labels_expression: 'regexp.match(labels.x, "
		  "\"^(a+)+$\")'}}",
		  "r0:3:!;", "no role allows access to node 'n': a regular expression takes too" },
		{ "{allow: {logins: [a], node_labels: {'*': '*'}}, deny: {node_labels_expression: "
		  "'regexp.match(labels.x, \"^(a+)+$\")'}}",
		  "r0:1:!;", "role 'r0' denies access to node 'n': a regular" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct role_set *s = roles_of(&(struct role_docs){ "v7", { rows[i].spec } });
		struct buf said = { 0 };
		struct err err;

		assert_int_equal(role_set_explain(s, "n", &labels, "a", write_down, &said, &err),
		                 ERR_DENIED);
		if (strcmp(buf_str(&said), rows[i].opinion) != 0 ||
		    strncmp(err.msg, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("%s: %s %s", rows[i].spec, buf_str(&said), err.msg);
		buf_deinit(&said);
		role_set_unref(s);
	}
}

static void labels_and_expression_are_both_needed_to_allow_and_each_is_enough_to_deny(void **state)
{
	const struct {
		const char *labels, *expression;
		bool allow, deny;
	} rows[] = {
		{ "prod", "labels.team == \"red\"", true, true },
		{ "prod", "labels.team == \"blue\"", false, true },
		{ "dev", "labels.team == \"red\"", false, true },
		{ "dev", "labels.team == \"blue\"", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int deny = 0; deny < 2; deny++) {
			char spec[300];
			struct role_set *s;
			struct err err;

			snprintf(spec, sizeof(spec),
			         deny ? "{allow: {logins: [a], node_labels: {'*': '*'}}, deny: "
			                "{node_labels: {env: %s}, node_labels_expression: '%s'}}"
			              : "{allow: {logins: [a], node_labels: {env: %s}, "
			                "node_labels_expression: '%s'}}",
			         rows[i].labels, rows[i].expression);
			s = roles_of(&(struct role_docs){ "v7", { spec } });
			if ((role_set_check_login(s, "n", &in_prod, "a", &err) == 0) !=
			    (deny ? !rows[i].deny : rows[i].allow))
				fail_msg("%s", spec);
			role_set_unref(s);
		}
}

static void a_recording_is_strict_where_a_role_that_lets_in_says_so(void **state)
{
	const struct role_docs docs = { "v7",
		                        { "{options: {record_session: {default: strict}}, allow: "
		                          "{logins: [a], node_labels: "
		                          "{env: prod}}}",
		                          "{options: {record_session: {default: strict, ssh: "
		                          "best_effort}}, allow: {logins: "
		                          "[b], node_labels: {env: prod}}}",
		                          "{options: {record_session: {ssh: strict}}, allow: "
		                          "{logins: [c], node_labels: {env: "
		                          "dev}}}" } };
	struct role_set *s = roles_of(&docs);

	(void)state;
	assert_true(role_set_records_strictly(s, &in_prod, "a"));
	assert_false(role_set_records_strictly(s, &in_prod, "b"));
	assert_false(role_set_records_strictly(s, &in_prod, "c"));
	role_set_unref(s);
}

static int named_lookup(void *arg, const char *name, pv_Role *out, struct err *err)
{
	(void)arg;
	return role_of_yaml(name, "v7", "{}", out, err);
}

static void the_only_role_nop_is_nothing_at_all(void **state)
{
	const struct role_call call = { "node", "list" };
	char *names[] = { TEXT("nop"), TEXT("dev") };
	const struct {
		char **names;
		pb_size_t count;
		bool lists;
	} rows[] = {
		{ names, 1, false }, { names, 2, true }, { names + 1, 1, true }, { NULL, 0, true }
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const pv_Identity who = { .roles = rows[i].names, .roles_count = rows[i].count };
		struct role_set *s;
		struct err err;

		assert_int_equal(role_set_new(&s, &who, named_lookup, NULL, &err), 0);
		assert_int_equal(role_set_check_call(s, &call, &err) == 0, rows[i].lists);
		role_set_unref(s);
	}
}

/* --- limits ---------------------------------------------------------------------------------- */

static const char *value_of(const struct role_options *o, const char *name)
{
	static char text[ROLE_OPTION_TEXT_SIZE];
	struct role_option_row row;

	for (size_t i = 0; role_option_row(i, &row); i++)
		if (strcmp(row.name, name) == 0)
			return role_option_text(o, i, text, sizeof(text));
	return "no such option";
}

static void options_merge_as_their_rows_say(void **state)
{
	const struct {
		const char *name, *a, *b, *want;
	} rows[] = {
		{ "max_session_ttl", "8h", "2h", "2h0m0s" },
		{ "client_idle_timeout", "0s", "0s", "" },
		{ "max_connections", "0", "3", "3" },
		{ "max_connections", "5", "3", "3" },
		{ "max_sessions", "0", "0", "" },
		{ "forward_agent", "no", "yes", "yes" },
		{ "forward_agent", "no", "no", "no" },
		{ "permit_x11_forwarding", "no", "yes", "yes" },
		{ "ssh_file_copy", "yes", "no", "no" },
		{ "ssh_file_copy", "yes", "yes", "yes" },
		{ "pin_source_ip", "no", "yes", "yes" },
		{ "lock", "best_effort", "strict", "strict" },
		{ "lock", "best_effort", "best_effort", "best_effort" },
		{ "request_access", "always", "optional", "always" },
		{ "request_access", "always", "reason", "reason" },
		{ "require_session_mfa", "yes", "hardware_key_touch", "hardware_key_touch" },
		{ "device_trust_mode", "required", "optional", "required" },
		{ "max_kubernetes_connections", "4", "9", "4" },
		{ "desktop_clipboard", "yes", "no", "no" },
		{ "enhanced_recording", "[command]", "[disk]", "command disk" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char a[100], b[100];
		struct role_options o;

		snprintf(a, sizeof(a), "{options: {%s: %s}}", rows[i].name, rows[i].a);
		snprintf(b, sizeof(b), "{options: {%s: %s}}", rows[i].name, rows[i].b);
		roles_options(&(struct role_docs){ "v7", { a, b } }, &o);
		if (strcmp(value_of(&o, rows[i].name), rows[i].want) != 0)
			fail_msg("%s %s: %s", a, b, value_of(&o, rows[i].name));
	}
}

static void the_first_prompt_counts(void **state)
{
	const struct role_docs docs = { "v7",
		                        { "{}", "{options: {request_prompt: why}}",
		                          "{options: {request_prompt: what}}" } };
	struct role_set *s = roles_of(&docs);

	(void)state;
	assert_string_equal(value_of(role_set_options(s), "request_prompt"), "why");
	role_set_unref(s);
}

static void the_clusters_strictness_is_everybodys(void **state)
{
	const pv_ClusterAuthPreferenceSpec auth = { .locking_mode = TEXT("strict") };
	struct role_options o;

	(void)state;
	role_options_init(&o);
	assert_int_equal(o.lock, 0);
	role_options_add_cluster(&o, NULL, &auth);
	assert_int_equal(o.lock, 1);
}

/* --- Kubernetes ------------------------------------------------------------------------------ */

static void kubernetes_needs_groups_or_users_and_the_clusters_labels(void **state)
{
	const struct {
		const char *spec;
		const char *want; /* groups, "/", users; or the error */
	} rows[] = {
		{ "{allow: {kubernetes_groups: [g], kubernetes_labels: {env: prod}}}",
		  "g,system:authenticated/alice" },
		{ "{allow: {kubernetes_users: [u], kubernetes_labels: {env: prod}}}",
		  "system:authenticated/u" },
		{ "{allow: {kubernetes_groups: [g], kubernetes_labels: {env: dev}}}", "denied" },
		{ "{allow: {kubernetes_groups: [g], kubernetes_labels_expression: 'labels.env == "
		  "\"prod\"'}}",
		  "g,system:authenticated/alice" },
		{ "{allow: {kubernetes_labels: {env: prod}}}", "denied" },
		{ "{options: {max_session_ttl: 10m}, allow: {kubernetes_groups: [g], "
		  "kubernetes_labels: {env: prod}}}",
		  "denied" },
		{ "{allow: {kubernetes_groups: [g], kubernetes_users: [u], kubernetes_labels: "
		  "{env: "
		  "prod}}, deny: {kubernetes_groups: [g], kubernetes_users: [x]}}",
		  "system:authenticated/u" },
		{ "{allow: {kubernetes_groups: [g], kubernetes_labels: {env: prod}}, deny: "
		  "{kubernetes_labels: {team: red}}}",
		  "denied" },
		{ "{allow: {namespaces: [x], kubernetes_groups: [g], kubernetes_labels: {'*': "
		  "'*'}}}",
		  "denied" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct role_set *s = roles_of(&(struct role_docs){ "v7", { rows[i].spec } });
		struct strlist groups = { 0 }, users = { 0 };
		struct buf got = { 0 };
		struct err err;
		int rc = role_set_kubernetes(s, HOUR, &in_prod, &groups, &users, &err);

		for (size_t k = 0; k < groups.count; k++)
			buf_appendf(&got, "%s%s", k > 0 ? "," : "", groups.items[k]);
		for (size_t k = 0; k < users.count; k++)
			buf_appendf(&got, "%s%s", k > 0 ? "," : "/", users.items[k]);
		if (strcmp(rc != 0 ? err_name(rc) : buf_str(&got), rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].spec, buf_str(&got));
		strlist_deinit(&groups);
		strlist_deinit(&users);
		buf_deinit(&got);
		role_set_unref(s);
	}
}

static void one_role_that_reaches_the_cluster_makes_its_recording_strict(void **state)
{
	static const struct {
		const char *spec;
		bool strict;
	} rows[] = {
		{ "{allow: {kubernetes_labels: {env: prod}}}", false },
		{ "{options: {record_session: {default: strict}}, allow: {kubernetes_labels: {env: "
		  "prod}}}",
		  true },
		{ "{options: {record_session: {default: strict}}, allow: {kubernetes_labels: {env: "
		  "dev}}}",
		  false },
		{ "{options: {record_session: {ssh: strict}}, allow: {kubernetes_labels: {env: "
		  "prod}}}",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct role_set *s = roles_of(&(struct role_docs){ "v7", { rows[i].spec } });

		assert_int_equal(role_set_records_kubernetes_strictly(s, &in_prod), rows[i].strict);
		role_set_unref(s);
	}
}

static void kubernetes_objects_are_decided_by_version_and_pattern(void **state)
{
	const struct role_kubernetes_object pod = { "pod", "", "team-a", "web-1", "get" };
	const struct role_kubernetes_object secret = { "secret", "", "team-a", "key", "get" };
	const struct {
		const char *version, *more;
		bool pod, secret;
	} rows[] = {
		{ "v3", "", true, true },
		{ "v5", "", true, true },
		{ "v6", "", false, true },
		{ "v7", "", true, true },
		{ "v6", ", kubernetes_resources: [{kind: pod, namespace: 'team-*', name: '*'}]",
		  true, true },
		{ "v6", ", kubernetes_resources: [{kind: pod, namespace: 'other', name: '*'}]",
		  false, true },
		{ "v7",
		  ", kubernetes_resources: [{kind: pod, namespace: '^team-(a|b)$', name: 'web-*', "
		  "verbs: [get, list]}]",
		  true, false },
		{ "v7",
		  ", kubernetes_resources: [{kind: pod, namespace: other, name: '*', verbs: "
		  "['*']}]",
		  false, false },
		{ "v7",
		  ", kubernetes_resources: [{kind: '*', namespace: '*', name: '*', verbs: "
		  "[list]}]",
		  false, false },
		{ "v7", ", kubernetes_resources: [{kind: '*', namespace: '*', verbs: ['*']}]",
		  false, false }, /* no name: none */
	};
	const struct role_docs denies = {
		"v7",
		{ "{allow: {kubernetes_labels: {'*': '*'}}}",
		  "{deny: {kubernetes_resources: [{kind: secret, namespace: '*', name: '*', verbs: "
		  "['*']}]}}" }
	};
	struct role_set *s;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char spec[300];

		snprintf(spec, sizeof(spec), "{allow: {kubernetes_labels: {env: prod}%s}}",
		         rows[i].more);
		s = roles_of(&(struct role_docs){ rows[i].version, { spec } });
		if ((role_set_check_kubernetes(s, &in_prod, &pod, &err) == 0) != rows[i].pod ||
		    (role_set_check_kubernetes(s, &in_prod, &secret, &err) == 0) != rows[i].secret)
			fail_msg("%s %s", rows[i].version, spec);
		role_set_unref(s);
	}
	s = roles_of(&denies);
	assert_int_equal(role_set_check_kubernetes(s, &in_prod, &pod, &err), 0);
	assert_int_equal(role_set_check_kubernetes(s, &in_prod, &secret, &err), ERR_DENIED);
	assert_string_equal(err.msg, "role 'r1' denies 'get' on secret 'key'");
	role_set_unref(s);
}

static void kubernetes_lists_need_what_is_said_of_all(void **state)
{
	static const struct {
		const char *entry;
		struct role_kubernetes_object object;
		bool allowed;
	} rows[] = {
		{ "kind: pod, namespace: a, name: '*'", { "pod", "", "a", NULL, "list" }, true },
		{ "kind: pod, namespace: a, name: '^.*$'", { "pod", "", "a", NULL, "list" }, true },
		{ "kind: pod, namespace: a, name: 'w*'", { "pod", "", "a", NULL, "list" }, false },
		{ "kind: pod, namespace: a, name: '*'", { "pod", "", NULL, NULL, "list" }, false },
		{ "kind: pod, namespace: '*', name: '*'", { "pod", "", NULL, NULL, "list" }, true },
		{ "kind: pod, namespace: 'a*', name: '*'",
		  { "pod", "", NULL, NULL, "watch" },
		  false },
		{ "kind: '*', namespace: '*', name: '*'",
		  { "kube_node", "", "", NULL, "list" },
		  true },
		{ "kind: kube_node, name: n1", { "kube_node", "", "", "n1", "get" }, true },
		{ "kind: kube_node, name: n1", { "kube_node", "", "", "n2", "get" }, false },
		{ "kind: namespace, name: a", { "widgets", "x.io", "a", NULL, "create" }, true },
		{ "kind: namespace, name: a", { "pod", "", "a", "web", "exec" }, true },
		{ "kind: namespace, name: a, verbs: [get]",
		  { "pod", "", "a", "web", "exec" },
		  false },
		{ "kind: namespace, name: a", { "pod", "", "b", "web", "get" }, false },
		{ "kind: namespace, name: a", { "pod", "", NULL, NULL, "list" }, false },
		{ "kind: namespace, name: a", { "namespace", "", "", "a", "delete" }, true },
		{ "kind: pod, namespace: a, name: w", { "namespace", "", "", "a", "get" }, true },
		{ "kind: pod, namespace: a, name: w", { "namespace", "", "", "b", "get" }, false },
		{ "kind: pod, namespace: a, name: w",
		  { "namespace", "", "", "a", "delete" },
		  false },
		{ "kind: pod, namespace: a, name: w",
		  { "namespace", "", "", NULL, "list" },
		  false },
		{ "kind: '*', namespace: '*', name: '*', api_group: apps",
		  { "deployment", "apps", "a", "d", "get" },
		  true },
		{ "kind: '*', namespace: '*', name: '*', api_group: apps",
		  { "pod", "", "a", "d", "get" },
		  false },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char spec[300];
		struct role_set *s;

		snprintf(spec, sizeof(spec),
		         "{allow: {kubernetes_labels: {'*': '*'}, kubernetes_resources: [{%s%s}]}}",
		         rows[i].entry,
		         strstr(rows[i].entry, "verbs") != NULL ? "" : ", verbs: ['*']");
		s = roles_of(&(struct role_docs){ "v7", { spec } });
		if ((role_set_check_kubernetes(s, &in_prod, &rows[i].object, &err) == 0) !=
		    rows[i].allowed)
			fail_msg("row %zu: %s", i, spec);
		role_set_unref(s);
	}
}

static void what_a_denial_may_concern_it_denies(void **state)
{
	static const struct {
		const char *entry;
		struct role_kubernetes_object object;
	} rows[] = {
		{ "kind: pod, namespace: a, name: 'w*'", { "pod", "", "a", NULL, "list" } },
		{ "kind: pod, namespace: a, name: w", { "pod", "", NULL, NULL, "list" } },
		{ "kind: namespace, name: a", { "pod", "", "a", "x", "get" } },
		{ "kind: namespace, name: a", { "pod", "", NULL, NULL, "list" } },
		{ "kind: secret", { "secret", "", "a", "x", "get" } },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char spec[300];
		struct role_set *s;

		snprintf(spec, sizeof(spec),
		         "{allow: {kubernetes_labels: {'*': '*'}}, deny: {kubernetes_resources: "
		         "[{%s, verbs: ['*']}]}}",
		         rows[i].entry);
		s = roles_of(&(struct role_docs){ "v7", { spec } });
		if (role_set_check_kubernetes(s, &in_prod, &rows[i].object, &err) != ERR_DENIED)
			fail_msg("row %zu: %s", i, spec);
		role_set_unref(s);
	}
}

static void what_a_role_says_of_kubernetes_and_counts_is_checked_when_it_is_made(void **state)
{
	const struct {
		const char *version, *spec, *why;
	} rows[] = {
		{ "v7", "{options: {max_sessions: -1}}", "spec.options: max_sessions: below 0" },
		{ "v7", "{options: {max_connections: -1}}", "max_connections: below 0" },
		{ "v7", "{allow: {node_labels: {'': a}}}", "node_labels.: an empty key" },
		{ "v7", "{allow: {node_labels: {'*': a}}}", "goes with the value '*' only" },
		{ "v7", "{allow: {kubernetes_labels: {env: '^(a$'}}}", "kubernetes_labels.env: " },
		{ "v7", "{deny: {node_labels_expression: 'labels.env'}}",
		  "spec.deny: node_labels_expression: 'labels.env': neither true nor false" },
		{ "v7", "{allow: {kubernetes_labels_expression: 'x'}}",
		  "kubernetes_labels_expression: 'x': no field 'x'" },
		{ "v7", "{allow: {kubernetes_resources: [{name: a}]}}",
		  "kubernetes_resources[0]: kind is missing" },
		{ "v7", "{allow: {kubernetes_resources: [{kind: pod, name: '^(a$'}]}}",
		  "is not a regular expression" },
		{ "v6", "{allow: {kubernetes_resources: [{kind: secret, name: a}]}}",
		  "kind: 'secret', but a role v6 knows pods only" },
		{ "v7", "{allow: {kubernetes_users: ['{{x']}}", "kubernetes_users: '{{x' is not" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pv_Role role;
		struct err err;

		if (role_of_yaml("dev", rows[i].version, rows[i].spec, &role, &err) !=
		            ERR_INVALID ||
		    strstr(err.msg, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].spec, err.msg);
	}
}

/* --- sets that are kept ---------------------------------------------------------------------- */

struct counted {
	const struct role_docs *docs;
	int lookups;
};

static int count_lookup(void *arg, const char *name, pv_Role *out, struct err *err)
{
	struct counted *c = arg;

	c->lookups++;
	if (name[1] == '7')
		return err_set(err, ERR_NOT_FOUND, "no such role '%s'", name);
	return roles_lookup((void *)(uintptr_t)c->docs, name, out, err);
}

static void a_set_is_made_once_until_a_role_changes(void **state)
{
	const struct role_docs docs = { "v7", { "{}", "{}" } };
	struct counted counted = { &docs, 0 };
	struct role_cache *cache = role_cache_new(2, count_lookup, &counted);
	char *first[] = { TEXT("r0") }, *second[] = { TEXT("r1") }, *lost[] = { TEXT("r7") };
	const pv_Identity alice = { .user = TEXT("alice"), .roles = first, .roles_count = 1 };
	const pv_Identity bob = { .user = TEXT("bob"), .roles = first, .roles_count = 1 };
	const pv_Identity carol = { .user = TEXT("carol"), .roles = second, .roles_count = 1 };
	const pv_Identity dave = { .user = TEXT("dave"), .roles = lost, .roles_count = 1 };
	const pv_Identity *const asked[] = { &alice, &alice, &bob, &alice, &carol, &alice, &bob };
	const int lookups[] = { 1, 1, 2, 2, 3, 3, 4 }; /* bob was the one that was let go */
	struct role_set *s, *kept;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		assert_int_equal(role_cache_get(cache, asked[i], &s, &err), 0);
		role_set_unref(s);
		assert_int_equal(counted.lookups, lookups[i]);
	}
	assert_int_equal(role_cache_get(cache, &alice, &kept, &err), 0);
	role_cache_forget(cache);
	assert_int_equal(role_set_check_call(kept, &(struct role_call){ "node", "list" }, &err), 0);
	role_set_unref(kept);
	assert_int_equal(role_cache_get(cache, &alice, &s, &err), 0);
	role_set_unref(s);
	assert_int_equal(counted.lookups, 5);
	for (int i = 0; i < 2; i++) /* failures are not kept */
		assert_int_equal(role_cache_get(cache, &dave, &s, &err), ERR_NOT_FOUND);
	assert_int_equal(counted.lookups, 7);
	role_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_gives_its_opinion),
		cmocka_unit_test(what_cannot_be_told_allows_nothing_and_denies),
		cmocka_unit_test(
		        labels_and_expression_are_both_needed_to_allow_and_each_is_enough_to_deny),
		cmocka_unit_test(a_recording_is_strict_where_a_role_that_lets_in_says_so),
		cmocka_unit_test(the_only_role_nop_is_nothing_at_all),
		cmocka_unit_test(options_merge_as_their_rows_say),
		cmocka_unit_test(the_first_prompt_counts),
		cmocka_unit_test(the_clusters_strictness_is_everybodys),
		cmocka_unit_test(kubernetes_needs_groups_or_users_and_the_clusters_labels),
		cmocka_unit_test(one_role_that_reaches_the_cluster_makes_its_recording_strict),
		cmocka_unit_test(kubernetes_objects_are_decided_by_version_and_pattern),
		cmocka_unit_test(kubernetes_lists_need_what_is_said_of_all),
		cmocka_unit_test(what_a_denial_may_concern_it_denies),
		cmocka_unit_test(
		        what_a_role_says_of_kubernetes_and_counts_is_checked_when_it_is_made),
		cmocka_unit_test(a_set_is_made_once_until_a_role_changes),
	};

	return unit_run(tests);
}
