#include "model/role.h"

#include "base/err.h"
#include "base/strlist.h"
#include "model/preset.h"
#include "model/resource.h"
#include "model/system_role.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */
#define HOUR    (60 * 60 * 1000LL)

/* The roles that the tests know, as an administrator would write them. */
static const char *const documents[] = {
	"{metadata: {name: everything}, version: v3, spec: {allow: {logins: [root], rules: "
	"[{resources: "
	"['*'], verbs: ['*']}]}}}",
	"{metadata: {name: dev}, version: v7, spec: {options: {max_session_ttl: 8h, forward_agent: "
	"yes, "
	"port_forwarding: no}, allow: {logins: [dev, '{{internal.logins}}'], node_labels: {env: "
	"[dev, "
	"'^qa-.*$']}}}}",
	"{metadata: {name: web}, version: v7, spec: {options: {max_session_ttl: 2h, "
	"client_idle_timeout: 10m}, allow: {logins: [www], node_labels: {tier: web}}}}",
	"{metadata: {name: no-root}, version: v7, spec: {options: {client_idle_timeout: 5m}, deny: "
	"{logins: [root]}}}",
	"{metadata: {name: no-pci}, version: v7, spec: {deny: {node_labels: {pci: 'true'}}}}",
	"{metadata: {name: elsewhere}, version: v7, spec: {deny: {namespaces: [other], logins: "
	"[dev], "
	"node_labels: {'*': '*'}, rules: [{resources: ['*'], verbs: ['*']}]}}}",
	"{metadata: {name: own}, version: v7, spec: {allow: {logins: "
	"['{{email.local(external.email)}}'], node_labels: {project: '{{external.projects}}', "
	"'{{external.zone}}': '*'}}}}",
	"{metadata: {name: reader}, version: v7, spec: {allow: {rules: [{resources: [session], "
	"verbs: "
	"[list, read], where: 'contains(session.participants, user.metadata.name)'}, {resources: "
	"[user], verbs: [read]}]}}}",
	"{metadata: {name: no-tokens}, version: v7, spec: {deny: {rules: [{resources: [token], "
	"verbs: "
	"['*']}]}}}",
	"{metadata: {name: careful}, version: v7, spec: {options: {disconnect_expired_cert: 'yes', "
	"ssh_file_copy: no, max_sessions: 3, record_session: {default: best_effort, ssh: strict, "
	"exec_output: true}}}}",
	"{metadata: {name: relaxed}, version: v7, spec: {options: {max_sessions: 9, "
	"permit_x11_forwarding: on, record_session: {default: best_effort}}}}",
	"{metadata: {name: deny-broken}, version: v7, spec: {deny: {logins: "
	"['{{email.local(external.broken)}}']}}}",
	"{metadata: {name: allow-broken}, version: v7, spec: {allow: {logins: "
	"['{{email.local(external.broken)}}', ok], node_labels: {'*': '*'}}}}",
};

static int lookup(void *arg, const char *name, pv_Role *out, struct err *err)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		pv_Resource r = { .which_of = pv_Resource_role_tag };

		assert_int_equal(fields_from_yaml(&pv_Role_table, "test", documents[i],
		                                  strlen(documents[i]), &r.of.role, err),
		                 0);
		if (strcmp(resource_name(&r), name) == 0) {
			if (resource_validate(&r, err) != 0)
				fail_msg("%s", err->msg);
			*out = r.of.role;
			return 0;
		}
		resource_deinit(&r);
	}
	return err_set(err, ERR_NOT_FOUND, "no such role '%s'", name);
}

static char *logins[] = { TEXT("alice"), TEXT("not a login"), TEXT("-o"), TEXT("dev") };
static char *projects[] = { TEXT("apollo"), TEXT("zeus") };
static char *zone[] = { TEXT("zone") };
static char *mail[] = { TEXT("alice@example.com") };
static char *broken[] = { TEXT("nobody") };
static const pv_Identity_TraitsEntry entries[] = {
	{ TEXT("logins"), true, { 4, logins } }, { TEXT("projects"), true, { 2, projects } },
	{ TEXT("zone"), true, { 1, zone } },     { TEXT("email"), true, { 1, mail } },
	{ TEXT("broken"), true, { 1, broken } },
};
static const struct traits alices = { entries, 5 };
static const struct traits nobodys = { NULL, 0 };

/* A set of the roles named in "dev web". */
static int try_set(const char *names, const struct traits *traits, struct role_set **out,
                   struct err *err)
{
	pv_Identity who = {
		.user = TEXT("alice"),
		.traits = (pv_Identity_TraitsEntry *)(uintptr_t)traits->entries,
		.traits_count = (pb_size_t)traits->count,
	};
	struct strlist list = { 0 };
	char text[200], *save;
	int rc;

	strcpy(text, names);
	for (char *n = strtok_r(text, " ", &save); n != NULL; n = strtok_r(NULL, " ", &save))
		assert_int_equal(strlist_add(&list, n, err), 0);
	who.roles = list.items;
	who.roles_count = (pb_size_t)list.count;
	rc = role_set_new(out, &who, lookup, NULL, err);
	strlist_deinit(&list);
	return rc;
}

static struct role_set *set_of(const char *names, const struct traits *traits)
{
	struct role_set *s = NULL;
	struct err err;

	if (try_set(names, traits, &s, &err) != 0)
		fail_msg("%s: %s", names, err.msg);
	return s;
}

static void logins_are_decided_as_the_table_says(void **state)
{
	const struct {
		const char *roles, *label, *value, *login;
		const char *denied; /* NULL: allowed */
	} rows[] = {
		{ "everything", "env", "prod", "root", NULL },
		{ "everything", "env", "prod", "Root", "no role allows login 'Root'" },
		{ "dev", "env", "dev", "dev", NULL },
		{ "dev", "env", "qa-7", "dev", NULL },
		{ "dev", "env", "prod", "dev", "no role allows access to node 'n1'" },
		{ "dev", "env", "dev", "root", "no role allows login 'root'" },
		{ "dev web", "env", "dev", "www",
		  "no role that reaches node 'n1' allows login 'www'" },
		{ "dev web", "tier", "web", "dev",
		  "no role that reaches node 'n1' allows login 'dev'" },
		{ "dev web", "tier", "web", "www", NULL },
		{ "everything no-root", "env", "prod", "root",
		  "role 'no-root' denies login 'root'" },
		{ "no-root everything", "env", "prod", "root",
		  "role 'no-root' denies login 'root'" },
		{ "everything no-pci", "pci", "true", "root",
		  "role 'no-pci' denies access to node 'n1'" },
		{ "everything no-pci", "pci", "false", "root", NULL },
		{ "dev elsewhere", "env", "dev", "dev", NULL },
		{ "dev", "env", "dev", "alice", NULL },
		{ "dev", "env", "dev", "not a login", "no role allows login 'not a login'" },
		{ "dev", "env", "dev", "-o", "no role allows login '-o'" },
		{ "no-root", "env", "dev", "dev", "no role allows access to node 'n1'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct role_set *s = set_of(rows[i].roles, &alices);
		const struct label label = { rows[i].label, rows[i].value };
		const struct label_set labels = { &label, 1 };
		struct err err = { 0 };
		int rc = role_set_check_login(s, "n1", &labels, rows[i].login, &err);

		if (rc != (rows[i].denied != NULL ? ERR_DENIED : 0) ||
		    (rc != 0 && strcmp(err.msg, rows[i].denied) != 0))
			fail_msg("row %zu (%s as %s): %d %s", i, rows[i].roles, rows[i].login, rc,
			         err.msg);
		role_set_unref(s);
	}
}

static void templates_are_filled_from_the_traits(void **state)
{
	const struct label both[] = { { "project", "zeus" }, { "zone", "x" } };
	const struct label other[] = { { "project", "hermes" }, { "zone", "x" } };
	struct role_set *s = set_of("own", &alices);
	struct err err;

	(void)state;
	assert_int_equal(
	        role_set_check_login(s, "n", &(struct label_set){ both, 2 }, "alice", &err), 0);
	assert_int_equal(
	        role_set_check_login(s, "n", &(struct label_set){ both, 1 }, "alice", &err),
	        ERR_DENIED);
	assert_int_equal(
	        role_set_check_login(s, "n", &(struct label_set){ other, 2 }, "alice", &err),
	        ERR_DENIED);
	role_set_unref(s);
	s = set_of("own", &nobodys); /* without the traits the role reaches nothing */
	assert_int_equal(
	        role_set_check_login(s, "n", &(struct label_set){ both, 2 }, "alice", &err),
	        ERR_DENIED);
	role_set_unref(s);
}

static void a_trait_that_does_not_fit_narrows_what_is_allowed_and_never_what_is_denied(void **state)
{
	const struct label_set none = { NULL, 0 };
	struct role_set *s = set_of("allow-broken", &alices);
	struct err err;

	(void)state;
	assert_int_equal(role_set_check_login(s, "n", &none, "ok", &err), 0);
	assert_int_equal(role_set_check_login(s, "n", &none, "nobody", &err), ERR_DENIED);
	role_set_unref(s);
	assert_int_equal(try_set("deny-broken", &alices, &s, &err), ERR_INVALID);
	assert_string_equal(err.msg, "role 'deny-broken': 'nobody' is not an e-mail address");
}

static void an_unknown_role_makes_no_set(void **state)
{
	struct role_set *s = NULL;
	struct err err;

	(void)state;
	assert_int_equal(try_set("dev nonsense", &alices, &s, &err), ERR_NOT_FOUND);
	assert_string_equal(err.msg, "no such role 'nonsense'");
	assert_null(s);
}

static int answers_with_another(void *arg, const char *name, pv_Role *out, struct err *err)
{
	(void)arg;
	(void)name;
	return preset_role(0, out, err);
}

static void a_role_by_another_name_makes_no_set(void **state)
{
	pv_Identity who = { .user = TEXT("alice"), .roles_count = 1 };
	char *names[] = { TEXT("mine") };
	struct role_set *s = NULL;
	struct err err;

	(void)state;
	who.roles = names;
	assert_int_equal(role_set_new(&s, &who, answers_with_another, NULL, &err), ERR_INTERNAL);
	assert_string_equal(err.msg, "asked for role 'mine' and got 'access'");
	who.roles_count = ROLE_SET_MAX + 1; /* nobody looks at them */
	assert_int_equal(role_set_new(&s, &who, answers_with_another, NULL, &err), ERR_LIMIT);
	assert_null(s);
}

static const char *joined(struct strlist *l)
{
	static char text[300];

	text[0] = 0;
	for (size_t i = 0; i < l->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? "," : "",
		         l->items[i]);
	strlist_deinit(l);
	return text;
}

static void a_certificate_carries_the_logins_of_roles_that_live_long_enough(void **state)
{
	struct role_set *s = set_of("dev web everything no-root", &alices);
	struct strlist out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(role_set_logins(s, HOUR, &out, &err), 0);
	assert_string_equal(joined(&out), "alice,dev,www");
	assert_int_equal(role_set_logins(s, 3 * HOUR, &out, &err), 0);
	assert_string_equal(joined(&out), "alice,dev");
	assert_int_equal(role_set_logins(s, 9 * HOUR, &out, &err), 0);
	assert_string_equal(joined(&out), "");
	role_set_unref(s);
}

static void a_node_lists_the_logins_that_are_allowed_there(void **state)
{
	const struct label dev = { "env", "dev" }, pci = { "pci", "true" };
	struct role_set *s = set_of("dev web no-pci", &alices);
	struct strlist out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(role_set_node_logins(s, &(struct label_set){ &dev, 1 }, &out, &err), 0);
	assert_string_equal(joined(&out), "alice,dev");
	assert_int_equal(role_set_node_logins(s, &(struct label_set){ &pci, 1 }, &out, &err), 0);
	assert_string_equal(joined(&out), "");
	assert_int_equal(role_set_check_node(s, "n", &(struct label_set){ &dev, 1 }, &err), 0);
	assert_int_equal(role_set_check_node(s, "n", &(struct label_set){ &pci, 1 }, &err),
	                 ERR_DENIED);
	role_set_unref(s);
}

static void limits_merge_to_the_strictest(void **state)
{
	struct role_set *s = set_of("dev web no-root careful relaxed", &alices);
	const struct role_options *o = role_set_options(s);

	(void)state;
	assert_int_equal(o->max_session_ttl, 2 * HOUR);
	assert_int_equal(o->client_idle_timeout, 5 * 60 * 1000);
	assert_int_equal(o->max_sessions, 3);
	assert_true(o->port_forwarding); /* unset in web counts as allowed */
	assert_true(o->permit_x11_forwarding);
	assert_true(o->disconnect_expired_cert);
	assert_true(o->record_exec);
	assert_false(o->ssh_file_copy);
	assert_true(role_set_forwards_agent(s, "dev"));
	assert_false(role_set_forwards_agent(s, "www"));
	role_set_unref(s);
	s = set_of("dev", &alices);
	assert_false(role_set_options(s)->port_forwarding);
	assert_true(role_set_options(s)->ssh_file_copy);
	role_set_unref(s);
}

static void calls_are_decided_as_the_table_says(void **state)
{
	const struct {
		const char *roles, *kind, *verb;
		bool allowed;
	} rows[] = {
		{ "everything", "role", "delete", true },
		{ "everything no-tokens", "token", "list", false },
		{ "everything no-tokens", "role", "list", true },
		{ "everything elsewhere", "role", "list", true },
		{ "dev", "role", "list", false },
		{ "dev", "node", "list", true }, /* the implicit role */
		{ "dev", "node", "delete", false },
		{ "dev", "cert_authority", "readnosecrets", true },
		{ "dev", "cert_authority", "read", false },
		{ "reader", "user", "read", true },
		{ "reader", "user", "readnosecrets", true },
		{ "reader", "user", "update", false },
		{ "reader", "session", "read", false }, /* not asked for whom */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct role_set *s = set_of(rows[i].roles, &alices);
		struct err err;
		int rc = role_set_check_call(s, &(struct role_call){ rows[i].kind, rows[i].verb },
		                             &err);

		if (rc != (rows[i].allowed ? 0 : ERR_DENIED))
			fail_msg("%s: %s %s", rows[i].roles, rows[i].verb, rows[i].kind);
		role_set_unref(s);
	}
}

static void where_lets_people_see_their_own_sessions(void **state)
{
	char *both[] = { TEXT("bob"), TEXT("alice") };
	pv_Resource session = { .which_of = pv_Resource_session_tag };
	const struct role_call call = { "session", "read", &session };
	struct role_set *s = set_of("reader", &alices);
	struct err err;

	(void)state;
	session.of.session.spec.participants = both;
	session.of.session.spec.participants_count = 2;
	assert_int_equal(role_set_check_call(s, &call, &err), 0);
	session.of.session.spec.participants_count = 1;
	assert_int_equal(role_set_check_call(s, &call, &err), ERR_DENIED);
	assert_string_equal(err.msg, "access denied to perform action 'read' on 'session'");
	role_set_unref(s);
}

static void hosts_have_fixed_rules(void **state)
{
	const struct {
		const char *role, *kind, *verb;
		bool allowed;
	} rows[] = {
		{ "Node", "node", "update", true },
		{ "Node", "proxy", "list", true },
		{ "Node", "proxy", "update", false },
		{ "Node", "cert_authority", "readnosecrets", true },
		{ "Node", "cert_authority", "read", false },
		{ "Node", "token", "list", false },
		{ "Node", "user", "update", false },
		{ "Proxy", "proxy", "create", true },
		{ "Proxy", "node", "update", false },
		{ "Proxy", "cert_authority", "read", false },
		{ "Proxy", "no", "read", false },
		{ "Kube", "kube_server", "create", true },
		{ "Kube", "session", "update", true },
		{ "Kube", "node", "update", false },
		{ "Kube", "cert_authority", "read", false },
		{ "Kube", "token", "list", false },
		{ "Tunnel", "proxy", "list", true },
		{ "Tunnel", "reverse_tunnel", "read", true },
		{ "Tunnel", "reverse_tunnel", "create", false },
		{ "Tunnel", "tunnel_connection", "create", false },
		{ "Tunnel", "cert_authority", "readnosecrets", true },
		{ "Tunnel", "cert_authority", "read", false },
		{ "Tunnel", "node", "list", false },
		{ "Tunnel", "user", "read", false },
		{ "Boss", "node", "list", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err;
		int rc = system_role_check(rows[i].role, rows[i].kind, rows[i].verb, &err);

		if (rc != (rows[i].allowed ? 0 : ERR_DENIED))
			fail_msg("%s: %s %s", rows[i].role, rows[i].verb, rows[i].kind);
	}
	assert_string_equal(system_role_name("node"), "Node");
	assert_null(system_role_name("administrator"));
}

static void the_preset_roles_are_valid(void **state)
{
	const char *const names[PRESET_ROLES] = { "access", "editor", "auditor" };

	(void)state;
	for (size_t i = 0; i < PRESET_ROLES; i++) {
		pv_Role role;
		struct err err;

		if (preset_role(i, &role, &err) != 0)
			fail_msg("%s", err.msg);
		assert_string_equal(role.metadata.name, names[i]);
		fields_release(&pv_Role_table, &role);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logins_are_decided_as_the_table_says),
		cmocka_unit_test(templates_are_filled_from_the_traits),
		cmocka_unit_test(
		        a_trait_that_does_not_fit_narrows_what_is_allowed_and_never_what_is_denied),
		cmocka_unit_test(an_unknown_role_makes_no_set),
		cmocka_unit_test(a_role_by_another_name_makes_no_set),
		cmocka_unit_test(a_certificate_carries_the_logins_of_roles_that_live_long_enough),
		cmocka_unit_test(a_node_lists_the_logins_that_are_allowed_there),
		cmocka_unit_test(limits_merge_to_the_strictest),
		cmocka_unit_test(calls_are_decided_as_the_table_says),
		cmocka_unit_test(where_lets_people_see_their_own_sessions),
		cmocka_unit_test(hosts_have_fixed_rules),
		cmocka_unit_test(the_preset_roles_are_valid),
	};

	return unit_run(tests);
}
