#include "model/glance.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <string.h>

/* The stored bytes of a node from JSON; buf_deinit() them. */
static struct buf stored(const char *json, pb_size_t tag)
{
	pv_Resource r = { .which_of = tag };
	struct buf bytes = { 0 };
	struct err err;

	assert_int_equal(fields_from_json(&pv_Node_table, json, strlen(json), &r.of.node, &err), 0);
	assert_int_equal(resource_encode(&r, &bytes, &err), 0);
	resource_deinit(&r);
	return bytes;
}

static void assert_seen(struct glance *g, const char *json, const char *hostname,
                        const char *labels)
{
	struct buf bytes = stored(json, pv_Resource_node_tag);
	struct buf text = { 0 };
	struct err err;

	assert_int_equal(glance_at_node(g, bytes.data, bytes.len, &err), 0);
	assert_string_equal(g->hostname, hostname);
	for (size_t i = 0; i < g->labels.count; i++)
		buf_appendf(&text, "%s=%s ", g->labels.items[i].key, g->labels.items[i].value);
	assert_string_equal(buf_str(&text), labels);
	buf_deinit(&text);
	buf_deinit(&bytes);
}

static void hostname_and_labels_are_seen_those_of_commands_last(void **state)
{
	static const struct {
		const char *json;
		const char *hostname;
		const char *labels;
	} cases[] = {
		{ "{}", "", "" },
		{ "{\"spec\": {\"hostname\": \"web-1\", \"addr\": \"a:1\"}}", "web-1", "" },
		{ "{\"metadata\": {\"name\": \"x\", \"labels\": {\"env\": \"prod\", \"b\": \"\"}},"
		  " \"spec\": {\"hostname\": \"db\", \"ttl\": \"1m\","
		  " \"cmd_labels\": {\"kernel\": {\"period\": \"1m\", \"result\": \"6.1\"},"
		  " \"none\": {\"command\": [\"true\"]}}}}",
		  "db", "env=prod b= kernel=6.1 " },
	};
	struct glance g = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_seen(&g, cases[i].json, cases[i].hostname, cases[i].labels);
	assert_seen(&g, cases[0].json, "", ""); /* nothing stays from the one before */
	glance_deinit(&g);
}

static void proxies_have_labels_too(void **state)
{
	struct buf bytes =
	        stored("{\"metadata\": {\"labels\": {\"a\": \"1\"}}}", pv_Resource_proxy_tag);
	struct glance g = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(glance_at_node(&g, bytes.data, bytes.len, &err), 0);
	assert_string_equal(label_get(&g.labels, "a"), "1");
	buf_deinit(&bytes);
	glance_deinit(&g);
}

static void a_record_that_is_cut_is_refused(void **state)
{
	struct buf bytes = stored("{\"metadata\": {\"labels\": {\"env\": \"prod\"}},"
	                          " \"spec\": {\"hostname\": \"web-1\"}}",
	                          pv_Resource_node_tag);
	struct glance g = { 0 };
	struct err err;

	(void)state;
	for (size_t len = 1; len < bytes.len; len++)
		assert_int_equal(glance_at_node(&g, bytes.data, len, &err), ERR_CORRUPT);
	assert_int_equal(glance_at_node(&g, bytes.data, bytes.len, &err), 0);
	buf_deinit(&bytes);
	glance_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostname_and_labels_are_seen_those_of_commands_last),
		cmocka_unit_test(proxies_have_labels_too),
		cmocka_unit_test(a_record_that_is_cut_is_refused),
	};

	return unit_run(tests);
}
