#include "model/resource.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <string.h>

static int read_one(const char *kind, const char *yaml, pv_Resource *out, struct err *err)
{
	const struct resource_kind *k = resource_kind_find(kind);

	*out = (pv_Resource){ .which_of = k->tag };
	return fields_from_yaml(k->table, "test.yaml", yaml, strlen(yaml), &out->of, err);
}

static const struct {
	const char *kind, *yaml, *want;
} refused[] = {
	{ "role", "{metadata: {name: dev}, spec: {allow: {logins: ['*']}}}",
	  "role 'dev': spec.allow: logins: '*' is not a login" },
	{ "role", "{metadata: {name: dev}, spec: {allow: {node_labels: {'*': 'x'}}}}",
	  "role 'dev': spec.allow: node_labels.*: the key '*' goes with the value '*' "
	  "only" },
	{ "role", "{metadata: {name: dev}, spec: {allow: {node_labels: {'*': ['*', x]}}}}",
	  "role 'dev': spec.allow: node_labels.*: the key '*' goes with the value '*' "
	  "only" },
	{ "role", "{metadata: {name: dev}, spec: {allow: {logins: ['{{internal.logins']}}}",
	  "role 'dev': spec.allow: logins: '{{internal.logins' is not a template: '}}' is "
	  "missing" },
	{ "role", "{metadata: {name: dev}, spec: {allow: {node_labels: {env: '^dev[$'}}}}",
	  "role 'dev': spec.allow: node_labels.env: '^dev[$' is not a regular expression: "
	  "missing "
	  "terminating ] for character class at 6" },
	{ "role", "{metadata: {name: dev}, spec: {allow: {rules: [{resources: [role]}]}}}",
	  "role 'dev': spec.allow: rules[0]: verbs are missing" },
	{ "role", "{metadata: {name: dev}, spec: {deny: {rules: [{verbs: [list]}]}}}",
	  "role 'dev': spec.deny: rules[0]: resources are missing" },
	{ "role",
	  "{metadata: {name: dev}, spec: {deny: {rules: [{resources: [roles], verbs: "
	  "['*']}]}}}",
	  "role 'dev': spec.deny: rules[0]: resources: 'roles' is not a kind" },
	{ "role",
	  "{metadata: {name: dev}, spec: {allow: {rules: [{resources: [role], verbs: "
	  "[red]}]}}}",
	  "role 'dev': spec.allow: rules[0]: verbs: 'red' is not a verb" },
	{ "role",
	  "{metadata: {name: dev}, spec: {allow: {rules: [{resources: [role], verbs: "
	  "[list], where: "
	  "'contains('}]}}}",
	  "role 'dev': spec.allow: rules[0]: where: 'contains(': something is missing at byte "
	  "10" },
	{ "role", "{metadata: {name: dev}, spec: {options: {max_connections: 2}}}",
	  "role 'dev': spec.options: max_connections is not enforced by this version" },
	{ "role", "{metadata: {name: dev}, spec: {options: {pin_source_ip: true}}}",
	  "role 'dev': spec.options: pin_source_ip is not enforced by this version" },
	{ "role", "{metadata: {name: dev}, spec: {options: {lock: strict}}}",
	  "role 'dev': spec.options: lock: strict is not enforced by this version" },
	{ "role", "{metadata: {name: dev}, version: v9}",
	  "role 'dev': version: 'v9' is not known here" },
	{ "role", "{kind: user, metadata: {name: dev}}",
	  "role 'dev': kind: 'user', but this is a role" },
	{ "role", "{metadata: {name: a/b}}",
	  "role: 'a/b' is not a name: '/', '.' and '..' have a meaning" },
	{ "role", "{metadata: {}}", "role: a name is missing" },
	{ "role", "{metadata: {name: dev, namespace: other}}",
	  "role 'dev': metadata.namespace: there is only 'default'" },
	{ "user", "{metadata: {name: alice}}", "user 'alice': spec.roles: a user needs a role" },
	{ "user", "{metadata: {name: alice}, spec: {roles: [a], traits: {logins: ['a b']}}}",
	  "user 'alice': spec.traits.logins: 'a b' is not a login" },
	{ "token", "{metadata: {name: x}, spec: {roles: [Boss]}}",
	  "token 'x': spec.roles: nothing joins as 'Boss'" },
	{ "token", "{metadata: {name: x}, spec: {roles: [Node], join_method: ec2}}",
	  "token 'x': spec.join_method: only 'token' is supported" },
	{ "lock", "{metadata: {name: x}, spec: {message: m}}",
	  "lock 'x': spec.target: user, role, login or node is missing" },
	{ "node", "{metadata: {name: web-1}, spec: {hostname: web-1}}",
	  "node 'web-1': metadata.name: not a UUID" },
	{ "node",
	  "{metadata: {name: 5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11}, spec: {hostname: "
	  "web-1, addr: 'unix:/run/postern/x.sock'}}",
	  "node '5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11': spec.addr: '/run/postern/x.sock' "
	  "is "
	  "not a port (0 to 65535)" },
	{ "node",
	  "{metadata: {name: 5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11}, spec: {hostname: "
	  "web-1, addr: '10.0.0.1:22,10.0.0.2:22'}}",
	  "node '5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11': spec.addr: "
	  "'10.0.0.1:22,10.0.0.2:22' is not an address (write 'host:port' "
	  "or '[v6]:port')" },
};

static void what_must_fail_fails_with_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct err err = { 0 };
		pv_Resource r;
		int rc = read_one(refused[i].kind, refused[i].yaml, &r, &err);

		if (rc != 0)
			fail_msg("'%s': %s", refused[i].yaml, err.msg);
		rc = resource_validate(&r, &err);
		if (rc == 0 || strcmp(err.msg, refused[i].want) != 0)
			fail_msg("'%s' gives '%s', not '%s'", refused[i].yaml, err.msg,
			         refused[i].want);
		resource_deinit(&r);
	}
}

static void a_role_gets_what_was_left_out(void **state)
{
	struct err err;
	pv_Resource r;
	pv_RoleSpec *spec = &r.of.role.spec;

	(void)state;
	assert_int_equal(read_one("roles", "{metadata: {name: dev}, version: v3}", &r, &err), 0);
	assert_int_equal(resource_validate(&r, &err), 0);
	assert_string_equal(r.of.role.kind, "role");
	assert_string_equal(r.of.role.metadata.namespace, "default");
	assert_int_equal(spec->options.max_session_ttl, 30 * 60 * 60 * 1000LL);
	assert_true(spec->options.port_forwarding);
	assert_string_equal(spec->options.certificate_format, "standard");
	assert_string_equal(spec->allow.namespaces[0], "default");
	assert_string_equal(spec->deny.namespaces[0], "default");
	assert_int_equal(spec->allow.node_labels_count, 1); /* of v3 alone */
	assert_int_equal(spec->deny.node_labels_count, 0);
	resource_deinit(&r);

	assert_int_equal(read_one("role", "{metadata: {name: dev}}", &r, &err), 0);
	assert_int_equal(resource_validate(&r, &err), 0);
	assert_string_equal(r.of.role.version, "v7");
	assert_int_equal(spec->allow.node_labels_count, 0);
	assert_int_equal(resource_validate(&r, &err), 0); /* again changes nothing */
	resource_deinit(&r);
}

/* As people write them for Teleport, block style, scalars for lists, YAML 1.1 booleans. */
static void documents_for_teleport_are_understood(void **state)
{
	const struct {
		const char *kind, *yaml;
	} rows[] = {
		{ "role",
		  "kind: role\nversion: v3\nmetadata: {name: ops}\nspec:\n"
		  "  options: {max_session_ttl: 8h, forward_agent: yes, port_forwarding: no,\n"
		  "            client_idle_timeout: 15m, disconnect_expired_cert: \"yes\"}\n"
		  "  allow:\n"
		  "    logins: [deploy, '{{internal.logins}}']\n"
		  "    node_labels:\n"
		  "      env: ['staging', '^dev-[0-9]+$']\n"
		  "      tier: '*'\n"
		  "    rules:\n"
		  "    - resources: [session]\n"
		  "      verbs: [list, read]\n"
		  "      where: 'contains(session.participants, user.metadata.name)'\n"
		  "  deny:\n"
		  "    logins: [root]\n"
		  "    node_labels: {pci: 'true'}\n" },
		{ "role", "kind: role\nversion: v3\nmetadata: {name: everything}\nspec:\n"
		          "  allow:\n    logins: [root]\n    node_labels: {'*': '*'}\n"
		          "    rules: [{resources: ['*'], verbs: ['*']}]\n" },
		{ "role", "kind: role\nversion: v4\n"
		          "metadata: {name: contractor, labels: {team: ext}, expires: "
		          "\"2030-01-01T00:00:00Z\"}\n"
		          "spec:\n  options: {max_session_ttl: 2h, max_sessions: 5, "
		          "permit_x11_forwarding: off}\n"
		          "  allow:\n    logins: ['{{email.local(external.email)}}']\n"
		          "    node_labels: {project: '{{external.projects}}', region: 'eu-*'}\n" },
		{ "role", "kind: role\nversion: v5\nmetadata: {name: auditor-lite}\nspec:\n"
		          "  options: {max_session_ttl: 12h}\n  allow:\n    rules:\n"
		          "    - {resources: [event, session], verbs: [list, read]}\n"
		          "    - {resources: [cert_authority], verbs: [list, readnosecrets]}\n"
		          "  deny:\n    rules: [{resources: [token], verbs: ['*']}]\n" },
		{ "user", "kind: user\nversion: v2\nmetadata: {name: alice@example.com}\nspec:\n"
		          "  roles: [ops, k8s-dev]\n"
		          "  traits: {logins: [alice, ubuntu], kubernetes_groups: [dev], "
		          "projects: [apollo, zeus]}\n" },
		{ "token", "kind: token\nversion: v2\n"
		           "metadata: {name: 4f1c0e6a9b, expires: \"2030-01-01T00:30:00Z\"}\n"
		           "spec: {roles: [node, Proxy], join_method: token, "
		           "suggested_labels: {rack: [r1]}}\n" },
		{ "lock", "kind: lock\nversion: v2\n"
		          "metadata: {name: 6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11}\n"
		          "spec: {target: {user: mallory}, message: \"under investigation\", "
		          "expires: \"2030-02-01T00:00:00Z\"}\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		pv_Resource r;

		if (read_one(rows[i].kind, rows[i].yaml, &r, &err) != 0 ||
		    resource_validate(&r, &err) != 0)
			fail_msg("%s", err.msg);
		resource_deinit(&r);
	}
}

static void kinds_have_aliases_and_keys(void **state)
{
	const struct {
		const char *word, *sub_kind, *name, *key;
	} rows[] = {
		{ "role", NULL, "dev", "/roles/dev" },
		{ "Roles", NULL, "dev", "/roles/dev" },
		{ "users", NULL, "alice@example.com", "/users/alice@example.com" },
		{ "ca", "user", "one", "/authorities/user/one" },
		{ "proxy", NULL, "p", "/proxies/p" },
		{ "sessions", NULL, "s", "/sessions/s" },
	};
	char key[RESOURCE_KEY_SIZE];
	struct err err;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(resource_key(key, resource_kind_find(rows[i].word),
		                              rows[i].sub_kind, rows[i].name, &err),
		                 0);
		assert_string_equal(key, rows[i].key);
	}
	assert_null(resource_kind_find("rolls"));
	assert_null(resource_kind_find(""));
	assert_int_equal(resource_key(key, resource_kind_find("ca"), NULL, "one", &err),
	                 ERR_INVALID);
	for (const struct resource_kind *k = resource_kind_next(NULL); k; k = resource_kind_next(k))
		count++;
	assert_int_equal(count, 8);
}

static void names_are_checked(void **state)
{
	const char *const good[] = { "a", "alice,O=admin", "\xc3\xa4nne", "a b" };
	const char *const bad[] = { "",     " a",   "a ",       "a/b",     "..",
		                    "a\nb", "\xff", "\xc0\xaf", "\xc2\x85" };
	char longest[RESOURCE_NAME_MAX + 2];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(resource_check_name(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(resource_check_name(bad[i], &err), ERR_INVALID);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(resource_check_name(longest, &err), ERR_INVALID);
	assert_int_equal(resource_check_name(longest + 1, &err), 0);
}

static void logins_and_uuids_are_told_from_other_words(void **state)
{
	(void)state;
	assert_true(resource_is_login("root"));
	assert_true(resource_is_login("_apt"));
	assert_true(resource_is_login("j.doe-x@example.com"));
	assert_true(resource_is_login("host$"));
	assert_false(resource_is_login(""));
	assert_false(resource_is_login("-oProxyCommand"));
	assert_false(resource_is_login("a b"));
	assert_false(resource_is_login("a$b"));
	assert_false(resource_is_login("a,b"));
	assert_true(resource_is_uuid("6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"));
	assert_false(resource_is_uuid("6B1D0C2E-0a4b-4e0d-9a3c-9f1f0f2f7d11"));
	assert_false(resource_is_uuid("6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d1"));
	assert_false(resource_is_uuid("6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d111"));
	assert_false(resource_is_uuid("../../../../../../../../../../../../"));
}

static void a_resource_survives_its_bytes(void **state)
{
	struct buf bytes = { 0 };
	struct err err;
	pv_Resource r, copy;

	(void)state;
	assert_int_equal(
	        read_one("user", "{metadata: {name: alice}, spec: {roles: [dev]}}", &r, &err), 0);
	assert_int_equal(resource_encode(&r, &bytes, &err), 0);
	assert_int_equal(resource_decode(&copy, bytes.data, bytes.len, &err), 0);
	assert_true(fields_equal(&pv_Resource_table, &r, &copy));
	assert_string_equal(resource_name(&copy), "alice");
	assert_ptr_equal(resource_kind_of(&copy), resource_kind_find("user"));
	buf_deinit(&bytes);
	resource_deinit(&r);
	resource_deinit(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_fail_fails_with_its_reason),
		cmocka_unit_test(a_role_gets_what_was_left_out),
		cmocka_unit_test(documents_for_teleport_are_understood),
		cmocka_unit_test(kinds_have_aliases_and_keys),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(logins_and_uuids_are_told_from_other_words),
		cmocka_unit_test(a_resource_survives_its_bytes),
	};

	return unit_run(tests);
}
