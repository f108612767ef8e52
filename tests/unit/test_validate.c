/* What makes a resource of each kind none, and the sentence that says so. */
#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define UUID "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"

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
	{ "role", "{metadata: {name: dev}, spec: {deny: {node_labels: {a: }}}}",
	  "role 'dev': spec.deny: node_labels.a: no value" },
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
	{ "role", "{metadata: {name: dev}, version: v9}",
	  "role 'dev': version: 'v9' is not known here, only v3 v4 v5 v6 v7" },
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
	  "token 'x': spec.roles[0]: nothing joins as 'Boss'" },
	{ "token", "{metadata: {name: x}, spec: {roles: [Node], join_method: ec2}}",
	  "token 'x': spec.join_method: 'ec2' is not supported, only 'token' is" },
	{ "user", "{metadata: {name: alice}, spec: {roles: [dev, a/b]}}",
	  "user 'alice': spec.roles[1]: 'a/b' is not a name: '/', '.' and '..' have a meaning" },
	{ "lock",
	  "{metadata: {name: x}, spec: {target: {node: " UUID
	  ", server_id: 5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c12}}}",
	  "lock 'x': spec.target.server_id: another node than spec.target.node" },
	{ "cap", "{metadata: {name: other}}",
	  "metadata.name: there is one cluster_auth_preference, 'cluster-auth-preference'" },
	{ "cap", "{metadata: {expires: '2030-01-01T00:00:00Z'}}",
	  "cluster_auth_preference 'cluster-auth-preference': metadata.expires: there is always "
	  "one cluster_auth_preference" },
	{ "cap", "{spec: {default_session_ttl: 1s}}",
	  "cluster_auth_preference 'cluster-auth-preference': spec.default_session_ttl: less than "
	  "a minute" },
	{ "netconfig", "{spec: {keep_alive_count_max: -1}}",
	  "cluster_networking_config 'cluster-networking-config': spec.keep_alive_count_max: "
	  "below 0" },
	{ "netconfig",
	  "{spec: {tunnel_strategy: {type: proxy_peering, agent_connection_count: 1001}}}",
	  "cluster_networking_config 'cluster-networking-config': "
	  "spec.tunnel_strategy.agent_connection_count: not 0 to 1000" },
	{ "netconfig", "{spec: {tunnel_strategy: {agent_connection_count: 1}}}",
	  "cluster_networking_config 'cluster-networking-config': "
	  "spec.tunnel_strategy.agent_connection_count: only with the type proxy_peering" },
	{ "tc", "{metadata: {name: root}, spec: {role_map: [{remote: a, local: ['*']}]}}",
	  "trusted_cluster 'root': spec.role_map[0]: local[0]: '*' is no role, name those that are "
	  "meant" },
	{ "tc",
	  "{metadata: {name: root}, spec: {role_map: [{remote: a, local: [x]}, {remote: a, "
	  "local: [y]}]}}",
	  "trusted_cluster 'root': spec.role_map[1].remote: 'a' is mapped already" },
	{ "tc", "{metadata: {name: root}, spec: {role_map: [{remote: a}]}}",
	  "trusted_cluster 'root': spec.role_map[0]: local: no roles" },
	{ "tc", "{metadata: {name: root}, spec: {role_map: [{local: [a]}]}}",
	  "trusted_cluster 'root': spec.role_map[0]: remote: missing" },
	{ "tc", "{metadata: {name: root}, spec: {role_map: [{remote: a, local: ['']}]}}",
	  "trusted_cluster 'root': spec.role_map[0]: local[0]: an empty role" },
	{ "tc", "{metadata: {name: root}, spec: {roles: [a], role_map: [{remote: a, local: [b]}]}}",
	  "trusted_cluster 'root': spec.roles: not together with spec.role_map" },
	{ "tc", "{metadata: {name: root}, spec: {tunnel_addr: 'root:x'}}",
	  "trusted_cluster 'root': spec.tunnel_addr: 'x' is not a port (0 to 65535)" },
	{ "rts", "{metadata: {name: root}, spec: {cluster_name: root}}",
	  "reverse_tunnel 'root': spec.dial_addrs: no address" },
	{ "rts", "{metadata: {name: root}, spec: {dial_addrs: ['a:1']}}",
	  "reverse_tunnel 'root': spec.cluster_name: missing" },
	{ "tunnel_connection", "{metadata: {name: a}, spec: {cluster_name: a}}",
	  "tunnel_connection 'a': spec: cluster_name and proxy_name are needed" },
	{ "github", "{metadata: {name: g}, spec: {client_id: a, redirect_url: 'http://a/'}}",
	  "github 'g': spec.redirect_url: 'http://a/' is not a URL that begins with https://" },
	{ "github", "{metadata: {name: g}, spec: {client_id: a, redirect_url: 'https://a/'}}",
	  "github 'g': spec.teams_to_roles: nobody would get anything" },
	{ "github",
	  "{metadata: {name: g}, spec: {client_id: a, redirect_url: 'https://a/', teams_to_roles: "
	  "[{organization: o, team: t}]}}",
	  "github 'g': spec.teams_to_roles[0]: gives nothing" },
	{ "github",
	  "{metadata: {name: g}, spec: {client_id: a, redirect_url: 'https://a/', teams_to_logins: "
	  "[{organization: o, logins: [a]}]}}",
	  "github 'g': spec.teams_to_logins[0]: team: missing" },
	{ "oidc", "{metadata: {name: o}, spec: {client_id: a}}",
	  "oidc 'o': spec.issuer_url: missing" },
	{ "oidc",
	  "{metadata: {name: o}, spec: {issuer_url: 'https://i', client_id: a, redirect_url: "
	  "'https://a', claims_to_roles: [{claim: g, value: '^a($', roles: [x]}]}}",
	  "oidc 'o': spec.claims_to_roles[0]: value: '^a($' is not a regular expression: missing "
	  "closing parenthesis at 4" },
	{ "request", "{metadata: {name: x}, spec: {user: alice, roles: [a]}}",
	  "access_request 'x': metadata.name: not a UUID" },
	{ "request", "{metadata: {name: 5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11}, spec: {user: a}}",
	  "access_request '5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11': spec.roles: what is asked for?" },
	{ "role",
	  "{metadata: {name: r}, spec: {allow: {request: {roles: [a], thresholds: [{filter: "
	  "'contains('}]}}}}",
	  "role 'r': spec.allow: request.thresholds[0].filter: 'contains(': something is "
	  "missing at byte 10" },
	{ "role",
	  "{metadata: {name: r}, spec: {allow: {review_requests: {roles: [a], where: "
	  "'review.reason == \"x\"'}}}}",
	  "role 'r': spec.allow: review_requests.where: 'review.reason == \"x\"': no "
	  "field 'review.reason'" },
	{ "role", "{metadata: {name: r}, spec: {allow: {request: {roles: ['{{internal.logins']}}}}",
	  "role 'r': spec.allow: request.roles: '{{internal.logins' is not a template: '}}' is "
	  "missing" },
	{ "role", "{metadata: {name: r}, spec: {deny: {review_requests: {roles: ['^a($']}}}}",
	  "role 'r': spec.deny: review_requests.roles: '^a($' is not a regular expression: missing "
	  "closing parenthesis at 4" },
	{ "role",
	  "{metadata: {name: r}, spec: {allow: {request: {claims_to_roles: [{claim: a, value: "
	  "b}]}}}}",
	  "role 'r': spec.allow: request.claims_to_roles[0]: roles: missing" },
	{ "role", "{metadata: {name: r}, spec: {allow: {request: {annotations: {a: ['{{x']}}}}}",
	  "role 'r': spec.allow: request.annotations: '{{x' is not a template: only internal "
	  "and external hold traits" },
	{ "lock", "{metadata: {name: x}, spec: {message: m}}",
	  "lock 'x': spec.target: user, role, login, node or access_request is missing" },
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
	{ "role", "{metadata: {name: a, labels: {'': b}}}",
	  "role 'a': metadata.labels: not a key: ''" },
	{ "role", "{metadata: {name: a, labels: {b: \"c\\n\"}}}",
	  "role 'a': metadata.labels.b: bytes that cannot be shown" },
	{ "role", "{metadata: {name: a, expires: '1960-01-01T00:00:00Z'}}",
	  "role 'a': metadata.expires: before 1970" },
	{ "user", "{metadata: {name: a}, spec: {roles: [b], traits: {'': c}}}",
	  "user 'a': spec.traits: a trait without a name" },
	{ "token", "{metadata: {name: x}}", "token 'x': spec.roles: a token needs a role" },
	{ "token", "{metadata: {name: x}, spec: {roles: [auth]}}",
	  "token 'x': spec.roles[0]: nothing joins as 'auth'" },
	{ "lock", "{metadata: {name: x}, spec: {target: {node: web-1}}}",
	  "lock 'x': spec.target.node: 'web-1' is not a UUID" },
	{ "netconfig", "{spec: {idle_timeout_message: \"two\\nlines\"}}",
	  "cluster_networking_config 'cluster-networking-config': spec.idle_timeout_message: not a "
	  "line of at most 400 bytes" },
	{ "cluster_name", "{}", "cluster_name 'cluster-name': spec.cluster_name: missing" },
	{ "oidc", "{metadata: {name: o}, spec: {issuer_url: 'https://i', client_id: a}}",
	  "oidc 'o': spec.redirect_url: missing" },
	{ "oidc",
	  "{metadata: {name: o}, spec: {issuer_url: 'https://i', client_id: a, redirect_url: "
	  "'http://localhost/'}}",
	  "oidc 'o': spec.claims_to_roles: nobody would get anything" },
	{ "oidc",
	  "{metadata: {name: o}, spec: {issuer_url: 'https://i', client_id: a, redirect_url: "
	  "'https://a', claims_to_roles: [{claim: g, value: a}]}}",
	  "oidc 'o': spec.claims_to_roles[0]: roles: missing" },
	{ "request", "{metadata: {name: " UUID "}, spec: {roles: [a]}}",
	  "access_request '" UUID "': spec.user: missing" },
	{ "request",
	  "{metadata: {name: " UUID "}, spec: {user: a, roles: [a], reviews: [{reason: b}]}}",
	  "access_request '" UUID "': spec.reviews[0].author: missing" },
	{ "node", "{metadata: {name: " UUID "}}",
	  "node '" UUID "': spec.hostname: missing or too long" },
	{ "node", "{metadata: {name: " UUID "}, spec: {hostname: a/b}}",
	  "node '" UUID "': spec.hostname: 'a/b' is not a name: '/', '.' and '..' have a meaning" },
	{ "node",
	  "{metadata: {name: " UUID "}, spec: {hostname: a, cmd_labels: {'': {result: b}}}}",
	  "node '" UUID "': spec.cmd_labels: a label without a name" },
	{ "ca", "{sub_kind: jwt, metadata: {name: a}}",
	  "cert_authority 'a': sub_kind: 'jwt' is neither user nor host" },
	{ "ca", "{sub_kind: user, metadata: {name: a}, spec: {type: host}}",
	  "cert_authority 'a': spec.type: not the sub kind" },
	{ "ca", "{sub_kind: user, metadata: {name: a}, spec: {type: user, cluster_name: b}}",
	  "cert_authority 'a': spec.cluster_name: not the name" },
	{ "session", "{metadata: {name: a}}", "session 'a': metadata.name: not a UUID" },
	{ "session", "{metadata: {name: " UUID "}, spec: {user: a}}",
	  "session '" UUID "': spec: a session of nobody" },
	{ "session", "{metadata: {name: " UUID "}, spec: {user: a, login: b, node_id: c}}",
	  "session '" UUID "': spec.node_id: not a UUID" },
};

static int read_one(const char *kind, const char *yaml, pv_Resource *out, struct err *err)
{
	const struct resource_kind *k = resource_kind_find(kind);

	*out = (pv_Resource){ .which_of = k->tag };
	return fields_from_yaml(k->table, "test.yaml", yaml, strlen(yaml), &out->of, err);
}

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

/* --- bounds ---------------------------------------------------------------------------------- */

/* A node with this many labels, each of this many bytes, and addresses. */
static int check_node(size_t labels, size_t bytes, size_t addresses, struct err *err)
{
	pv_Resource r;
	char *value = str_printf("%0*d", (int)bytes, 0);
	int rc = read_one("node", "{metadata: {name: " UUID "}, spec: {hostname: a}}", &r, err);

	for (size_t i = 0; rc == 0 && i < labels; i++) {
		pv_Metadata *meta = &r.of.node.metadata;
		pv_Metadata_LabelsEntry *l =
		        fields_add(&meta->labels, &meta->labels_count, sizeof(*l), err);

		l->key = str_printf("l%zu", i);
		rc = fields_set_str(&l->value, value, err);
	}
	for (size_t i = 0; rc == 0 && i < addresses; i++)
		rc = fields_add_str(&r.of.node.spec.public_addrs,
		                    &r.of.node.spec.public_addrs_count, "a:1", err);
	assert_int_equal(rc, 0);
	rc = resource_validate(&r, err);
	resource_deinit(&r);
	free(value);
	return rc;
}

static void a_node_has_bounds(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(check_node(100, 1024, 32, &err), 0);
	assert_int_equal(check_node(101, 1, 0, &err), ERR_INVALID);
	assert_string_equal(err.msg, "node '" UUID "': more than 100 labels");
	assert_int_equal(check_node(1, 1025, 0, &err), ERR_INVALID);
	assert_string_equal(err.msg, "node '" UUID "': metadata.labels.l0: more than 1024 bytes");
	assert_int_equal(check_node(0, 1, 33, &err), ERR_INVALID);
	assert_string_equal(err.msg, "node '" UUID "': spec.public_addrs: more than 32");
}

static void a_resource_of_no_kind_is_none(void **state)
{
	pv_Resource r = { 0 };
	char key[RESOURCE_KEY_SIZE];
	struct err err;

	(void)state;
	assert_int_equal(resource_validate(&r, &err), ERR_INVALID);
	assert_string_equal(err.msg, "a resource of no known kind");
	assert_int_equal(resource_key_of(key, &r, &err), ERR_INVALID);
	assert_null(resource_kind_of(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_fail_fails_with_its_reason),
		cmocka_unit_test(a_node_has_bounds),
		cmocka_unit_test(a_resource_of_no_kind_is_none),
	};

	return unit_run(tests);
}
