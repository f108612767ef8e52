#include "tctl/output.h"

#include "tctl/cmd.h"
#include "tctl/tables.h"

#include "base/err.h"
#include "conf/args.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <string.h>

/* 2026-11-20T10:00:00Z */
#define TEN 1795168800000

static char *pins[] = { (char *)"sha256:0123" };
static char *roles[] = { (char *)"Node", (char *)"Proxy" };

/* What is printed between begin() and end(). */
struct output {
	char *text;
	size_t len;
	FILE *to;
};

static void begin(struct output *o)
{
	o->to = open_memstream(&o->text, &o->len);
	assert_non_null(o->to);
}

static void end(struct output *o, const char *expected)
{
	fclose(o->to);
	assert_string_equal(o->text, expected);
	free(o->text);
}

static void an_invite_says_where_until_when_and_the_pin(void **state)
{
	pv_Invite invite = { .user = (char *)"alice",
		             .token = (char *)"t0ken",
		             .expires = TEN,
		             .url = (char *)"https://proxy:3080/web/invite/t0ken",
		             .ca_pins_count = 1,
		             .ca_pins = pins };
	struct output o;

	(void)state;
	begin(&o);
	output_invite(o.to, "has been created", &invite);
	end(&o, "User \"alice\" has been created. They choose a password here, once, until "
	        "2026-11-20T10:00:00Z:\n\n"
	        "  https://proxy:3080/web/invite/t0ken\n\n"
	        "CA pin: sha256:0123\n");
	invite.url = NULL;
	begin(&o);
	output_invite(o.to, "has been created", &invite);
	fclose(o.to);
	assert_non_null(strstr(o.text, "\n  t0ken\n"));
	free(o.text);
}

static pv_CreateTokenResponse make_token(void)
{
	return (pv_CreateTokenResponse){
		.has_token = true,
		.token = { .has_metadata = true,
		           .metadata = { .name = (char *)"5ecret", .expires = TEN },
		           .has_spec = true,
		           .spec = { .roles_count = 2, .roles = roles, .single_use = true } },
		.ca_pins_count = 1,
		.ca_pins = pins,
	};
}

static void a_token_says_what_it_is_good_for(void **state)
{
	const pv_CreateTokenResponse token = make_token();
	struct output o;

	(void)state;
	begin(&o);
	output_token(o.to, &token);
	end(&o, "The join token, shown only now: 5ecret\n"
	        "Good for one host as Node, Proxy, until 2026-11-20T10:00:00Z.\n"
	        "CA pin: sha256:0123\n");
}

static void a_token_for_a_cluster_is_the_resource_that_it_makes(void **state)
{
	char *role[] = { (char *)"Trusted_cluster" };
	char *proxies[] = { (char *)"root.example.com:3080" };
	pv_CreateTokenResponse token = make_token();
	struct output o;

	(void)state;
	token.token.spec.roles = role;
	token.token.spec.roles_count = 1;
	token.proxy_addrs = proxies;
	token.proxy_addrs_count = 1;
	token.cluster_name = (char *)"root.example.com";
	begin(&o);
	output_token(o.to, &token);
	fclose(o.to);
	assert_non_null(strstr(o.text, "metadata: {name: root.example.com}\n"));
	assert_non_null(strstr(o.text, "  token: 5ecret@sha256:0123\n"
	                               "  web_proxy_addr: 'root.example.com:3080'\n"));
	free(o.text);
}

static void the_join_commands_keep_the_token_out_of_command_lines(void **state)
{
	char *auth[] = { (char *)"auth.example.com:3025" };
	pv_CreateTokenResponse token = make_token();
	struct output o;

	(void)state;
	token.auth_addrs = auth;
	token.auth_addrs_count = 1;
	begin(&o);
	output_join(o.to, &token);
	fclose(o.to);
	assert_non_null(strstr(o.text, "install -o postern-node -m 0400 /dev/stdin "
	                               "/etc/postern/noded.token <<'END'\n5ecret\nEND\n"));
	assert_non_null(strstr(o.text, "auth_servers: ['auth.example.com:3025']\n"
	                               "join:\n"
	                               "  token_file: /etc/postern/noded.token\n"
	                               "  ca_pin: 'sha256:0123'\n"
	                               "END\n"));
	free(o.text);
	token.auth_addrs_count = 0;
	token.proxy_addrs = auth;
	token.proxy_addrs_count = 1;
	begin(&o);
	output_join(o.to, &token);
	fclose(o.to);
	assert_non_null(strstr(o.text, "auth_servers: ['auth.example.com:3025']\n"));
	free(o.text);
	token.proxy_addrs_count = 0;
	begin(&o);
	output_join(o.to, &token);
	fclose(o.to);
	assert_non_null(strstr(o.text, "auth_servers: ['AUTHD:3025'] # put its address here"));
	free(o.text);
}

static void messages_come_as_json_and_yaml_with_their_secrets(void **state)
{
	const pv_Invite invite = { .user = (char *)"alice", .token = (char *)"t0ken" };
	struct output o;
	struct err err;

	(void)state;
	begin(&o);
	assert_int_equal(output_message(o.to, LISTING_JSON, &pv_Invite_table, &invite, &err), 0);
	end(&o, "{\n    \"user\": \"alice\",\n    \"token\": \"t0ken\"\n}\n");
	begin(&o);
	assert_int_equal(output_message(o.to, LISTING_YAML, &pv_Invite_table, &invite, &err), 0);
	end(&o, "user: alice\ntoken: t0ken\n");
}

/* --- tables ---------------------------------------------------------------------------------- */

static void assert_table(const char *kind, const char *yaml, const char *expected)
{
	pv_Resource r = { .which_of = resource_kind_find(kind)->tag };
	struct listing *l = listing_new(LISTING_TEXT, table_of(kind));
	struct err err = { 0 };
	struct output o;

	assert_int_equal(fields_from_yaml(resource_kind_find(kind)->table, "x", yaml, strlen(yaml),
	                                  &r.of, &err),
	                 0);
	assert_int_equal(listing_add(l, &r, &err), 0);
	begin(&o);
	assert_int_equal(listing_print(l, o.to, &err), 0);
	end(&o, expected);
	listing_free(l);
	fields_release(&pv_Resource_table, &r);
}

static void each_kind_has_its_columns(void **state)
{
	(void)state;
	assert_table("user", "{metadata: {name: a}, spec: {roles: [x, y], traits: {logins: root}}}",
	             "User  Roles  Logins  Locked until\n"
	             "----  -----  ------  ------------\n"
	             "a     x,y    root    \n");
	assert_table("node",
	             "{metadata: {name: id, labels: {env: prod}}, spec: {hostname: web-1, addr: "
	             "'h:1', cmd_labels: {up: {result: '3'}}}}",
	             "Hostname  UUID  Address  Labels\n"
	             "--------  ----  -------  ------\n"
	             "web-1     id    h:1      env=prod,up=3\n");
	assert_table("lock", "{metadata: {name: id}, spec: {target: {user: eve, login: root}}}",
	             "ID  Target               Message  Expires\n"
	             "--  ------               -------  -------\n"
	             "id  user=eve,login=root           never\n");
	assert_table("session", "{metadata: {name: id}, spec: {user: a, login: root, command: ls}}",
	             "ID  User  Login  Node  Participants  Started  Ended  Command\n"
	             "--  ----  -----  ----  ------------  -------  -----  -------\n"
	             "id  a     root                                live   ls\n");
	assert_table("role", "{metadata: {name: r}, spec: {allow: {logins: [a, b]}}}",
	             "Role  Logins  Description\n"
	             "----  ------  -----------\n"
	             "r     a,b     \n");
	assert_table("token", "{metadata: {name: t}, spec: {roles: [Node], single_use: yes}}",
	             "Token  Type  Labels  Good for  Expiry Time (UTC)\n"
	             "-----  ----  ------  --------  -----------------\n"
	             "t      Node          one host  never\n");
	assert_table("cert_authority", "{spec: {type: user, cluster_name: c}}",
	             "Type  Cluster  Last rotated\n"
	             "----  -------  ------------\n"
	             "user  c        never\n");
}

/* --- options --------------------------------------------------------------------------------- */

static void options_of_all_commands_go_anywhere(void **state)
{
	char *argv[] = { (char *)"--format=json",
		         (char *)"alice",
		         (char *)"--socket",
		         (char *)"/s",
		         (char *)"-i",
		         (char *)"id" };
	enum listing_format format;
	struct tctl t = { 0 };
	struct err err;
	int argc = 6;

	(void)state;
	assert_int_equal(cmd_parse(&t, NULL, 1, 1, &argc, argv, &err), 0);
	assert_int_equal(argc, 1);
	assert_string_equal(argv[0], "alice");
	assert_string_equal(t.socket, "/s");
	assert_string_equal(t.identity, "id");
	assert_int_equal(cmd_format(&t, LISTING_TEXT, &format, &err), 0);
	assert_int_equal(format, LISTING_JSON);
}

static void the_number_of_words_is_checked(void **state)
{
	char *argv[] = { (char *)"a", (char *)"b" };
	struct tctl t = { 0 };
	struct err err;
	int argc = 2;

	(void)state;
	assert_int_equal(cmd_parse(&t, NULL, 0, 1, &argc, argv, &err), ERR_INVALID);
	assert_string_equal(err.msg, "'b' is one word too many; see --help");
	argc = 0;
	assert_int_equal(cmd_parse(&t, NULL, 1, 1, &argc, argv, &err), ERR_INVALID);
	assert_string_equal(err.msg, "something is missing; see --help");
}

static void a_ttl_is_a_duration(void **state)
{
	struct err err;
	int64_t ttl;

	(void)state;
	assert_int_equal(cmd_ttl("90m", &ttl, &err), 0);
	assert_int_equal(ttl, 90 * 60 * 1000);
	assert_int_equal(cmd_ttl(NULL, &ttl, &err), 0);
	assert_int_equal(ttl, 0);
	assert_int_equal(cmd_ttl("soon", &ttl, &err), ERR_INVALID);
	assert_string_equal(err.msg,
	                    "--ttl: 'soon' is not a duration (write '8h', '1h30m' or '90s')");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_invite_says_where_until_when_and_the_pin),
		cmocka_unit_test(a_token_says_what_it_is_good_for),
		cmocka_unit_test(a_token_for_a_cluster_is_the_resource_that_it_makes),
		cmocka_unit_test(the_join_commands_keep_the_token_out_of_command_lines),
		cmocka_unit_test(messages_come_as_json_and_yaml_with_their_secrets),
		cmocka_unit_test(each_kind_has_its_columns),
		cmocka_unit_test(options_of_all_commands_go_anywhere),
		cmocka_unit_test(the_number_of_words_is_checked),
		cmocka_unit_test(a_ttl_is_a_duration),
	};

	return unit_run(tests);
}
