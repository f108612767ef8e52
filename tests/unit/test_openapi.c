#include "rpc/openapi.h"

#include "base/buf.h"
#include "base/err.h"
#include "rpc/method.h"

#include "proto/auth.service.h"

#include "tests/unit/unit.h"

#include <jansson.h>

static void say_access(const struct rpc_method *method, struct buf *out)
{
	buf_appendf(out, "access %u", method->access);
}

static json_t *document(void)
{
	static const struct rpc_method rows[] = {
		{ AUTH_PING, 7 },    { AUTH_CREATE_USER },  { AUTH_WATCH },
		{ AUTH_EMIT_AUDIT }, { AUTH_GET_RESOURCE }, { AUTH_UPLOAD_RECORDING }
	};
	static const struct rpc_offer offer = { &pv_Auth_service, rows, 6 };
	static const struct openapi_conf conf = { "Test", "1", &offer, say_access };
	struct buf text = { 0 };
	struct err err;
	json_t *root;

	assert_int_equal(openapi_write(&conf, &text, &err), 0);
	root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	buf_deinit(&text);
	return root;
}

static const json_t *at(const json_t *node, const char *const *path)
{
	for (; *path != NULL && node != NULL; path++)
		node = json_object_get(node, *path);
	return node;
}

#define AT(root, ...) at(root, (const char *const[]){ __VA_ARGS__, NULL })
#define TEXT(...)     json_string_value(AT(__VA_ARGS__))

static void rows_become_paths(void **state)
{
	json_t *root = document();
	const json_t *paths = json_object_get(root, "paths");

	(void)state;
	assert_int_equal(json_object_size(paths), 5); /* a client stream is gRPC only */
	assert_string_equal(TEXT(paths, "/v1/Ping", "post", "description"), "access 7");
	assert_string_equal(TEXT(paths, "/v1/Ping", "post", "responses", "200", "content",
	                         "application/json", "schema", "$ref"),
	                    "#/components/schemas/PingResponse");
	assert_non_null(AT(paths, "/v1/Watch", "post", "responses", "200", "content",
	                   "application/x-ndjson"));
	json_decref(root);
}

static void fields_become_properties(void **state)
{
	static const struct {
		const char *message;
		const char *field;
		const char *key;
		const char *value;
	} cases[] = {
		{ "PingResponse", "cluster_name", "type", "string" },
		{ "PingResponse", "time", "type", "integer" },
		{ "PingResponse", "ca_pins", "type", "array" },
		{ "CreateUserRequest", "ttl", "type", "string" },
		{ "CreateUserRequest", "traits", "type", "object" },
		{ "Invite", "token", "format", "password" },
		{ "Invite", "expires", "format", "date-time" },
		{ "WatchEvent", "resource", "$ref", "#/components/schemas/Resource" },
		{ "GetResourceRequest", "with_secrets", "type", "boolean" },
	};
	json_t *root = document();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(TEXT(root, "components", "schemas", cases[i].message,
		                         "properties", cases[i].field, cases[i].key),
		                    cases[i].value);
	assert_string_equal(TEXT(root, "components", "schemas", "CreateUserRequest", "properties",
	                         "traits", "additionalProperties", "$ref"),
	                    "#/components/schemas/Strings");
	assert_int_equal(json_array_size(AT(root, "components", "schemas", "WatchEvent",
	                                    "properties", "type", "enum")),
	                 5);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_become_paths),
		cmocka_unit_test(fields_become_properties),
	};

	return unit_run(tests);
}
