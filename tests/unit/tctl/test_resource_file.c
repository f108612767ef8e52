#include "tctl/resource_file.h"

#include "base/err.h"
#include "model/resource.h"

#include "tests/unit/unit.h"

#include <string.h>

static const char several[] =
        "# roles and who has them\n"
        "kind: role\n"
        "version: v3\n"
        "metadata: {name: ops}\n"
        "spec:\n"
        "  options: {max_session_ttl: 8h, forward_agent: yes, port_forwarding: no}\n"
        "  allow:\n"
        "    logins: [deploy, '{{internal.logins}}']\n"
        "    node_labels: {env: ['staging', '^dev-[0-9]+$'], tier: '*'}\n"
        "  deny: {logins: [root]}\n"
        "---\n"
        "kind: roles\n" /* an alias */
        "metadata: {name: everything}\n"
        "spec: {allow: {logins: [root], node_labels: {'*': '*'},"
        " rules: [{resources: ['*'], verbs: ['*']}]}}\n"
        "---\n"
        "---\n" /* empty documents do no harm */
        "kind: user\n"
        "metadata: {name: alice@example.com}\n"
        "spec: {roles: [ops], traits: {logins: [alice, ubuntu]}}\n";

static int parse(const char *text, struct resource_file *out, struct err *err)
{
	return resource_file_parse("x.yaml", text, strlen(text), false, out, err);
}

static void a_file_holds_many_documents(void **state)
{
	struct resource_file f;
	struct err err = { 0 };

	(void)state;
	if (parse(several, &f, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(f.count, 3);
	assert_int_equal(f.items[1].which_of, pv_Resource_role_tag);
	assert_string_equal(f.items[1].of.role.kind, "role");
	assert_string_equal(resource_name(&f.items[1]), "everything");
	assert_string_equal(f.items[2].of.user.spec.roles[0], "ops");
	resource_file_deinit(&f);
}

static void json_comes_alone_or_in_an_array(void **state)
{
	static const char one[] = " {\"kind\":\"role\",\"metadata\":{\"name\":\"a\\/b\"}}";
	static const char array[] = "[{\"kind\":\"role\",\"metadata\":{\"name\":\"a\"}},\n"
	                            "{\"kind\":\"role\",\"metadata\":{\"name\":\"b\"}}]";
	struct resource_file f;
	struct err err;

	(void)state;
	assert_int_equal(parse(array, &f, &err), 0);
	assert_int_equal(f.count, 2);
	assert_string_equal(resource_name(&f.items[1]), "b");
	resource_file_deinit(&f);
	assert_int_equal(parse(one, &f, &err), ERR_INVALID); /* the name holds a slash */
}

/* One mistake anywhere, and there is nothing to apply. */
static void mistakes_name_file_and_line(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "kind: role\nmetadata: {name: a}\n---\nkind: role\nmetadata: {name: b}\n"
		  "spec:\n  allow:\n    login: [x]\n",
		  "x.yaml:8: spec.allow.login: unknown field, did you mean spec.allow.logins?" },
		{ "kind: rol\n",
		  "x.yaml:1: kind: 'rol' is no kind of resource, did you mean 'role'?" },
		{ "kind: saml\n",
		  "x.yaml:1: kind: 'saml' is a kind of Teleport's that is not here" },
		{ "metadata: {name: a}\n", "x.yaml:1: kind: is missing" },
		{ "hello\n", "x.yaml:1: a text is not a resource" },
		{ "kind: role\nmetadata: {name: a}\n---\nkind: user\nmetadata: {name: a}\nspec: "
		  "{roles: [a]}\n---\nkind: roles\nmetadata: {name: a}\n",
		  "x.yaml:8: role 'a' is given twice, first in line 1" },
		{ "kind: role\nmetadata:\n  name: a\nspec:\n  allow:\n    logins:\n    - a\n    - "
		  "'*'\n",
		  "x.yaml:6: role 'a': spec.allow: logins: '*' is not a login" },
		{ "kind: tc\nmetadata:\n  name: a\nspec:\n  role_map:\n  - {remote: a, local: "
		  "[b]}\n"
		  "  - remote: a\n    local: [c]\n",
		  "x.yaml:7: trusted_cluster 'a': spec.role_map[1].remote: 'a' is mapped already" },
		{ "kind: cap\nspec:\n  type: locale\n",
		  "x.yaml:3: spec.type: 'locale' is unknown, did you mean local?" },
		{ "# nothing\n", "x.yaml: holds no resource" },
		{ "[]", "x.yaml: holds no resource" },
		{ "kind: role\nmetadata: {name: a, labels: {n: 1}}\n",
		  "x.yaml:2: metadata.labels.n: '1' is not a text, put it in quotes" },
		{ "{\"kind\": \"role\", \"metadat\": {}}",
		  "x.yaml: metadat: unknown field, did you mean metadata?" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resource_file f;
		struct err err;

		assert_int_equal(parse(cases[i].text, &f, &err), ERR_INVALID);

		assert_string_equal(err.msg, cases[i].message);
	}
}

/* What the model refuses is refused here already, before authd is asked. */
static void resources_that_make_no_sense_are_refused(void **state)
{
	static const char *const cases[] = {
		"kind: role\nmetadata: {name: a}\nspec: {allow: {logins: ['*']}}\n",
		"kind: role\nmetadata: {name: a}\nspec: {allow: {node_labels: {'*': x}}}\n",
		"kind: role\nmetadata: {name: a}\nspec: {allow: {logins: ['{{internal.logins']}}\n",
		"kind: role\nmetadata: {name: a}\nspec: {allow: {rules: [{resources: [role]}]}}\n",
		"kind: role\nmetadata: {name: a}\nspec: {allow: {rules: [{resources: [role], "
		"verbs: "
		"[read], where: 'contains('}]}}\n",
		"kind: role\nmetadata: {name: a}\nspec: {options: {enhanced_recording: "
		"[keyboard]}}\n",
		"kind: role\nspec: {}\n",
		"kind: user\nmetadata: {name: 'a/b'}\nspec: {roles: [x]}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resource_file f;
		struct err err;

		assert_int_not_equal(parse(cases[i], &f, &err), 0);
		assert_memory_equal(err.msg, "x.yaml:", 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_holds_many_documents),
		cmocka_unit_test(json_comes_alone_or_in_an_array),
		cmocka_unit_test(mistakes_name_file_and_line),
		cmocka_unit_test(resources_that_make_no_sense_are_refused),
	};

	return unit_run(tests);
}
