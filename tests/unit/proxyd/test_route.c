#include "proxyd/route.h"

#include "base/buf.h"
#include "base/err.h"
#include "cache/cache.h"
#include "cache/replica.h"
#include "file/file.h"
#include "model/identity.h"
#include "model/resource.h"
#include "model/role.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "tests/unit/unit.h"
#include "wire/fields.h"

#include "proto/dial.fields.h"
#include "proto/resource.fields.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#define UUID_1 "11111111-1111-4111-8111-111111111111"
#define UUID_2 "22222222-2222-4222-8222-222222222222"
#define UUID_3 "33333333-3333-4333-8333-333333333333"
#define UUID_4 "44444444-4444-4444-8444-444444444444"

static uv_loop_t loop;
static struct rpc_client *client;
static struct cache *cache;
static struct role_set *roles;
static char path[64];

static void put_yaml(struct replica *r, pb_size_t tag, const struct fields_table *table,
                     void *member, pv_Resource *resource, const char *yaml)
{
	char key[RESOURCE_KEY_SIZE];
	struct err e = { 0 };
	int changed;

	resource->which_of = tag;
	if (fields_from_yaml(table, "test", yaml, strlen(yaml), member, &e) != 0 ||
	    replica_put(r, resource, key, &changed, &e) != 0)
		fail_msg("%s", e.msg);
	fields_release(table, member);
}

static void put_node(struct replica *r, const char *uuid, const char *hostname, const char *addr,
                     const char *env)
{
	pv_Resource resource = pv_Resource_init_zero;
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	         "kind: node\nversion: v2\nmetadata: {name: %s, labels: {env: %s}}\n"
	         "spec: {hostname: %s, addr: '%s'}\n",
	         uuid, env, hostname, addr);
	put_yaml(r, pv_Resource_node_tag, &pv_Node_table, &resource.of.node, &resource, yaml);
}

static void put_role(struct replica *r, const char *yaml)
{
	pv_Resource resource = pv_Resource_init_zero;

	put_yaml(r, pv_Resource_role_tag, &pv_Role_table, &resource.of.role, &resource, yaml);
}

/* The cache reads what a replica's file holds; authd is never reached. */
static int fill_cache(struct err *e)
{
	static const char *const kinds[] = { "node", "role", NULL };
	static const char *const addrs[] = { "unix:/nonexistent/authd.sock", NULL };
	const struct rpc_client_conf client_conf = { .loop = &loop,
		                                     .service = &pv_Auth_service,
		                                     .addrs = addrs };
	struct cache_conf conf = { .loop = &loop, .kinds = kinds, .path = path };
	struct buf bytes = { 0 };
	struct replica r;

	if (replica_init(&r, 1 << 20, e) != 0)
		return -1;
	put_role(&r, "kind: role\nversion: v4\nmetadata: {name: dev}\n"
	             "spec: {allow: {logins: [root], node_labels: {env: [test, stage]}}}\n");
	put_role(&r, "kind: role\nversion: v5\nmetadata: {name: watcher}\n"
	             "spec: {allow: {join_sessions: [{roles: ['*'], kinds: [ssh], modes: "
	             "[observer]}]}, deny: {node_labels: {env: stage}}}\n");
	put_node(&r, UUID_1, "web-1", "192.0.2.1:3022", "test");
	put_node(&r, UUID_2, "web-2", "[2001:db8::2]:3022", "stage");
	put_node(&r, UUID_3, "web-2", "192.0.2.3:3022", "test");
	put_node(&r, UUID_4, "db-1", "192.0.2.4:3022", "prod");
	if (replica_write(&r, &bytes, e) != 0 ||
	    file_replace(path, bytes.data, bytes.len, 0600, e) != 0)
		return -1;
	buf_deinit(&bytes);
	replica_deinit(&r);
	client = rpc_client_new(&client_conf, e);
	conf.client = client;
	return client != NULL ? cache_new(&conf, &cache, e) : -1;
}

static int open_world(void **state)
{
	char *names[] = { (char *)"dev" };
	const pv_Identity who = { .roles = names, .roles_count = 1 };
	struct err e = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "/tmp/postern-route-%d", (int)getpid());
	uv_loop_init(&loop);
	if (fill_cache(&e) != 0 || cache_role_set(cache, &who, &roles, &e) != 0) {
		print_error("%s\n", e.msg);
		return -1;
	}
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	role_set_unref(roles);
	cache_free(cache);
	rpc_client_close(client, NULL, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	unlink(path);
	return uv_loop_close(&loop);
}

static int find_for(const struct route_query *q, const char **out_uuid, pv_DialResponse *response,
                    struct err *e)
{
	const pv_Node *node;
	int rc = route_find(cache, q, &node, response, e);

	*out_uuid = rc == 0 ? node->metadata.name : "";
	return rc;
}

static int find(const char *target, const char **out_uuid, pv_DialResponse *response, struct err *e)
{
	const struct route_query q = { target, "example", roles, false };

	return find_for(&q, out_uuid, response, e);
}

static void a_node_is_found_by_each_of_its_names(void **state)
{
	static const struct {
		const char *target;
		const char *uuid;
	} rows[] = {
		{ UUID_1, UUID_1 },          { "web-1", UUID_1 },     { "WEB-1", UUID_1 },
		{ "web-1.example", UUID_1 }, { "192.0.2.1", UUID_1 }, { "2001:db8::2", UUID_2 },
		{ "env=stage", UUID_2 },
	};
	pv_DialResponse response = pv_DialResponse_init_zero;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { 0 };
		const char *uuid;

		if (find(rows[i].target, &uuid, &response, &e) != 0)
			fail_msg("%s: %s", rows[i].target, e.msg);
		assert_string_equal(uuid, rows[i].uuid);
	}
}

static void what_the_roles_do_not_show_does_not_exist(void **state)
{
	static const char *const hidden[] = { "db-1",    UUID_4,   "192.0.2.4",      "env=prod",
		                              "web",     "web-1.", "web-1.example2", "env=",
		                              "nowhere", "" };
	pv_DialResponse response = pv_DialResponse_init_zero;

	(void)state;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		struct err e = { 0 };
		const char *uuid;

		assert_int_equal(find(hidden[i], &uuid, &response, &e), ERR_NOT_FOUND);
	}
}

static void an_ambiguous_name_lists_its_candidates(void **state)
{
	pv_DialResponse response = pv_DialResponse_init_zero;
	struct err e = { 0 };
	const char *uuid;

	(void)state;
	assert_int_equal(find("web-2", &uuid, &response, &e), ERR_CONFLICT);
	assert_string_equal(e.msg, "2 nodes answer to 'web-2': name one by its UUID");
	assert_int_equal(response.candidates_count, 2);
	assert_string_equal(response.candidates[0].hostname, "web-2");
	assert_non_null(strstr(response.candidates[0].labels, "env="));
	fields_release(&pv_DialResponse_table, &response);
}

static void who_may_join_sessions_reaches_nodes_for_that_by_their_uuids(void **state)
{
	static const struct {
		const char *target;
		bool joins;
		int rc;
	} rows[] = {
		{ UUID_4, true, 0 },
		{ UUID_4, false, ERR_NOT_FOUND },
		{ "db-1", true, ERR_NOT_FOUND },
		{ UUID_2, true, ERR_NOT_FOUND }, /* denied */
	};
	char *names[] = { (char *)"watcher" };
	const pv_Identity who = { .roles = names, .roles_count = 1 };
	pv_DialResponse response = pv_DialResponse_init_zero;
	struct role_set *watcher;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cache_role_set(cache, &who, &watcher, &e), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct route_query q = { rows[i].target, "example", watcher, rows[i].joins };
		const char *uuid;

		if (find_for(&q, &uuid, &response, &e) != rows[i].rc)
			fail_msg("row %zu", i);
	}
	role_set_unref(watcher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_found_by_each_of_its_names),
		cmocka_unit_test(what_the_roles_do_not_show_does_not_exist),
		cmocka_unit_test(who_may_join_sessions_reaches_nodes_for_that_by_their_uuids),
		cmocka_unit_test(an_ambiguous_name_lists_its_candidates),
	};

	return unit_run_with(tests, open_world, close_world);
}
