#include "model/resource.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static int read_one(const char *kind, const char *yaml, pv_Resource *out, struct err *err)
{
	const struct resource_kind *k = resource_kind_find(kind);

	*out = (pv_Resource){ .which_of = k->tag };
	return fields_from_yaml(k->table, "test.yaml", yaml, strlen(yaml), &out->of, err);
}

static const struct {
	const char *kind, *yaml, *want; /* NULL: nothing is missed */
} unenforced[] = {
	{ "role", "{spec: {options: {certificate_format: oldssh}}}",
	  "role 'x': spec.options.certificate_format: restricts access, and is not enforced "
	  "here" },
	{ "role", "{spec: {options: {lock: strict, pin_source_ip: yes, max_connections: 2}}}",
	  NULL },
	{ "role", "{spec: {options: {require_session_mfa: yes}}}",
	  "role 'x': spec.options.require_session_mfa: restricts access, and is not enforced "
	  "here" },
	{ "role", "{spec: {options: {require_session_mfa: off}}}", NULL },
	{ "role", "{spec: {options: {device_trust_mode: required}}}",
	  "role 'x': spec.options.device_trust_mode: restricts access, and is not enforced here" },
	{ "role", "{spec: {allow: {require_session_join: [{name: two, filter: 'true'}]}}}",
	  "role 'x': spec.allow.require_session_join: restricts access, and is not enforced "
	  "here" },
	{ "role", "{spec: {deny: {join_sessions: [{name: two}]}}}", NULL },
	{ "role", "{spec: {allow: {join_sessions: [{name: two}], db_names: ['*'], request: {}}}}",
	  NULL },
	{ "lock", "{spec: {target: {user: a, mfa_device: b}}}",
	  "lock 'x': spec.target.mfa_device: restricts access, and is not enforced here" },
};

static void what_would_restrict_access_in_vain_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unenforced) / sizeof(unenforced[0]); i++) {
		struct err err = { 0 };
		pv_Resource r;

		if (read_one(unenforced[i].kind, unenforced[i].yaml, &r, &err) != 0 ||
		    fields_set_str(&resource_metadata(&r)->name, "x", &err) != 0 ||
		    resource_validate(&r, &err) != 0)
			fail_msg("'%s': %s", unenforced[i].yaml, err.msg);
		err.msg[0] = 0;
		assert_int_equal(resource_check_enforced(&r, &err),
		                 unenforced[i].want != NULL ? ERR_UNSUPPORTED : 0);
		assert_string_equal(err.msg, unenforced[i].want != NULL ? unenforced[i].want : "");
		resource_deinit(&r);
	}
}

struct paths {
	char text[256];
};

static int add_path(void *arg, const char *path, enum fields_effect effect)
{
	struct paths *p = arg;

	assert_int_equal(effect, FIELDS_WITHOUT_EFFECT);
	strcat(strcat(p->text, path), " ");
	return 0;
}

static void fields_without_effect_are_told_one_by_one(void **state)
{
	struct paths paths = { 0 };
	struct err err;
	pv_Resource r;

	(void)state;
	assert_int_equal(
	        read_one(
	                "role",
	                "{metadata: {name: x}, spec: {options: {create_host_user_mode: 1, idp: {}, "
	                "record_session: {desktop: yes}}, allow: {logins: [a], app_labels: "
	                "{'*': '*'}, request: {roles: [b]}}, deny: {db_users: [c]}}}",
	                &r, &err),
	        0);
	assert_int_equal(resource_effects(&r, add_path, &paths), 0);
	assert_string_equal(paths.text, "spec.options.record_session.desktop "
	                                "spec.allow.app_labels spec.deny.db_users ");
	resource_deinit(&r);
}

/* Of messages that came as protobuf, which nobody has parsed. */
static void words_and_json_are_checked_without_text_too(void **state)
{
	struct err err;
	pv_Resource r;

	(void)state;
	assert_int_equal(read_one("role", "{metadata: {name: x}}", &r, &err), 0);
	assert_int_equal(fields_set_str(&r.of.role.spec.options.lock, "stricter", &err), 0);
	r.of.role.has_spec = r.of.role.spec.has_options = true;
	assert_int_equal(resource_validate(&r, &err), ERR_INVALID);
	assert_string_equal(err.msg, "role 'x': spec.options.lock: 'stricter' is unknown, did you "
	                             "mean strict?");
	assert_int_equal(fields_set_str(&r.of.role.spec.options.lock, NULL, &err), 0);
	assert_int_equal(fields_set_str(&r.of.role.spec.options.idp, "{", &err), 0);
	assert_int_equal(resource_validate(&r, &err), ERR_INVALID);
	assert_memory_equal(err.msg, "role 'x': spec.options.idp: JSON, line 1", 40);
	resource_deinit(&r);
}

static void settings_have_their_defaults(void **state)
{
	struct err err;
	pv_Resource r;

	(void)state;
	assert_int_equal(read_one("cap", "{}", &r, &err), 0);
	assert_int_equal(resource_validate(&r, &err), 0);
	assert_string_equal(resource_name(&r), "cluster-auth-preference");
	assert_string_equal(r.of.cluster_auth_preference.spec.type, "local");
	assert_true(r.of.cluster_auth_preference.spec.allow_local_auth);
	assert_int_equal(r.of.cluster_auth_preference.spec.default_session_ttl, 0); /* authd says */
	resource_deinit(&r);

	assert_int_equal(read_one("netconfig",
	                          "{spec: {keep_alive_interval: 1m, proxy_listener_mode: 1}}", &r,
	                          &err),
	                 0);
	assert_int_equal(resource_validate(&r, &err), 0);
	assert_int_equal(r.of.cluster_networking_config.spec.keep_alive_interval, 60 * 1000);
	assert_int_equal(r.of.cluster_networking_config.spec.keep_alive_count_max, 3);
	assert_string_equal(r.of.cluster_networking_config.spec.proxy_listener_mode, "multiplex");
	resource_deinit(&r);

	assert_int_equal(read_one("recording_config", "{spec: {mode: off}}", &r, &err), 0);
	assert_int_equal(resource_validate(&r, &err), 0);
	assert_string_equal(r.of.session_recording_config.spec.mode, "off");
	assert_true(r.of.session_recording_config.spec.proxy_checks_host_keys);
	resource_deinit(&r);
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
	assert_int_equal(count, 21);
	assert_true(resource_kind_is_foreign("saml"));
	assert_false(resource_kind_is_foreign("role"));
}

static void every_word_that_people_type_for_a_kind_is_understood(void **state)
{
	const struct {
		const char *kind, *words;
	} rows[] = {
		{ "user", "user users User USERS" },
		{ "role", "role roles" },
		{ "trusted_cluster", "cluster clusters tc trusted_cluster trusted_clusters" },
		{ "remote_cluster", "rc remote_cluster remote_clusters" },
		{ "oidc", "oidc" },
		{ "github", "github" },
		{ "cluster_auth_preference", "cap cluster_auth_preference" },
		{ "cluster_networking_config",
		  "cluster_networking_config networking_config netconfig" },
		{ "session_recording_config", "session_recording_config recording_config" },
		{ "node", "node nodes" },
		{ "proxy", "proxy proxies" },
		{ "auth_server", "auth_server auth_servers auth" },
		{ "reverse_tunnel", "tunnel tunnels reverse_tunnel rts" },
		{ "cert_authority", "ca cas cert_authority" },
		{ "token", "token tokens" },
		{ "access_request", "request requests access_request" },
		{ "lock", "lock locks" },
	};
	const char *const of_others[] = { "saml",         "ns",          "namespace", "semaphore",
		                          "sem",          "app",         "db",        "bot",
		                          "device",       "installer",   "win",       "desktop",
		                          "kube_service", "kube_cluster" };
	char text[100], *save;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s", rows[i].words);
		for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
			const struct resource_kind *kind = resource_kind_find(w);

			if (kind == NULL || strcmp(kind->name, rows[i].kind) != 0)
				fail_msg("'%s' is '%s'", w, kind != NULL ? kind->name : "nothing");
		}
	}
	for (size_t i = 0; i < sizeof(of_others) / sizeof(of_others[0]); i++)
		if (resource_kind_find(of_others[i]) != NULL ||
		    !resource_kind_is_foreign(of_others[i]))
			fail_msg("%s", of_others[i]);
}

static void names_are_checked(void **state)
{
	const char *const good[] = { "a", "alice,O=admin", "\xc3\xa4nne", "a b" };
	const char *const bad[] = { "",
		                    " a",
		                    "a ",
		                    "a/b",
		                    "..",
		                    "a\nb",
		                    "\xff",
		                    "\xc0\xaf",
		                    "\xc2\x85",
		                    "\xc3(",
		                    "\xe0\x9f\xbf",
		                    "\xed\xa0\x80",
		                    "\xf5",
		                    "\xf4\x90\x80\x80" };
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
	assert_null(*resource_sub_kind(&copy));
	assert_string_equal(resource_sub_kind_of(&copy), "");
	buf_deinit(&bytes);
	resource_deinit(&r);
	resource_deinit(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_restrict_access_in_vain_is_told),
		cmocka_unit_test(fields_without_effect_are_told_one_by_one),
		cmocka_unit_test(words_and_json_are_checked_without_text_too),
		cmocka_unit_test(settings_have_their_defaults),
		cmocka_unit_test(a_role_gets_what_was_left_out),
		cmocka_unit_test(documents_for_teleport_are_understood),
		cmocka_unit_test(kinds_have_aliases_and_keys),
		cmocka_unit_test(every_word_that_people_type_for_a_kind_is_understood),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(logins_and_uuids_are_told_from_other_words),
		cmocka_unit_test(a_resource_survives_its_bytes),
	};

	return unit_run(tests);
}
