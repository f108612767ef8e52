#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "proto/audit.fields.h"
#include "proto/auth.fields.h"
#include "proto/dial.fields.h"
#include "proto/record.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <pb_encode.h>

#include <string.h>

/* --- help ---------------------------------------------------------------------------------------
 */

static void read_yaml(const struct fields_table *t, const char *text, void *out_msg)
{
	struct err err = { 0 };

	if (fields_from_yaml(t, "x.yaml", text, strlen(text), out_msg, &err) != 0)
		fail_msg("%s", err.msg);
}

static void assert_yaml(const struct fields_table *t, const void *msg, unsigned flags,
                        const char *expected)
{
	struct buf out = { 0 };
	struct err err;

	assert_int_equal(fields_to_yaml(t, msg, flags, &out, &err), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_deinit(&out);
}

static void assert_json(const struct fields_table *t, const void *msg, unsigned flags,
                        const char *expected)
{
	struct buf out = { 0 };
	struct err err;

	assert_int_equal(fields_to_json(t, msg, flags, &out, &err), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_deinit(&out);
}

/* nanopb's encoder is slow, but right. */
static void assert_bytes_as_nanopb_writes_them(const struct fields_table *t, const void *msg)
{
	struct buf ours = { 0 };
	uint8_t theirs[16384];
	pb_ostream_t stream = pb_ostream_from_buffer(theirs, sizeof(theirs));
	struct err err;

	assert_int_equal(fields_encode(t, msg, &ours, &err), 0);
	assert_true(pb_encode(&stream, t->desc, msg));
	assert_int_equal(ours.len, stream.bytes_written);
	assert_memory_equal(buf_str(&ours), theirs, ours.len);
	buf_deinit(&ours);
}

/* Through bytes, JSON and YAML and back: equal each time. */
static void assert_survives(const struct fields_table *t, const void *msg)
{
	union {
		pv_Resource resource;
		pv_AuditEvent event;
	} copy;
	struct buf text = { 0 };
	struct err err;

	assert_bytes_as_nanopb_writes_them(t, msg);
	assert_true(t->size <= sizeof(copy));
	assert_int_equal(fields_clone(t, msg, &copy, &err), 0);
	assert_true(fields_equal(t, msg, &copy));
	fields_release(t, &copy);

	assert_int_equal(fields_to_json(t, msg, FIELDS_WITH_SECRETS, &text, &err), 0);
	assert_int_equal(fields_from_json(t, text.data, text.len, &copy, &err), 0);
	assert_true(fields_equal(t, msg, &copy));
	fields_release(t, &copy);

	buf_clear(&text);
	assert_int_equal(fields_to_yaml(t, msg, FIELDS_WITH_SECRETS, &text, &err), 0);
	assert_int_equal(fields_from_yaml(t, "x", text.data, text.len, &copy, &err), 0);
	assert_true(fields_equal(t, msg, &copy));
	fields_release(t, &copy);
	buf_deinit(&text);
}

/* --- resources as people write them -------------------------------------------------------------
 */

static void a_role_reads_as_administrators_write_it(void **state)
{
	pv_Role role;

	(void)state;
	read_yaml(&pv_Role_table,
	          "kind: role\n"
	          "version: v3\n"
	          "metadata: {name: ops}\n"
	          "spec:\n"
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
	          "    node_labels: {pci: 'true'}\n",
	          &role);
	assert_string_equal(role.metadata.name, "ops");
	assert_int_equal(role.spec.options.max_session_ttl, 8 * 3600 * 1000);
	assert_true(role.spec.options.has_forward_agent && role.spec.options.forward_agent);
	assert_true(role.spec.options.has_port_forwarding && !role.spec.options.port_forwarding);
	assert_true(role.spec.options.disconnect_expired_cert);
	assert_false(role.spec.options.has_ssh_file_copy);
	assert_int_equal(role.spec.allow.logins_count, 2);
	assert_string_equal(role.spec.allow.logins[1], "{{internal.logins}}");
	assert_int_equal(role.spec.allow.node_labels_count, 2);
	assert_int_equal(role.spec.allow.node_labels[0].value.values_count, 2);
	assert_string_equal(role.spec.allow.node_labels[1].value.values[0], "*");
	assert_string_equal(role.spec.allow.rules[0].verbs[1], "read");
	assert_string_equal(role.spec.deny.node_labels[0].value.values[0], "true");
	assert_survives(&pv_Role_table, &role);
	fields_release(&pv_Role_table, &role);
	assert_null(role.kind);
}

static const char *const others[][2] = {
	{ "everything", "kind: role\nversion: v3\nmetadata: {name: everything}\nspec:\n  allow:\n"
	                "    logins: [root]\n    node_labels: {'*': '*'}\n"
	                "    rules: [{resources: ['*'], verbs: ['*']}]\n" },
	{ "contractor",
	  "kind: role\nversion: v4\nmetadata: {name: contractor, labels: {team: ext},"
	  " expires: \"2030-01-01T00:00:00Z\"}\nspec:\n  options: {max_session_ttl: 2h,"
	  " max_connections: 2, max_sessions: 5, permit_x11_forwarding: off}\n"
	  "  allow:\n    logins: ['{{email.local(external.email)}}']\n"
	  "    node_labels: {project: '{{external.projects}}', region: 'eu-*'}\n" },
	{ "auditor", "kind: role\nversion: v5\nmetadata: {name: auditor-lite}\nspec:\n"
	             "  options: {max_session_ttl: 12h}\n  allow:\n    rules:\n"
	             "    - {resources: [event, session], verbs: [list, read]}\n"
	             "    - {resources: [cert_authority], verbs: [list, readnosecrets]}\n"
	             "  deny:\n    rules: [{resources: [token], verbs: ['*']}]\n" },
};

static void the_other_roles_survive_every_form(void **state)
{
	pv_Role role;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		read_yaml(&pv_Role_table, others[i][1], &role);
		assert_survives(&pv_Role_table, &role);
		fields_release(&pv_Role_table, &role);
	}
}

static void users_tokens_and_locks_survive_every_form(void **state)
{
	pv_User user;
	pv_Token token;
	pv_Lock lock;

	(void)state;
	read_yaml(&pv_User_table,
	          "kind: user\nversion: v2\nmetadata: {name: alice@example.com}\nspec:\n"
	          "  roles: [ops, k8s-dev]\n  traits: {logins: [alice, ubuntu],"
	          " kubernetes_groups: [dev], projects: [apollo, zeus]}\n",
	          &user);
	assert_int_equal(user.spec.traits_count, 3);
	assert_survives(&pv_User_table, &user);
	fields_release(&pv_User_table, &user);

	read_yaml(&pv_Token_table,
	          "kind: token\nversion: v2\nmetadata: {name: 4f1c0e6a9b, expires: "
	          "\"2030-01-01T00:30:00Z\"}\nspec: {roles: [Node, Kube], join_method: token,"
	          " suggested_labels: {rack: [r1]}}\n",
	          &token);
	assert_int_equal(token.metadata.expires, 1893457800000);
	assert_survives(&pv_Token_table, &token);
	fields_release(&pv_Token_table, &token);

	read_yaml(
	        &pv_Lock_table,
	        "kind: lock\nversion: v2\nmetadata: {name: 6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11}\n"
	        "spec: {target: {user: mallory}, message: \"under investigation\","
	        " expires: \"2030-02-01T00:00:00Z\"}\n",
	        &lock);
	assert_string_equal(lock.spec.target.user, "mallory");
	assert_survives(&pv_Lock_table, &lock);
	fields_release(&pv_Lock_table, &lock);
}

static void mistakes_name_file_line_and_path(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "spec:\n  allow:\n    login: [a]\n",
		  "x.yaml:3: spec.allow.login: unknown field, did you mean spec.allow.logins?" },
		{ "kin: role\n", "x.yaml:1: kin: unknown field, did you mean kind?" },
		{ "entirely_else: 1\n", "x.yaml:1: entirely_else: unknown field" },
		{ "metadata:\n  labels:\n    build: 1\n",
		  "x.yaml:3: metadata.labels.build: '1' is not a text, put it in quotes" },
		{ "metadata: {labels: {country: no}}\n",
		  "x.yaml:1: metadata.labels.country: 'no' is "
		  "not a text, put it in quotes" },
		{ "metadata: {name: [a]}\n", "x.yaml:1: metadata.name: a list is not a text" },
		{ "metadata: {expires: tomorrow}\n",
		  "x.yaml:1: metadata.expires: 'tomorrow' is not a time (write it in UTC, like "
		  "'2030-01-31T12:00:00Z')" },
		{ "spec: {options: {max_session_ttl: 8 hours}}\n",
		  "x.yaml:1: spec.options.max_session_ttl: '8 hours' is not a duration (write "
		  "'8h', "
		  "'1h30m' or '90s')" },
		{ "spec: {options: {max_session_ttl: {}}}\n",
		  "x.yaml:1: spec.options.max_session_ttl: a map is not a duration" },
		{ "spec: {options: {forward_agent: maybe}}\n",
		  "x.yaml:1: spec.options.forward_agent: 'maybe' is not a bool" },
		{ "spec:\n  options:\n    enhanced_recording: [disk, keyboard]\n",
		  "x.yaml:3: spec.options.enhanced_recording[1]: 'keyboard' is none of command, "
		  "disk, network" },
		{ "spec: {options: {max_sessions: 1.5}}\n",
		  "x.yaml:1: spec.options.max_sessions: '1.5' is not a whole number" },
		{ "spec: {options: {max_sessions: five}}\n",
		  "x.yaml:1: spec.options.max_sessions: 'five' is not a number" },
		{ "spec:\n  allow:\n    rules:\n    - verbs: [read]\n    - verbs: [{a: b}]\n",
		  "x.yaml:5: spec.allow.rules[1].verbs[0]: a map is not a text" },
		{ "spec: {allow: {rules: [a]}}\n",
		  "x.yaml:1: spec.allow.rules[0]: a text is not a map of fields" },
		{ "spec: {allow: {node_labels: [a]}}\n",
		  "x.yaml:1: spec.allow.node_labels: a list is not a map" },
		{ "spec: {allow: {node_labels: {a: {b: c}}}}\n",
		  "x.yaml:1: spec.allow.node_labels.a: a map is not a text" },
		{ "spec:\n- a\n", "x.yaml:2: spec: a list is not a map of fields" },
		{ "just text\n", "x.yaml:1: a text is not a map of fields" },
		{ "kind: role\nkind: role\n", "x.yaml:2: 'kind' is given twice" },
		{ "kind: role\n---\nkind: role\n", "x.yaml: holds 2 documents instead of one" },
		{ "# nothing\n", "x.yaml: holds 0 documents instead of one" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pv_Role role;
		struct err err;
		int rc = fields_from_yaml(&pv_Role_table, "x.yaml", cases[i].text,
		                          strlen(cases[i].text), &role, &err);

		assert_int_equal(rc, ERR_INVALID);
		assert_string_equal(err.msg, cases[i].message);
		assert_null(role.kind);
	}
}

static void a_null_and_an_absent_field_are_the_same(void **state)
{
	pv_Role role;

	(void)state;
	read_yaml(&pv_Role_table, "kind: role\nmetadata:\nspec: {options: {lock: ~}}\n", &role);
	assert_false(role.has_metadata);
	assert_null(role.spec.options.lock);
	fields_release(&pv_Role_table, &role);
}

/* --- writing ------------------------------------------------------------------------------------
 */

static void yaml_is_written_for_people_and_reads_back_the_same(void **state)
{
	static const char text[] = "kind: role\n"
	                           "version: v3\n"
	                           "metadata:\n"
	                           "  name: '123'\n"
	                           "  description: |-\n"
	                           "    two\n"
	                           "    lines\n"
	                           "  labels:\n"
	                           "    country: 'no'\n"
	                           "    when: '2030-01-31'\n"
	                           "  expires: '2030-01-01T00:00:00Z'\n"
	                           "spec:\n"
	                           "  options:\n"
	                           "    max_session_ttl: 8h0m0s\n"
	                           "    port_forwarding: false\n"
	                           "    max_sessions: 5\n"
	                           "  allow:\n"
	                           "    logins: [deploy, '{{internal.logins}}']\n"
	                           "    node_labels:\n"
	                           "      '*': ['*']\n"
	                           "    rules:\n"
	                           "    - resources: [session]\n"
	                           "      verbs: [list, read]\n";
	pv_Role role;

	(void)state;
	read_yaml(&pv_Role_table, text, &role);
	assert_yaml(&pv_Role_table, &role, 0, text);
	fields_release(&pv_Role_table, &role);
}

static void secrets_are_left_out_unless_asked_for(void **state)
{
	pv_SshKeyPair pair = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(fields_set_str(&pair.public_key, "ecdsa AAAA", &err), 0);
	assert_int_equal(fields_set_bytes(&pair.private_key, "\x00\xff\x10", 3, &err), 0);
	assert_json(&pv_SshKeyPair_table, &pair, 0, "{\"public_key\":\"ecdsa AAAA\"}");
	assert_json(&pv_SshKeyPair_table, &pair, FIELDS_WITH_SECRETS,
	            "{\"public_key\":\"ecdsa AAAA\",\"private_key\":\"AP8Q\"}");
	assert_survives(&pv_SshKeyPair_table, &pair);
	fields_release(&pv_SshKeyPair_table, &pair);
}

static void a_mistake_in_a_secret_does_not_repeat_it(void **state)
{
	static const char text[] = "{\"user\": \"a\", \"password\": 12345678}";
	pv_LoginRequest login;
	struct err err;

	(void)state;
	assert_int_equal(fields_from_json(&pv_LoginRequest_table, text, strlen(text), &login, &err),
	                 ERR_INVALID);
	assert_string_equal(err.msg, "password: a number is not a text, put it in quotes");
}

static void names_for_json_are_those_of_the_audit_log(void **state)
{
	pv_AuditEvent event = { .addr_remote = (char *)"192.0.2.1:5", .has_success = true };

	(void)state;
	assert_json(&pv_AuditEvent_table, &event, 0,
	            "{\"addr.remote\":\"192.0.2.1:5\",\"success\":false}");
	assert_survives(&pv_AuditEvent_table, &event);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
	pv_AuditEvent event = {
		.user = (char *)"a\xff\xc0\x80\xed\xa0\x80z\xc3\xa9\xf0\x9f\x8d\x8c"
	};

	(void)state;
	assert_json(&pv_AuditEvent_table, &event, 0,
	            "{\"user\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	            "\xef\xbf\xbdz\xc3\xa9\xf0\x9f\x8d\x8c\"}");
}

static void enums_go_by_name(void **state)
{
	static const char good[] = "{\"kind\":\"STREAM_JOIN\",\"target\":\"web-1\"}";
	static const char bad[] = "{\"kind\":\"STREAM_JION\"}";
	pv_DialRequest dial;
	struct err err;

	(void)state;
	assert_int_equal(fields_from_json(&pv_DialRequest_table, good, strlen(good), &dial, &err),
	                 0);
	assert_int_equal(dial.kind, pv_StreamKind_STREAM_JOIN);
	assert_json(&pv_DialRequest_table, &dial, 0, good);
	fields_release(&pv_DialRequest_table, &dial);
	assert_int_equal(fields_from_json(&pv_DialRequest_table, bad, strlen(bad), &dial, &err),
	                 ERR_INVALID);
	assert_string_equal(err.msg, "kind: 'STREAM_JION' is unknown, did you mean STREAM_JOIN?");
}

static void one_of_a_oneof_and_only_one(void **state)
{
	static const char one[] = "{\"index\":7,\"output\":\"aGk=\"}";
	static const char two[] = "{\"output\":\"aGk=\",\"resize\":{}}";
	static const char empty[] = "{\"resize\":{}}";
	pv_Frame frame;
	struct err err;

	(void)state;
	assert_int_equal(fields_from_json(&pv_Frame_table, one, strlen(one), &frame, &err), 0);
	assert_int_equal(frame.which_of, pv_Frame_output_tag);
	assert_json(&pv_Frame_table, &frame, 0, one);
	fields_release(&pv_Frame_table, &frame);
	assert_int_equal(fields_from_json(&pv_Frame_table, two, strlen(two), &frame, &err),
	                 ERR_INVALID);
	assert_string_equal(err.msg, "resize: only one of its kind may be given");
	assert_int_equal(fields_from_json(&pv_Frame_table, empty, strlen(empty), &frame, &err), 0);
	assert_int_equal(frame.which_of, pv_Frame_resize_tag);
	assert_json(&pv_Frame_table, &frame, 0, empty);
	fields_release(&pv_Frame_table, &frame);
}

static void numbers_keep_all_their_bits(void **state)
{
	static const char text[] = "{\"index\":\"18446744073709551615\"}";
	static const char ei[] = "{\"ei\":-9223372036854775808,\"tx\":\"12\"}";
	static const char wide[] = "{\"end\":{\"exit_code\":4294967296}}";
	pv_Frame frame;
	pv_AuditEvent event;
	struct err err;

	(void)state;
	assert_int_equal(fields_from_json(&pv_Frame_table, text, strlen(text), &frame, &err), 0);
	assert_true(frame.index == UINT64_MAX);
	assert_json(&pv_Frame_table, &frame, 0, text);
	assert_int_equal(fields_from_json(&pv_AuditEvent_table, ei, strlen(ei), &event, &err), 0);
	assert_true(event.ei == INT64_MIN && event.tx == 12);
	assert_int_equal(fields_from_json(&pv_Frame_table, wide, strlen(wide), &frame, &err),
	                 ERR_INVALID);
	assert_string_equal(err.msg, "end.exit_code: '4294967296' is not within 32 bits");
}

static void json_that_is_not_strict_is_refused(void **state)
{
	static const char *const cases[] = {
		"{",
		"[]",
		"{} {}",
		"{\"kind\":\"a\",\"kind\":\"b\"}",
		"nul",
		"{kind: 'a'}",
		"{\"kind\":\"\\u0000\"}",
		"{\"kind\":\"\xff\"}",
		"5",
		"{\"kind\":5}",
		"{\"spec\":{\"allow\":{\"logins\":[null]}}}",
		"{\"metadata\":{\"expires\":99999999999999999999}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pv_Role role;
		struct err err;

		assert_int_equal(
		        fields_from_json(&pv_Role_table, cases[i], strlen(cases[i]), &role, &err),
		        ERR_INVALID);
	}
}

static void depth_and_size_are_bounded(void **state)
{
	struct buf text = { 0 };
	pv_Role role;
	struct err err;

	(void)state;
	for (int i = 0; i < VALUE_DEPTH_MAX + 1; i++)
		buf_append_byte(&text, '[');
	for (int i = 0; i < VALUE_DEPTH_MAX + 1; i++)
		buf_append_byte(&text, ']');
	assert_int_equal(fields_from_json(&pv_Role_table, text.data, text.len, &role, &err),
	                 ERR_LIMIT);
	assert_int_equal(fields_from_yaml(&pv_Role_table, "x", text.data, text.len, &role, &err),
	                 ERR_LIMIT);
	buf_clear(&text);
	buf_append_str(&text, "{\"kind\":\"");
	for (int i = 0; i <= FIELDS_ITEM_MAX; i++)
		buf_append_byte(&text, 'x');
	buf_append_str(&text, "\"}");
	assert_int_equal(fields_from_json(&pv_Role_table, text.data, text.len, &role, &err),
	                 ERR_LIMIT);
	assert_string_equal(err.msg, "kind: text of more than 65535 bytes");
	buf_clear(&text);
	buf_append_str(&text, "{\"spec\":{\"allow\":{\"logins\":[\"a\"");
	for (int i = 0; i < FIELDS_ITEM_MAX; i++)
		buf_append_str(&text, ",\"a\"");
	buf_append_str(&text, "]}}}");
	assert_int_equal(fields_from_json(&pv_Role_table, text.data, text.len, &role, &err),
	                 ERR_LIMIT);
	buf_deinit(&text);
}

/* --- in memory ----------------------------------------------------------------------------------
 */

static void equality_ignores_the_order_of_maps_and_empty_strings(void **state)
{
	pv_Metadata a;
	pv_Metadata b;

	(void)state;
	read_yaml(&pv_Metadata_table, "{name: n, description: '', labels: {x: '1', y: '2'}}", &a);
	read_yaml(&pv_Metadata_table, "{name: n, labels: {y: '2', x: '1'}}", &b);
	assert_true(fields_equal(&pv_Metadata_table, &a, &b));
	assert_true(fields_equal(&pv_Metadata_table, &b, &a));
	b.labels[0].value[0] = '3';
	assert_false(fields_equal(&pv_Metadata_table, &a, &b));
	fields_release(&pv_Metadata_table, &a);
	fields_release(&pv_Metadata_table, &b);
}

static void an_empty_sub_message_equals_none(void **state)
{
	pv_Role none = { 0 };
	pv_Role empty = { .has_spec = true, .spec = { .has_allow = true } };

	(void)state;
	assert_true(fields_equal(&pv_Role_table, &none, &empty));
	assert_true(fields_equal(&pv_Role_table, &empty, &none));
	empty.spec.has_options = true;
	empty.spec.options.has_forward_agent = true;
	assert_false(fields_equal(&pv_Role_table, &none, &empty));
}

static void messages_are_filled_by_hand(void **state)
{
	pv_RoleConditions allow = { 0 };
	struct err err;
	pv_Rule *rule;

	(void)state;
	assert_int_equal(fields_add_str(&allow.logins, &allow.logins_count, "root", &err), 0);
	assert_int_equal(fields_add_str(&allow.logins, &allow.logins_count, "dev", &err), 0);
	rule = fields_add(&allow.rules, &allow.rules_count, sizeof(*rule), &err);
	assert_non_null(rule);
	assert_int_equal(fields_set_str(&rule->where, "a", &err), 0);
	assert_int_equal(fields_set_str(&rule->where, "b", &err), 0);
	assert_json(&pv_RoleConditions_table, &allow, 0,
	            "{\"logins\":[\"root\",\"dev\"],\"rules\":[{\"where\":\"b\"}]}");
	fields_release(&pv_RoleConditions_table, &allow);
}

static void bytes_that_are_no_message_are_corrupt(void **state)
{
	pv_Role role;
	struct err err;

	(void)state;
	assert_int_equal(fields_decode(&pv_Role_table, "\x0a\x04rol", 5, &role, &err), ERR_CORRUPT);
	assert_null(role.kind);
	assert_int_equal(fields_decode(&pv_Role_table, "", 0, &role, &err), 0);
	fields_release(&pv_Role_table, &role);
}

/* --- unknown fields -----------------------------------------------------------------------------
 */

/* Stands for a newer program's Lock: fields 100 (bytes) and, in spec.target, 101 (number). */
static void newer_lock(struct buf *out)
{
	/* spec { target { user: "eve", 101: 7 } message: "m" } 100: "new" */
	static const uint8_t bytes[] = { 0x2a, 13,   0x0a, 8,    0x0a, 3,    'e',
		                         'v',  'e',  0xa8, 0x06, 7,    0x12, 1,
		                         'm',  0xa2, 0x06, 3,    'n',  'e',  'w' };

	buf_append(out, bytes, sizeof(bytes));
}

static void fields_of_a_newer_program_survive_a_rewrite(void **state)
{
	struct buf old = { 0 };
	struct buf rewritten = { 0 };
	struct buf out = { 0 };
	pv_Lock lock;
	struct err err;

	(void)state;
	newer_lock(&old);
	assert_int_equal(fields_decode(&pv_Lock_table, old.data, old.len, &lock, &err), 0);
	assert_int_equal(fields_set_str(&lock.spec.message, "other", &err), 0);
	assert_int_equal(fields_encode(&pv_Lock_table, &lock, &rewritten, &err), 0);
	fields_release(&pv_Lock_table, &lock);
	assert_int_equal(fields_carry_unknown(&pv_Lock_table, old.data, old.len, rewritten.data,
	                                      rewritten.len, &out, &err),
	                 0);
	assert_non_null(memmem(out.data, out.len, "\xa8\x06\x07", 3));
	assert_non_null(memmem(out.data, out.len, "\xa2\x06\x03new", 6));
	assert_null(memmem(rewritten.data, rewritten.len, "\xa8\x06\x07", 3));
	assert_int_equal(fields_decode(&pv_Lock_table, out.data, out.len, &lock, &err), 0);
	assert_string_equal(lock.spec.message, "other");
	assert_string_equal(lock.spec.target.user, "eve");
	fields_release(&pv_Lock_table, &lock);
	buf_deinit(&old);
	buf_deinit(&rewritten);
	buf_deinit(&out);
}

static void carrying_from_broken_bytes_fails(void **state)
{
	static const struct {
		const char *old, *new;
	} cases[] = {
		{ "\x0a", "" },
		{ "", "\x0a\x05x" },
		{ "\xa2\x06\x7f", "" },
		{ "\x03", "" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { 0 };
		struct err err;

		assert_int_equal(fields_carry_unknown(&pv_Lock_table, cases[i].old,
		                                      strlen(cases[i].old), cases[i].new,
		                                      strlen(cases[i].new), &out, &err),
		                 ERR_CORRUPT);
		buf_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_reads_as_administrators_write_it),
		cmocka_unit_test(the_other_roles_survive_every_form),
		cmocka_unit_test(users_tokens_and_locks_survive_every_form),
		cmocka_unit_test(mistakes_name_file_line_and_path),
		cmocka_unit_test(a_null_and_an_absent_field_are_the_same),
		cmocka_unit_test(yaml_is_written_for_people_and_reads_back_the_same),
		cmocka_unit_test(secrets_are_left_out_unless_asked_for),
		cmocka_unit_test(a_mistake_in_a_secret_does_not_repeat_it),
		cmocka_unit_test(names_for_json_are_those_of_the_audit_log),
		cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
		cmocka_unit_test(enums_go_by_name),
		cmocka_unit_test(one_of_a_oneof_and_only_one),
		cmocka_unit_test(numbers_keep_all_their_bits),
		cmocka_unit_test(json_that_is_not_strict_is_refused),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(equality_ignores_the_order_of_maps_and_empty_strings),
		cmocka_unit_test(an_empty_sub_message_equals_none),
		cmocka_unit_test(messages_are_filled_by_hand),
		cmocka_unit_test(bytes_that_are_no_message_are_corrupt),
		cmocka_unit_test(fields_of_a_newer_program_survive_a_rewrite),
		cmocka_unit_test(carrying_from_broken_bytes_fails),
	};

	return unit_run(tests);
}
